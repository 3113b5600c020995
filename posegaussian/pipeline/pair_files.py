"""One pair of cameras, and a camera between them if there is one, taken through the stages: files and numbers."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.config import DetectorSettings, EvaluateSettings, RectifySettings, RenderSettings
from posegaussian.errors import CaptureError
from posegaussian.evaluation.rows import Row, read_back
from posegaussian.pipeline.calibration import with_calibration
from posegaussian.pipeline.evaluate import evaluate_capture
from posegaussian.pipeline.heatmaps import extract_heatmaps
from posegaussian.pipeline.rectify import checked_plan, rectify_frames
from posegaussian.pipeline.render import render_capture
from posegaussian.preparation.known_people import KnownPeople, frames_with_person
from posegaussian.preparation.mattes.computed import with_masks
from posegaussian.preparation.people_file import PeopleFile

T = TypeVar("T")
_STEPS, _PATH = 3, (256, 256)
"""Steps of the path between the cameras: its middle one is shown where no camera is held out. And the images' size."""


def read_with_masks(
    root: Path, frames: FrameRange | None, settings: RectifySettings, file: PeopleFile | None
) -> tuple[Capture, list[int]]:
    """A capture with masks, and the numbers of its frames with the person.

    Args:
        root: the capture's folder.
        frames: to choose from; default: all.
        settings: where the masks come from.
        file: of the stage `people`, for masks where none are given; None: the person is looked for.

    Raises:
        CaptureError: the capture cannot be read, has fewer than two cameras, or nobody in any frame.
        StoreError: the file of people is of another capture.
    """
    capture = read_capture(root, frames=frames)
    if len(capture.cameras) < 2:
        raise CaptureError("a pair needs two cameras", code="too-few-cameras", file=root)
    capture, _ = with_calibration(capture, settings, [], capture.frames)
    known = None if file is None else KnownPeople(file, capture)
    capture = with_masks(capture, settings.masks, label=settings.mask_label, people=known, matting=settings.matting)
    numbers = list(capture.frames) if file is None else frames_with_person(file, capture, list(capture.frames))
    if not numbers:
        raise CaptureError("nobody is in any of the chosen frames", code="no-frames-chosen", file=root)
    return capture, numbers


def spread(numbers: Sequence[T], count: int) -> list[T]:
    """At most so many of some items, spread over all."""
    count = min(count, len(numbers))
    return [numbers[(2 * i + 1) * len(numbers) // (2 * count)] for i in range(count)]


@dataclass(frozen=True)
class PairFiles:
    """Stores of a pair."""

    rectified: Path
    heatmaps: Path


def write_pair_files(
    folder: Path,
    name: str,
    capture: Capture,
    pair: Names,
    held_out: str | None,
    frames: Sequence[int],
    rectify: RectifySettings,
    detector: DetectorSettings,
) -> PairFiles:
    """Rectify a pair and detect its joints.

    Args:
        folder: for the stores; it exists.
        name: of the files.
        capture: with masks.
        pair: the sources.
        held_out: the camera between them; None: none.
        frames: to take.
        rectify: settings; where `target_size` is null, the view of the held-out camera is as large as the rectified
            ones.
        detector: of the joints.

    Raises:
        CalibrationError, CaptureError: the pair cannot be rectified.
    """
    cameras = pair if held_out is None else (*pair, held_out)
    chosen = replace(capture, held_out=()).with_roles(cameras=cameras, held_out=() if held_out is None else [held_out])
    if held_out is not None and rectify.target_size is None:
        rectify = replace(rectify, target_size=_as_large(capture, held_out, max(rectify.size)))
    files = PairFiles(folder / f"{name}.h5", folder / f"{name}.heatmaps.h5")
    rectify_frames(files.rectified, chosen, checked_plan(chosen, [pair], frames, rectify), frames, rectify)
    extract_heatmaps(files.rectified, files.heatmaps, detector)
    return files


def _as_large(capture: Capture, camera: str, longer: int) -> tuple[int, int]:
    """Width and height of a camera's images, shrunk to a longer side."""
    size = capture.cameras[camera].width, capture.cameras[camera].height
    share = min(longer / max(size), 1.0)
    return round(share * size[0]), round(share * size[1])


def render_pair(files: PairFiles, weights: Path, output: Path, device: str) -> None:
    """Render a pair's views: of its held-out camera, and three on the path between the sources.

    Args:
        files: of the pair.
        weights: of the network.
        output: the renders .h5; the name of its folder is the model's.
        device: auto, cpu, cuda or cuda:N.
    """
    render_capture(
        files.rectified,
        heatmaps=files.heatmaps,
        weights=weights,
        output=output,
        video=None,
        frames=None,
        splats=None,
        settings=RenderSettings(path_steps=_STEPS, path_size=_PATH, neighbours=0),
        device=device,
    )


def measure_pair(files: PairFiles, renders: Path, output: Path, settings: EvaluateSettings) -> list[Row]:
    """The metrics of a pair's views of its held-out camera; they are written as .csv, too."""
    evaluate_capture(renders, files.rectified, output, settings)
    return read_back(output)


def means(rows: Iterable[Row]) -> dict[tuple[str, str, str], float]:
    """Means over frames and cameras, by method, scope and metric; those of no value are left out."""
    groups: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        if not math.isnan(row.value):
            groups.setdefault((row.method, row.scope, row.metric), []).append(row.value)
    return {key: math.fsum(values) / len(values) for key, values in groups.items()}
