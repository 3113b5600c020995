"""`posegaussian inspect`: one self-contained page about a capture, before anything is computed from it."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from markupsafe import Markup

from posegaussian import __version__
from posegaussian.captures.capture import Capture
from posegaussian.captures.diagnostics import Finding, findings, meeting_point
from posegaussian.captures.footage import FrameRange
from posegaussian.captures.pairing import Names, named_pairs, neighbouring_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.errors import CaptureWarning, UserError
from posegaussian.io import store
from posegaussian.io.atomic import whole_file
from posegaussian.io.images import is_person
from posegaussian.pipeline.pose_environment import SMALL, detect, interpreter
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.preparation.mattes.made import with_masks
from posegaussian.report import inspection_views as views
from posegaussian.report.findings import angle_between, middle_of, out_of_time
from posegaussian.report.pictures import Picture, heatmap_overlay
from posegaussian.report.rig_drawing import draw_rig
from posegaussian.report.template import template

_RECTIFIED = (384, 384)


@dataclass(frozen=True)
class Pair:
    """Two cameras as seen from the person.

    Args:
        names: of the cameras.
        angle: between them, degrees.
        overlap: share of the person's surface, taken as a ball, that both face.
        chosen: whether it is rectified.
    """

    names: Names
    angle: float
    overlap: float
    chosen: bool


@dataclass(frozen=True)
class Rectified:
    """A chosen pair, rectified; or why it cannot be."""

    names: Names
    epipolar: tuple[Picture, Picture]
    rows: Sequence[Picture]
    joints: Sequence[Picture]
    problem: str


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
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", CaptureWarning)
        capture = with_masks(read_capture(root, format, frames), settings.masks, doubtful=True)
        frame = capture.frames[0]
        named = named_pairs(capture, pairs or capture.pairs)
        person = meeting_point(capture.cameras, {name: middle_of(capture, name, frame) for name in capture.cameras})
        problems = []
        try:
            chosen = named or neighbouring_pairs(capture, frame)
        except UserError as error:
            chosen, problems = [], [str(error)]
        said = [*problems, *map(_sentence, findings(capture, chosen, frame)), *out_of_time(capture, frame)]
        told = list(dict.fromkeys([*(str(warning.message) for warning in heard), *said]))
        table = _pairs(capture, person, chosen)
        masks = {camera: capture.mask(camera, frame) for camera in capture.cameras}
        shown = [_rectified(root, capture, pair, person, settings, pose_python) for pair in chosen]
        page = template("inspection.html.j2").render(
            capture=capture,
            frame=frame,
            warnings=told,
            rig={t: Markup(s) for t, s in draw_rig(capture.cameras, person, chosen, capture.sources).items()},
            pairs=table,
            masks=[
                (camera, views.mask_picture(image, mask), views.person_picture(image, mask), is_person(mask).mean())
                for camera, mask in masks.items()
                for image in [capture.image(camera, frame)]
            ],
            agreement=views.hull_agreement(capture.cameras, masks) if len(masks) > 1 else {},
            kind=settings.masks,
            shown=shown,
            version=__version__,
        )
    with whole_file(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return told


def _sentence(finding: Finding) -> str:
    return f"{f'camera {finding.camera} ' if finding.camera else ''}{finding.what}; {finding.hint}"


def _pairs(capture: Capture, person: np.ndarray, chosen: Sequence[Names]) -> list[Pair]:
    """Every pair of source cameras, the narrowest first."""
    taken = {frozenset(pair) for pair in chosen}
    rows = []
    for pair in combinations(capture.sources, 2):
        angle = angle_between(capture, person, *pair)
        # Two half-spheres whose axes stand an angle apart share the lune between them.
        rows.append(Pair(pair, angle, (180 - angle) / (180 + angle), frozenset(pair) in taken))
    return sorted(rows, key=lambda row: row.angle)


def _rectified(
    root: Path,
    capture: Capture,
    pair: Names,
    person: np.ndarray,
    settings: RectifySettings,
    pose_python: Path | None,
) -> Rectified:
    """What rectification makes of a pair at the first frame."""
    frame = capture.frames[0]
    epipolar = views.epipolar_pictures(capture, pair, frame, person)
    python = interpreter(pose_python)
    with TemporaryDirectory() as folder:
        rectified, heatmaps = Path(folder) / "rectified.h5", Path(folder) / "heatmaps.h5"
        try:
            rectify_capture(root, rectified, replace(settings, size=_RECTIFIED), pairs=[pair], frames=[frame])
            with store.open_checked(rectified, store.RECTIFIED) as file:
                images = file["sources/images"][0, 0]
                left, right = map(str, store.strings(file["sources/pairs"])[0])
            joints: list[Picture] = []
            if python:
                detect(rectified, heatmaps, python, SMALL)
                with store.open_checked(heatmaps, store.HEATMAPS) as file:
                    maps = file["heatmaps"][0, 0]
                    joints = [heatmap_overlay(image, m) for image, m in zip(images, maps, strict=True)]
        except UserError as error:
            return Rectified(pair, epipolar, [], [], str(error))
    return Rectified((left, right), epipolar, views.scan_lines(list(images)), joints, "")
