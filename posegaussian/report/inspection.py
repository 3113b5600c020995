"""The page about a capture, before anything is computed from it: self-contained HTML from images and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, UInt8
from markupsafe import Markup

from posegaussian import __version__
from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names
from posegaussian.io.images import is_person
from posegaussian.report import inspection_views as views
from posegaussian.report.findings import angle_between
from posegaussian.report.pictures import Picture, heatmap_overlay
from posegaussian.report.rig_drawing import draw_rig
from posegaussian.report.template import template


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
class InspectedPair:
    """A chosen pair at the frame that is shown, rectified; or why it cannot be.

    Args:
        cameras: as they were chosen.
        names: the left and the right camera; as they were chosen where the pair is not rectified.
        images: rectified, left and right.
        heatmaps: of the joints in them, (17 h/4 w/4) each; empty without a detector.
        problem: why the pair is not rectified; empty where it is.
    """

    cameras: Names
    names: Names
    images: Sequence[Picture] = ()
    heatmaps: Sequence[np.ndarray] = ()
    problem: str = ""


@dataclass(frozen=True)
class _Section:
    """What the page shows of a chosen pair."""

    names: Names
    epipolar: tuple[Picture, Picture]
    rows: Sequence[Picture]
    joints: Sequence[Picture]
    problem: str


def inspection_page(
    capture: Capture,
    frame: int,
    *,
    warnings: Sequence[str],
    images: Mapping[str, Picture],
    masks: Mapping[str, UInt8[np.ndarray, "_ _"]],
    mask_kind: str,
    person: Float[np.ndarray, " 3"],
    pairs: Sequence[InspectedPair],
) -> str:
    """The HTML.

    Args:
        capture: its names, cameras and roles are shown.
        frame: the number of the frame that is shown.
        warnings: one plain sentence each.
        images: of that frame, by camera.
        masks: likewise, coverage of the person, 0..255.
        mask_kind: RectifySettings.masks.
        person: where the person stands, metres.
        pairs: the chosen pairs.
    """
    chosen = [pair.cameras for pair in pairs]
    drawings = draw_rig(capture.cameras, person, chosen, capture.sources)
    return template("inspection.html.j2").render(
        capture=capture,
        frame=frame,
        warnings=warnings,
        rig={title: Markup(drawing) for title, drawing in drawings.items()},
        pairs=_table(capture, person, chosen),
        masks=[
            (
                camera,
                views.mask_picture(images[camera], mask),
                views.person_picture(images[camera], mask),
                is_person(mask).mean(),
            )
            for camera, mask in masks.items()
        ],
        agreement=views.hull_agreement(capture.cameras, masks) if len(masks) > 1 else {},
        kind=mask_kind,
        shown=[_section(capture, pair, images, masks, person) for pair in pairs],
        version=__version__,
    )


def _table(capture: Capture, person: np.ndarray, chosen: Sequence[Names]) -> list[Pair]:
    """Every pair of source cameras, the narrowest first."""
    taken = {frozenset(pair) for pair in chosen}
    rows = []
    for pair in combinations(capture.sources, 2):
        angle = angle_between(capture, person, *pair)
        # Two half-spheres whose axes stand an angle apart share the lune between them.
        rows.append(Pair(pair, angle, (180 - angle) / (180 + angle), frozenset(pair) in taken))
    return sorted(rows, key=lambda row: row.angle)


def _section(
    capture: Capture,
    pair: InspectedPair,
    images: Mapping[str, Picture],
    masks: Mapping[str, np.ndarray],
    person: np.ndarray,
) -> _Section:
    first, second = pair.cameras
    epipolar = views.epipolar_pictures(
        (capture.cameras[first], capture.cameras[second]), (images[first], images[second]), masks[first], person
    )
    joints = [heatmap_overlay(image, maps) for image, maps in zip(pair.images, pair.heatmaps, strict=False)]
    return _Section(pair.names, epipolar, views.scan_lines(pair.images), joints, pair.problem)
