"""The stages of the pipeline on one capture: frames per second, processor time and memory, of one or several trees.

A built-in person is rendered once; the few frames are then shown to and fro as H.264 (given masks) and as images (true
depth, one held-out view); `people` and `footage` (all in memory) take the video without masks. Each stage runs as a
command, on a few frames and on all of them: the difference is what a frame costs, the rest is the start-up.
`--tree FOLDER` measures another checkout beside this one, in turn, for ratios.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import machine, report

from posegaussian.io.video import write_video

ROOT = Path(__file__).parents[1]

STAGES = ("rectify", "depth", "heatmaps", "render", "views", "evaluate", "people", "footage")
_SHORT = 2
"""Frames of the short run, whose time is the start-up."""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--distinct", type=int, default=8, help="frames that are rendered")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--stages", nargs="+", default=STAGES)
    parser.add_argument("--tree", type=Path, action="append", default=[], help="another checkout to measure")
    parser.add_argument("--capture", type=Path, help="a built-in capture that exists already")
    parser.add_argument("--folder", type=Path, default=ROOT / "results/benchmarks/pipeline")
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/pipeline.json")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    given.folder = given.folder.resolve()
    source = given.capture or _rendered(given.folder / "person", given)
    short, long = (_captures(source, given.folder / str(count), count) for count in (_SHORT, given.frames))
    rows = []
    for stage in given.stages:
        for tree in (ROOT, *given.tree):
            few, many = (_run(stage, tree.resolve(), folder, given) for folder in (short, long))
            rows.append(_row(stage, tree, few, many, given.frames))
    report("pipeline", rows, machine(("torch", "numba", "h5py", "isal", "opencv-python-headless", "av")), given.output)


def _rendered(output: Path, given: argparse.Namespace) -> Path:
    if not output.exists():
        settings = json.dumps({"frames": given.distinct, "size": [given.size, given.size], "sources": 2})
        command = [sys.executable, "-m", "posegaussian", "captures", "--seed", "3", "--output", str(output)]
        subprocess.run([*command, "--settings", settings], check=True, env=_environment(ROOT, given.threads))
    return output


def _captures(source: Path, folder: Path, frames: int) -> Path:
    """Folder of captures of so many frames: `video`, with given masks, `raw`, without, and `images`, with depth."""
    if folder.exists():
        return folder
    folder.mkdir(parents=True)
    for name in ("video", "images"):
        (folder / name).mkdir()
        for file in ("intri.yml", "extri.yml", "rig.json"):
            shutil.copy(source / file, folder / name / file)
    rig = json.loads((source / "rig.json").read_text())
    plain = {**rig, "targets": []}
    (folder / "video/rig.json").write_text(json.dumps(plain))
    for camera in sorted((source / "images").iterdir()):
        images = _to_and_fro(sorted(camera.iterdir()), frames)
        if camera.name in rig["sources"]:
            (folder / "video/videos").mkdir(exist_ok=True)
            write_video(folder / f"video/videos/{camera.name}.mp4", map(_read, images), fps=30)
            _linked(source, folder / "video", "masks", camera.name, frames)
        for kind in ("images", "masks", "depths"):
            _linked(source, folder / "images", kind, camera.name, frames)
    (folder / "raw").mkdir()
    for path in (folder / "video").iterdir():
        if path.name != "masks":
            (folder / "raw" / path.name).symlink_to(path)
    return folder


def _to_and_fro(files: list[Path], frames: int) -> list[Path]:
    loop = [*files, *files[-2:0:-1]]
    return [loop[frame % len(loop)] for frame in range(frames)]


def _linked(source: Path, folder: Path, kind: str, camera: str, frames: int) -> None:
    (folder / kind / camera).mkdir(parents=True)
    for frame, file in enumerate(_to_and_fro(sorted((source / kind / camera).iterdir()), frames)):
        (folder / kind / camera / f"{frame:06d}{file.suffix}").symlink_to(file.resolve())


def _read(path: Path) -> np.ndarray:
    return np.asarray(cv2.imread(str(path)))[..., ::-1]


def _environment(tree: Path, threads: int) -> dict[str, str]:
    number, others = str(threads), os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(tree), *([others] if others else [])])
    return os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": number, "NUMBA_NUM_THREADS": number}


def _run(stage: str, tree: Path, folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Wall and processor seconds, and most bytes of memory, of one stage on the captures of a folder."""
    made, size = folder / tree.name, [given.size, given.size]
    made.mkdir(exist_ok=True)
    frames = int(folder.name)
    path, views = ({"path_steps": steps, "path_size": size} for steps, size in ((frames, size), (1, [16, 16])))
    texts = (
        shlex.quote(json.dumps(each)) for each in ({"size": size, "color": "off"}, path, views, {"crops": ["bbox"]})
    )
    rectify, path, views, crops = texts
    footage = shlex.quote(json.dumps({"rectify": {"size": size, "color": "off"}, "size": size}))
    commands = {
        "rectify": f"rectify ../video -o video.h5 --settings {rectify}",
        "depth": f"rectify ../images -o images.h5 --settings {rectify}",
        "heatmaps": """heatmaps video.h5 -o heatmaps.h5 --settings '{"kind": "blazepose"}'""",
        "render": f"render video.h5 --heatmaps heatmaps.h5 -o renders.h5 --video path.mp4 --settings {path}",
        "views": f"render images.h5 -o views.h5 --settings {views}",
        "people": "people ../raw -o people.h5",
        "footage": f"render ../raw --video footage.mp4 --settings {footage}",
        "evaluate": f"evaluate views.h5 --rectified images.h5 -o metrics.csv --settings {crops}",
    }
    start = time.perf_counter()
    words = [sys.executable, "-m", "posegaussian", *shlex.split(commands[stage])]
    with subprocess.Popen(words, cwd=made, env=_environment(tree, given.threads)) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{stage} of {tree} failed")
    wall = time.perf_counter() - start
    return {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "memory": 1024.0 * used.ru_maxrss}


def _row(stage: str, tree: Path, few: dict[str, float], many: dict[str, float], frames: int) -> dict[str, Any]:
    more = frames - _SHORT
    return {
        "stage": stage,
        "tree": tree.name,
        "frames": frames,
        "frames/s": more / max(many["wall"] - few["wall"], 1e-9),
        "CPU s a frame": (many["cpu"] - few["cpu"]) / more,
        "start-up, s": few["wall"],
        "memory, GB": many["memory"] / 1e9,
    }


if __name__ == "__main__":
    main()
