"""Convert a network of MediaPipe's BlazePose from .tflite to the .safetensors that ship with the project.

    npm pack @mediapipe/pose@0.5.1675469404 && tar xzf mediapipe-pose-0.5.1675469404.tgz
    python tools/convert_blazepose.py package/pose_landmark_full.tflite \\
        -o posegaussian/assets/blazepose/pose_landmark_full.safetensors

    pip download --no-deps mediapipe==0.10.21 && unzip mediapipe-0.10.21-*.whl "mediapipe/modules/pose_detection/*"
    python tools/convert_blazepose.py mediapipe/modules/pose_detection/pose_detection.tflite \\
        -o posegaussian/assets/blazepose/pose_detection.safetensors

Values stay as they are, half floats included. The file names its source, the source's sha256 and its licence.
"""

import argparse
import hashlib
from pathlib import Path

from posegaussian.io.tflite import read_tflite
from posegaussian.pose.detectors.blazepose.weights import write_network


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the .tflite file")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file")
    args = parser.parse_args()
    sha256 = hashlib.sha256(args.model.read_bytes()).hexdigest()
    about = {"source": args.model.name, "sha256": sha256, "license": "Apache-2.0", "authors": "The MediaPipe Authors"}
    write_network(args.output, read_tflite(args.model), about)
    print(f"{args.output}: {args.output.stat().st_size} bytes, of {args.model.name}, sha256 {sha256}")


if __name__ == "__main__":
    main()
