"""Mattes found in raw footage, against exact ones: people of `val` in rooms, with and without an empty scene.

    python benchmarks/footage.py -o footage.json                 # 512 and 1024 px, 2 and 4 cameras
    python benchmarks/footage.py --short --folder /tmp/captures  # a few captures at 512 px, which stay in the folder
    python benchmarks/footage.py --things box ball               # people hold a box or a ball
    python benchmarks/footage.py --pipeline                      # also box PSNR of the whole pipeline

`iou`: intersection over union of the pixels that are covered by half or more, the mean of all images. `boundary_px`:
the distance of each boundary pixel from the nearest one of the other matte, both ways; the median of an image, the mean
of all images. `below_095`: share of images with an IoU below 0.95; images in which nobody was found count as 0.
`seconds`: processor time an image of frames that follow another one; `seconds_first`: of first frames, in which people
are looked for in whole images, and networks are loaded. `psnr_loss`: box PSNR of held-out views with exact
masks less that with found ones; both are compared with the same images.
"""

import argparse
import csv
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from harness import machine, report
from jaxtyping import Bool, UInt8

from posegaussian import config
from posegaussian.captures.capture import Capture
from posegaussian.captures.reading import read_capture
from posegaussian.config.people import Thing
from posegaussian.config.synthetic import REALISTIC_SENSOR
from posegaussian.geometry.masks import is_person
from posegaussian.model.weights import RELEASE
from posegaussian.pipeline.captures import write_capture
from posegaussian.pipeline.evaluate import evaluate_capture
from posegaussian.pipeline.heatmaps import extract_heatmaps
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pipeline.render import render_capture
from posegaussian.preparation.mattes.found import FoundMattes
from posegaussian.preparation.mattes.scene import Scene

PEOPLE = tuple(range(101, 109))
SHORT = (101, 104, 107, 110)
SETTINGS = config.BuiltinSettings(
    frames=2,
    sources=4,
    images="png",
    rig=config.RigSettings(
        baseline=(25, 60),
        radius=(2, 4),
        pitch=(-5, 15),
        roll=(-3, 3),
        focal=(0.6, 1.6),
        margin=(0.03, 0.12),
        vertical=0,
    ),
    sensor=REALISTIC_SENSOR,
    room=config.RoomSettings(kinds=("living", "office", "gym", "green", "black", "dome", "outdoors")),
)
"""Ordinary cameras in ordinary places: four on an arc, with all effects of the stream's sensors."""
WORST = 0.95


def main() -> None:
    """Make captures, find mattes, compare, print a table and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=PEOPLE, help="seeds of `val`")
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 1024], help="of the images, pixels")
    parser.add_argument("--cameras", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--things", nargs="+", default=[], help="what people wear and hold; see docs/synthetic.md")
    parser.add_argument("--short", action="store_true", help=f"people {SHORT} at 512 px only")
    parser.add_argument(
        "--folder", type=Path, help="where captures are made, and found again; default: a temporary one"
    )
    parser.add_argument("--pipeline", action="store_true", help="also the whole pipeline's PSNR, at the largest size")
    parser.add_argument("-o", "--output", type=Path, default=Path("footage.json"))
    parser.add_argument("--jobs", type=int, default=1, help="processes, each for one person at a time")
    args = parser.parse_args()
    people, sizes = (SHORT, [512]) if args.short else (args.people, args.sizes)
    jobs = ProcessPoolExecutor(args.jobs, get_context("spawn"), torch.set_num_threads, (1,))
    with tempfile.TemporaryDirectory() as temporary, jobs:
        folder = args.folder or Path(temporary)
        rows = []
        for size in sizes:
            captures = [folder / str(size) / str(person) for person in people]
            captures = list(jobs.map(_made, captures, people, repeat(size), repeat(tuple(args.things))))
            for cameras in args.cameras:
                for scene in (False, True):
                    rows.append({"size": size, "cameras": cameras, "empty_scene": scene})
                    rows[-1] |= _accuracy(jobs, captures, cameras, scene)
                    print(rows[-1], flush=True)
        if args.pipeline:
            rows += [{"size": sizes[-1], **_pipeline(capture, Path(temporary))} for capture in captures]
    report("footage", rows, machine(("torch", "numpy", "opencv-python-headless")), args.output)


def _made(root: Path, person: int, size: int, things: tuple[Thing, ...]) -> Path:
    """The capture's folder, made if it does not exist."""
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        people = config.PeopleSettings(things=things)
        write_capture(person, root, replace(SETTINGS, size=(size, size), people=people))
    return root


@dataclass(frozen=True)
class _Found:
    """What was found in a capture: `boundaries` and `confidences` of the images in which there is somebody.

    Args:
        overlaps: of all images.
        boundaries: pixels.
        confidences: in [0, 1].
        first: processor time of the first frame, seconds.
        following: of the others.
    """

    overlaps: list[float]
    boundaries: list[float]
    confidences: list[float]
    first: float
    following: float


