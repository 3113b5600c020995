"""Record what LiteRT, TensorFlow's own runtime, makes of the image that the tests of BlazePose look at.

    python -m venv litert && litert/bin/pip install ai-edge-litert numpy pillow
    litert/bin/python tools/record_blazepose.py pose_landmark_full.tflite pose_detection.tflite \\
        tests/data/blazepose/person.png -o tests/data/blazepose/litert.npz

Where the .tflite files are from: tools/convert_blazepose.py. Matte and heatmaps are kept at every eighth cell; of the
detector's anchors, those with the highest scores and every 45th one.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image


def main() -> None:
    """Run both networks and write the outputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landmarks", type=Path, help="pose_landmark_full.tflite")
    parser.add_argument("detection", type=Path, help="pose_detection.tflite")
    parser.add_argument("image", type=Path, help="RGB, 256 x 256 pixels")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .npz file")
    args = parser.parse_args()
    image = np.asarray(Image.open(args.image), np.float32) / 255
    landmarks, score, matte, heatmaps, world = outputs(args.landmarks, image)
    values, logits = outputs(args.detection, 2 * image[16:240, 16:240] - 1)
    rows = np.union1d(logits[:, 0].argsort()[-50:], np.arange(0, len(logits), 45))
    np.savez_compressed(
        args.output,
        landmarks=landmarks,
        score=score,
        matte=matte[::8, ::8, 0],
        heatmaps=heatmaps[::8, ::8],
        world=world,
        rows=rows,
        values=values[rows],
        logits=logits[rows],
    )


def outputs(model: Path, image: np.ndarray) -> list[np.ndarray]:
    """The outputs for one image, in the order of the file."""
    from ai_edge_litert.interpreter import Interpreter  # pyright: ignore[reportMissingImports]  only this tool needs it

    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"])[0] for each in interpreter.get_output_details()]


if __name__ == "__main__":
    main()
