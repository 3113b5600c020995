"""`posegaussian inspect`: one self-contained page about a capture, before anything is computed from it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.captures.diagnostics import Finding, findings, meeting_point, middle
from posegaussian.captures.footage import FrameRange
from posegaussian.captures.pairing import Names, named_pairs, neighbouring_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.errors import CaptureWarning, UserError
from posegaussian.io.atomic import write_atomic
from posegaussian.io.images import is_person
from posegaussian.pipeline.pose_environment import SMALL, detect_joints, interpreter
from posegaussian.pipeline.rectify import checked_plan
from posegaussian.preparation.mattes.computed import with_masks
from posegaussian.preparation.rectification import CameraFrame, RectifiedFrame, rectify_pair
from posegaussian.preparation.rectification_plan import RectificationPlan
from posegaussian.report.findings import out_of_time
from posegaussian.report.inspection import InspectedPair, inspection_page

_RECTIFIED = (384, 384)
"""Width and height of the rectified images, pixels; the page shows them 420 pixels high."""


def write_inspection(
    root: Path,
    output: Path,
    settings: RectifySettings,
    *,
    format: str | None = None,
    pairs: Sequence[tuple[str, ...]] = (),
    frames: FrameRange | None = None,
    pose_python: Path | None = None,
) -> list[str]:
    """Write the page.

    Args:
        root: the capture's folder.
        output: the .html.
        settings: masks, margin and colours are taken from them.
        format: of the capture's layout; default: told from the folder.
        pairs: to look at; default: those the capture names, else neighbours.
        frames: to choose from; the first one is shown.
        pose_python: the MMPose environment's interpreter; default: the repository's, where there is one.

    Returns:
        the warnings that the page shows.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", CaptureWarning)
        capture = with_masks(read_capture(root, format, frames), settings.masks, lenient=True)
        frame = capture.frames[0]
        named = named_pairs(capture, pairs or capture.pairs)
        masks = {camera: capture.mask(camera, frame) for camera in capture.cameras}
        person = meeting_point(capture.cameras, {name: middle(is_person(mask)) for name, mask in masks.items()})
        chosen, problems = _chosen(capture, named, frame)
        problems += [*map(_sentence, findings(capture, chosen, frame)), *out_of_time(capture, frame)]
        problems = list(dict.fromkeys([*(str(warning.message) for warning in caught), *problems]))
        filmed = {camera: CameraFrame(capture.image(camera, frame), mask) for camera, mask in masks.items()}
        python = interpreter(pose_python) if chosen else None
        page = inspection_page(
            capture,
            frame,
            warnings=problems,
            images={camera: camera_frame.image for camera, camera_frame in filmed.items()},
            masks=masks,
            mask_kind=settings.masks,
            person=person,
            pairs=[_inspected(capture, pair, filmed, replace(settings, size=_RECTIFIED), python) for pair in chosen],
        )
    write_atomic(output, page)
    return problems


def _chosen(capture: Capture, named: list[Names], frame: int) -> tuple[list[Names], list[str]]:
    """The named pairs, else neighbours; and why there are none."""
    try:
        return named or neighbouring_pairs(capture, frame), []
    except UserError as error:
        return [], [str(error)]


def _sentence(finding: Finding) -> str:
    return f"{f'camera {finding.camera} ' if finding.camera else ''}{finding.what}; {finding.hint}"


def _inspected(
    capture: Capture,
    cameras: Names,
    filmed: Mapping[str, CameraFrame],
    settings: RectifySettings,
    python: Path | None,
) -> InspectedPair:
    """What rectification makes of a pair at the first frame, and the joints that the small detector finds in it."""
    try:
        plan = RectificationPlan(checked_plan(capture, [cameras], [capture.frames[0]], settings).pairs)
        (pair,) = plan.pairs
        left, right = pair.names
        rectified = rectify_pair(pair, filmed[left], filmed[right])
        heatmaps: list[np.ndarray] = []
        if python:
            heatmaps = list(detect_joints(plan, RectifiedFrame((rectified,)), settings, python, SMALL)[0]["heatmaps"])
    except UserError as error:
        return InspectedPair(cameras, cameras, problem=str(error))
    return InspectedPair(cameras, pair.names, list(rectified.images), heatmaps)