def _accuracy(jobs: Executor, roots: list[Path], cameras: int, scene: bool) -> dict[str, float]:
    """One row of the table: the means over all images."""
    found = list(jobs.map(_found, roots, repeat(cameras), repeat(scene)))
    overlaps = np.array([value for each in found for value in each.overlaps])
    return {
        "images": len(overlaps),
        "iou": float(np.mean(overlaps)),
        "median_iou": float(np.median(overlaps)),
        "boundary_px": float(np.mean([value for each in found for value in each.boundaries])),
        "below_095": float(np.mean(overlaps < WORST)),
        "confidence": float(np.mean([value for each in found for value in each.confidences])),
        "seconds": sum(each.following for each in found) / (len(overlaps) * (1 - 1 / SETTINGS.frames)),
        "seconds_first": sum(each.first for each in found) / (len(overlaps) / SETTINGS.frames),
    }


def _found(root: Path, cameras: int, scene: bool) -> _Found:
    """Compare what is found in the first cameras of a capture."""
    overlaps, boundaries, confidences, seconds = [], [], [], {True: 0.0, False: 0.0}
    exact = read_capture(root)
    exact = exact.with_roles(exact.sources[:cameras])
    scenes = {name: Scene(image) for name in exact.cameras if scene and (image := exact.background(name)) is not None}
    finder = FoundMattes(exact, lambda: scenes)
    images = {frame: {name: exact.image(name, frame) for name in exact.cameras} for frame in exact.frames}
    found = {}
    for frame in exact.frames:
        start = time.process_time()
        found[frame] = finder.frame(frame, images[frame])
        seconds[frame == exact.frames[0]] += time.process_time() - start
    for name, frame, truth in _masks(exact):
        if name in found[frame]:
            matte = found[frame][name]
            overlaps.append(overlap(is_person(matte.coverage), is_person(truth)))
            boundaries.append(boundary_distance(is_person(matte.coverage), is_person(truth)))
            confidences.append(matte.confidence)
        else:
            overlaps.append(0.0)
    return _Found(overlaps, boundaries, confidences, seconds[True], seconds[False])


def _masks(capture: Capture) -> Iterator[tuple[str, int, UInt8[np.ndarray, "h w"]]]:
    """Camera, frame and exact mask of every image."""
    for frame in capture.frames:
        for name in capture.cameras:
            yield name, frame, capture.mask(name, frame)


def overlap(one: Bool[np.ndarray, "h w"], other: Bool[np.ndarray, "h w"]) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def boundary_distance(one: Bool[np.ndarray, "h w"], other: Bool[np.ndarray, "h w"]) -> float:
    """Median distance of boundary pixels from the other boundary, both ways, pixels; infinite where one is empty."""
    edges = [
        mask & ~(cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0)
        for mask in (one, other)
    ]
    if not all(edge.any() for edge in edges):
        return float("inf")
    away = [cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, 5) for edge in edges]
    return float(np.median(np.concatenate([away[1][edges[0]], away[0][edges[1]]])))


def _pipeline(root: Path, temporary: Path) -> dict[str, float]:
    """Box PSNR of the held-out views of one frame: with exact masks, and with those that are found."""
    bare = temporary / f"{root.name}-without-masks"
    bare.mkdir(exist_ok=True)
    for path in root.iterdir():
        if path.name not in ("masks", "backgrounds") and not (bare / path.name).exists():
            (bare / path.name).symlink_to(path.resolve())
    made = {
        kind: _renders(source, temporary / f"{root.name}-{kind}") for kind, source in (("exact", root), ("found", bare))
    }
    exact, _ = made["exact"]
    quality = {}
    for kind, (_, renders) in made.items():
        table = temporary / f"{root.name}-{kind}.csv"
        evaluate_capture(renders, exact, table, config.EvaluateSettings(crops=("bbox",), lpips=(), lpips_weights=None))
        with table.open() as file:
            rows = [
                row for row in csv.DictReader(file) if row["metric"] == "psnr" and row["method"] == renders.parent.name
            ]
        quality[kind] = float(np.mean([float(row["value"]) for row in rows]))
    loss = quality["exact"] - quality["found"]
    return {"person": int(root.name), "psnr_exact": quality["exact"], "psnr_found": quality["found"], "psnr_loss": loss}


def _renders(capture: Path, folder: Path) -> tuple[Path, Path]:
    """The rectified file and the renders of a capture's first frame, with the weights that ship."""
    folder.mkdir()
    rectified, heatmaps, renders = (folder / f"{name}.h5" for name in ("rectified", "heatmaps", "renders"))
    width = next(iter(read_capture(capture).cameras.values())).width
    settings = config.RectifySettings(size=(width, width))
    rectify_capture(capture, rectified, settings, frames=[0])
    extract_heatmaps(rectified, heatmaps, config.DetectorSettings(kind="blazepose"))
    render_capture(
        rectified, heatmaps=heatmaps, weights=RELEASE, output=renders, video=None, frames=None, splats=None,
        settings=config.RenderSettings(), device="auto",
    )  # fmt: skip
    return rectified, renders


if __name__ == "__main__":
    main()
