"""The inspection page of a capture: self-contained HTML from images and numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, UInt8
from markupsafe import Markup

from posegaussian import __version__
from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names
from posegaussian.geometry.rig import pair_angle
from posegaussian.pose.person import Person
from posegaussian.preparation.calibration.correction import Correction
from posegaussian.preparation.mattes.judgement import JudgedMask
from posegaussian.report import inspection_views as views
from posegaussian.report.images import RGBImage, heatmap_overlay
from posegaussian.report.rig_drawing import draw_rig
from posegaussian.report.template import template


@dataclass(frozen=True)
class _PairRow:
    """A row of the table of pairs: two cameras as seen from the person."""

    names: Names  # of the cameras
    angle: float  # between them, degrees
    overlap: float  # of the surface of a sphere that either camera sees, the share that both see
    chosen: bool  # whether the pair is rectified


@dataclass(frozen=True)
class InspectedPair:
    """A chosen pair at the frame that is shown, rectified; or the reason why it cannot be rectified."""

    cameras: Names  # in the order in which the pair was chosen
    names: Names  # the left and the right camera; the same as `cameras` where the pair is not rectified
    images: Sequence[RGBImage] = ()  # rectified, left and right
    heatmaps: Sequence[np.ndarray] = ()  # of the joints in them, (17 h/4 w/4) each; empty without a detector
    color: float = 0.0  # largest change of a grey's channel by the matching of colours, as a share
    problem: str = ""  # why the pair is not rectified; empty where it is


@dataclass(frozen=True)
class _Section:
    """What the page shows about a chosen pair."""

    names: Names
    epipolar: tuple[RGBImage, RGBImage]
    rows: Sequence[RGBImage]
    joints: Sequence[RGBImage]
    problem: str


def inspection_page(
    capture: Capture,
    frame: int,
    *,
    warnings: Sequence[str],
    images: Mapping[str, RGBImage],
    masks: Mapping[str, UInt8[np.ndarray, "_ _"]],
    judged: Mapping[str, JudgedMask],
    mask_kind: str,
    calibration: Correction | None = None,
    person: Float[np.ndarray, " 3"],
    pairs: Sequence[InspectedPair],
    people: Mapping[str, Person] | None = None,
) -> str:
    """HTML of the page.

    Args:
        capture: the capture; its names, cameras and roles are shown.
        frame: the number of the frame that is shown.
        warnings: one plain sentence each.
        images: of that frame, by camera.
        masks: of that frame, by camera; coverage of the person, 0..255.
        judged: what is known about these masks, by camera.
        calibration: what features say about the calibration; None: the page has no such part.
        mask_kind: how the masks were made, a value of `rectify.masks`.
        person: where the person stands, metres.
        pairs: the chosen pairs.
        people: the person that the stage `people` found in that frame, by camera; None: the page has no such part.
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
                views.mask_overlay(images[camera], mask),
                views.person_cutout(images[camera], mask),
                judged[camera],
            )
            for camera, mask in masks.items()
        ],
        kind=mask_kind,
        calibration=calibration,
        people=[
            (camera, views.found_person(images[camera], found), f"score {found.score:.2f}")
            for camera, found in (people or {}).items()
        ],
        shown=[_section(capture, pair, images, masks, person) for pair in pairs],
        version=__version__,
    )


def _table(capture: Capture, person: np.ndarray, chosen: Sequence[Names]) -> list[_PairRow]:
    """Rows of all pairs of source cameras, the narrowest first."""
    taken = {frozenset(pair) for pair in chosen}
    rows = []
    for pair in combinations(capture.sources, 2):
        angle = pair_angle(person, *(capture.cameras[camera] for camera in pair))
        # Each camera sees half of a ball; two half-spheres whose axes are an angle apart share a lune.
        rows.append(_PairRow(pair, angle, (180 - angle) / (180 + angle), frozenset(pair) in taken))
    return sorted(rows, key=lambda row: row.angle)


def _section(
    capture: Capture,
    pair: InspectedPair,
    images: Mapping[str, RGBImage],
    masks: Mapping[str, np.ndarray],
    person: np.ndarray,
) -> _Section:
    first, second = pair.cameras
    epipolar = views.draw_epipolar_lines(
        (capture.cameras[first], capture.cameras[second]), (images[first], images[second]), masks[first], person
    )
    joints = [heatmap_overlay(image, maps) for image, maps in zip(pair.images, pair.heatmaps, strict=False)]
    return _Section(pair.names, epipolar, views.draw_scan_lines(pair.images), joints, pair.problem)
