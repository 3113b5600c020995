"""The page of a calibration: reprojection errors as numbers and maps, coverage, and the pairs that share frames."""

from typing import Any

import cv2
import numpy as np

from posegaussian import __version__
from posegaussian.counts import counted
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.rig import RigCalibration
from posegaussian.preparation.calibration.selection import coverage
from posegaussian.preparation.calibration.volume import Volume
from posegaussian.report.images import RGBImage
from posegaussian.report.template import template

_WIDTH = 480
"""Width of a map, pixels. Chosen by hand."""
_SIDES = {"from above": (0, 1), "from the side": (0, 2)}
"""Axes of the world that are drawn to the right and up."""
_MAGNIFIED = 30
"""Errors are drawn this many times longer than they are. Chosen by hand: 0.3 px become 9."""
_POOR_COVERAGE = 0.7
"""Below this share of the image, more of it should be filmed: elsewhere the lens is guessed. Chosen by hand."""
_POOR_VOLUME = 0.5
"""Below this share of the space that the cameras see, the board should be moved further about. Chosen by hand."""
_FEW_FRAMES = 10
"""Below this number of shared frames a pair is weak. Chosen by hand."""


def camera_rows(found: RigCalibration) -> dict[str, dict[str, Any]]:
    """Numbers of each camera: errors in pixels, focal lengths in pixels, shares in [0, 1]."""
    rows = {}
    for name, camera in found.cameras.items():
        errors, views = found.camera_errors(name), [view for view in found.views if view.camera == name]
        rows[name] = {
            "size": [camera.width, camera.height],
            "focal": [round(float(camera.intrinsics[i, i]), 2) for i in (0, 1)],
            "views": len(views),
            "corners": len(errors),
            "median": round(float(np.median(errors)), 4),
            "p95": round(float(np.percentile(errors, 95)), 4),
            "rejected": round(float(found.rejected[name]), 4),
            "coverage": round(coverage(views, (camera.width, camera.height)), 4),
        }
    return rows


def error_table(found: RigCalibration) -> str:
    """The reprojection errors of each camera, as lines of text."""
    rows = camera_rows(found)
    width = max(6, *map(len, rows))
    lines = [f"{'camera':<{width}}  views  corners  median px  95 % px  left out  image covered"]
    for name, row in rows.items():
        lines.append(
            f"{name:<{width}}  {row['views']:5d}  {row['corners']:7d}  {row['median']:9.3f}  {row['p95']:7.3f}"
            f"  {row['rejected']:8.1%}  {row['coverage']:13.0%}"
        )
    return "\n".join(lines)


def advice(found: RigCalibration) -> list[str]:
    """What should be filmed again, a sentence each."""
    rows = camera_rows(found)
    lines = [
        f"camera {name}: the board was seen in {row['coverage']:.0%} of the image; film it in the rest, too"
        for name, row in rows.items()
        if row["coverage"] < _POOR_COVERAGE
    ]
    best = {name: max((n for pair, n in found.shared().items() if name in pair), default=None) for name in rows}
    lines += [
        f"camera {name}: shares at most {counted(count, 'frame')} with another camera; film the board where both see it"
        for name, count in best.items()
        if count is not None and count < _FEW_FRAMES
    ]
    volume = volume_of(found)
    if volume is not None and volume.share < _POOR_VOLUME:
        lines.append(
            f"the board was in {volume.share:.0%} of the space between the cameras; move it through the rest, too"
        )
    if not found.on_floor:
        lines.append("the floor is not known: lay the board on it and name that frame with --floor")
    return lines


def volume_of(found: RigCalibration) -> Volume | None:
    """The space that two cameras or more see, and where the board was in it; None where there is no such space."""
    volume = Volume.of(found.cameras, found.places) if len(found.cameras) > 1 else None
    return volume if volume is not None and len(volume.centres) else None


def calibration_page(found: RigCalibration, board: TargetBoard) -> str:
    """A page of its own, as HTML."""
    volume = volume_of(found)
    return template("calibration.html.j2").render(
        version=__version__,
        board=str(board),
        rows=camera_rows(found),
        maps={name: _error_map(found, name) for name in found.cameras},
        volume=volume,
        volume_maps={} if volume is None else {name: _volume_map(found, volume, axes) for name, axes in _SIDES.items()},
        shared=found.shared(),
        advice=advice(found),
        magnified=_MAGNIFIED,
        few=_FEW_FRAMES,
    )


def _error_map(found: RigCalibration, name: str) -> RGBImage:
    """Where corners were found, and their errors as magnified lines."""
    camera = found.cameras[name]
    scale = _WIDTH / camera.width
    image = np.full((round(scale * camera.height), _WIDTH, 3), 245, np.uint8)
    for view, errors in zip(found.views, found.errors, strict=True):
        if view.camera == name:
            starts = scale * view.pixels
            ends = starts + scale * _MAGNIFIED * errors
            for start, end in zip(np.rint(starts).astype(int), np.rint(ends).astype(int), strict=True):
                cv2.line(image, start.tolist(), end.tolist(), (200, 60, 40), 1, cv2.LINE_AA)
                cv2.circle(image, start.tolist(), 1, (40, 70, 130), -1)
    return image


def _volume_map(found: RigCalibration, volume: Volume, axes: tuple[int, int]) -> RGBImage:
    """Cubes in rows along the third axis: blue where the board was in all of them, white where in none; the cameras."""
    flat, cameras = volume.centres[:, axes], {name: camera.centre[list(axes)] for name, camera in found.cameras.items()}
    ends = np.concatenate([flat, *(place[None] for place in cameras.values())])
    least, extent = ends.min(0) - volume.side, np.ptp(ends, axis=0) + 2 * volume.side
    scale = _WIDTH / extent.max()
    image = np.full((round(scale * extent[1]), round(scale * extent[0]), 3), 245, np.uint8)

    def place(point: np.ndarray) -> list[int]:
        return [round(scale * (point[0] - least[0])), round(image.shape[0] - scale * (point[1] - least[1]))]

    for centre in np.unique(flat, axis=0):
        share = float(volume.shown[(flat == centre).all(1)].mean())
        corners = place(centre - volume.side / 2), place(centre + volume.side / 2)
        colour = [round(255 - share * each) for each in (215, 185, 125)]
        cv2.rectangle(image, *corners, colour, -1)
        cv2.rectangle(image, *corners, (190, 190, 190), 1)
    for name, centre in cameras.items():
        cv2.circle(image, place(centre), 4, (200, 60, 40), -1)
        cv2.putText(image, name, place(centre + volume.side / 4), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (60, 60, 60), 1)
    return image
