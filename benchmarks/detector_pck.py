"""How well a detector finds the joints of built-in people, through the real stages: captures, rectify, heatmaps.

    python benchmarks/detector_pck.py --people 1 2 3 4 5 6 -o detector_pck.json
    python benchmarks/detector_pck.py --kind blazepose --people 100 101 102 --room living office gym --found

PCK@0.05 counts the joints found within 5 per cent of the diagonal of the person's box (of the mask, without padding).
`all`: every joint inside the image. `visible`: those of them that nothing hides, that is, where the surface seen at the
joint's pixel lies less than 15 cm before the joint, which itself lies inside the body.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from posegaussian import config
from posegaussian.io import store
from posegaussian.io.atomic import write_atomic
from posegaussian.pipeline.captures import write_capture
from posegaussian.pipeline.people import write_people
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pose.encode import pck
from posegaussian.pose.joints import true_joints
from posegaussian.registry import DETECTORS

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Make the files, compare, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--sources", type=int, default=3, help="source cameras")
    parser.add_argument("--size", type=int, default=256, help="of the rectified images, pixels")
    parser.add_argument("--kind", choices=list(DETECTORS), default="mmpose")
    parser.add_argument("--config", help="default for mmpose: package:small.py")
    parser.add_argument("--weights", help="default for mmpose: package:small.safetensors; else those of the kind")
    parser.add_argument("--room", nargs="+", default=["off"], help="kinds of rooms around the people")
    parser.add_argument("--found", action="store_true", help="take the joints from the stage people (blazepose)")
    parser.add_argument(
        "--python", type=Path, default=ROOT / ".venv-mmpose/bin/python", help="of the MMPose environment"
    )
    parser.add_argument("-o", "--output", type=Path, help="JSON")
    args = parser.parse_args()
    rows = []
    print(f"{'person':>8} {'images':>7} {'all':>7} {'visible':>8} {'error px':>9} {'score':>6} {'stage s':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for person in args.people:
            rectified, heatmaps, seconds = make_files(Path(folder), person, args)
            row = {"person": person, **compare(rectified, heatmaps), "stage_seconds": seconds}
            rows.append(row)
            show(row)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} | {"person": "mean"}
    show(mean)
    if args.output:
        settings = {key: str(value) for key, value in vars(args).items()}
        write_atomic(args.output, json.dumps({"settings": settings, "people": rows, "mean": mean}, indent=1) + "\n")


def show(row: dict) -> None:
    """One line of the table."""
    print(
        f"{row['person']:>8} {row['images']:7.0f} {row['all']:7.4f} {row['visible']:8.4f} {row['error_px']:9.2f}"
        f" {row['score']:6.2f} {row['stage_seconds']:8.2f}",
        flush=True,
    )


def make_files(folder: Path, person: int, args: argparse.Namespace) -> tuple[Path, Path, float]:
    """A person's rectified file and heatmaps, and the seconds that the heatmaps stage took, its start included."""
    capture, rectified, heatmaps = (folder / f"{person}{suffix}" for suffix in ("", ".rectified.h5", ".heatmaps.h5"))
    size = 2 * args.size
    about = {"frames": args.frames, "size": [size, size], "sources": args.sources, "room": {"kinds": args.room}}
    write_capture(person, capture, config.parse(config.BuiltinSettings, about))
    rectify_capture(capture, rectified, config.RectifySettings(size=(args.size, args.size)), pairs=None)
    small = {"config": "package:small.py", "weights": "package:small.safetensors"} if args.kind == "mmpose" else {}
    given = {key: value for key in ("config", "weights") if (value := getattr(args, key))}
    python = args.python.absolute() if DETECTORS[args.kind].environment == "mmpose" else sys.executable
    command = [python, "-m", "posegaussian", "heatmaps", rectified, "-o", heatmaps]
    if args.found:
        people = folder / f"{person}.people.h5"
        write_people(capture, people, config.FindPeopleSettings(weights=args.weights or ""))
        command += ["--people", people]
    settings = json.dumps({"kind": args.kind, **small, **given})
    start = time.perf_counter()
    subprocess.run([*command, "--settings", settings], cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
    return rectified, heatmaps, time.perf_counter() - start


def compare(rectified: Path, heatmaps: Path) -> dict[str, float]:
    """PCK and mean error of one capture's key points against its true joints."""
    with store.open_checked(rectified, store.RECTIFIED) as file:
        joints = true_joints(file)
    truth, inside, visible = (values.flatten(0, 1) for values in (joints.pixels, joints.inside, joints.visible))
    with store.open_checked(heatmaps, store.HEATMAPS) as file:
        found, scores, boxes = (
            torch.from_numpy(file[name][()]).flatten(0, 1) for name in ("keypoints", "scores", "boxes")
        )
    return {
        "images": float(2 * len(truth)),
        "all": pck(found, truth, inside, boxes),
        "visible": pck(found, truth, visible, boxes),
        "error_px": float(torch.linalg.vector_norm(found - truth, dim=-1)[inside].mean()),
        "score": float(scores[inside].mean()),
    }


if __name__ == "__main__":
    main()
