"""Soft visual hull: what the other cameras know about each pixel, as log-odds that it shows the person.

A pixel shows the person only if some point along its ray is the person in the other images as well (Laurentini, 1994).
Where the classical hull takes masks, this one takes log-odds: a point has the least of those of the other cameras, and
a pixel the largest of the points on its ray.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_point
from posegaussian.parallel import in_order
from posegaussian.preparation.mattes import soft_hull_kernels as kernels
from posegaussian.preparation.mattes.hull import EXTENT, grid
from posegaussian.preparation.mattes.window import Window

LIMIT = 6.0
"""Log-odds are clipped to this, in both directions: no camera alone may be certain. Chosen by hand."""
_CELLS = 48
"""Cells of the coarse grid along one axis: 7 cm for cameras 3 m away. Chosen by hand."""
_SPLIT = 2
"""Parts of a coarse cell along one axis in the fine grid: 3.5 cm for cameras 3 m away. Chosen by hand."""
LEAST = -3.0
"""Coarse cells with lower log-odds in two cameras or more are left out of the fine grid. Chosen by hand."""
SHADOWS = 1.3
"""Pixels of the map in which fine cells are drawn, as a share of a cell's width there: without holes. By hand."""


@dataclass(frozen=True)
class HullEvidence:
    """What the other cameras know, in the pixels of a window."""

    strict: Float32[np.ndarray, "h w"]  # log-odds by all other cameras together; 0 where none sees the place
    # the same, if one of the other cameras may miss the person; as `strict` where they are fewer than three
    lenient: Float32[np.ndarray, "h w"]
    others: int  # number of other cameras


class SoftHull:
    """Cells around the rig's centre, and where they are in each camera."""

    def __init__(self, cameras: Mapping[str, SourceCamera]):
        centres = np.stack([camera.centre for camera in cameras.values()])
        axes = np.stack([camera.rotation[2] for camera in cameras.values()])
        middle = nearest_point(centres, axes)
        half = EXTENT * float(np.median(np.linalg.norm(centres - middle, axis=1)))
        cells, side = middle + grid(_CELLS) * half, 2 * half / _CELLS
        places = in_order(partial(Places.of, cells=cells, side=side), cameras.values())
        self.coarse = dict(zip(cameras, places, strict=True))

    def evidence(
        self, windows: Mapping[str, Window], logits: Mapping[str, Float32[np.ndarray, "_ _"]]
    ) -> dict[str, HullEvidence]:
        """The evidence for each window from all others; all zeros where there is no other.

        Args:
            windows: of one frame, by camera.
            logits: log-odds that a pixel shows the person, by camera, in the windows' pixels.
        """
        if len(windows) < 2:
            return {name: _nothing(window) for name, window in windows.items()}
        coarse = {name: self.coarse[name] for name in windows}
        ordered = _least_two(_sampled(windows, logits, coarse))
        # A coarse cell may hold a thin limb that one camera misses, so two have to be against it.
        kept = (ordered[:, 2] >= 2) & (ordered[:, 1] > LEAST)
        if not kept.any():
            return {name: _nothing(window) for name, window in windows.items()}
        places = {name: coarse[name].split(kept) for name in windows}
        known = _sampled(windows, logits, places)
        return {
            name: _seen_from(window, places[name], np.delete(known, index, axis=0))
            for index, (name, window) in enumerate(windows.items())
        }


@dataclass(frozen=True)
class Places:
    """Cells in one camera."""

    pixels: Float32[np.ndarray, "n 2"]  # of their centres; NaN where the camera does not see them
    # change of the pixels from a cell's centre to each of its sides, along the three axes; none (m = 0) of cells that
    # are not split further
    slopes: Float32[np.ndarray, "m 3 2"]
    footprint: float  # median width of a cell, pixels

    @staticmethod
    def of(camera: SourceCamera, cells: Float[np.ndarray, "n 3"], side: float) -> "Places":
        """Positions of cells with this side, metres."""
        depth = (cells - camera.centre) @ camera.rotation[2]
        ahead = depth > 2 * side
        pixels, slopes = np.full((len(cells), 2), np.nan), np.full((len(cells), 3, 2), np.nan)
        pixels[ahead] = camera.project(cells[ahead])
        for axis in range(3):
            slopes[ahead, axis] = camera.project(cells[ahead] + side / 2 * np.eye(3)[axis]) - pixels[ahead]
        outside = ~((pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1))
        pixels[outside] = np.nan
        near = float(np.median(depth[~outside])) if not outside.all() else 1.0
        footprint = side * float(camera.intrinsics[0, 0]) / near
        return Places(pixels.astype(np.float32), slopes.astype(np.float32), footprint)

    def split(self, kept: Bool[np.ndarray, " n"]) -> "Places":
        """The parts of some cells. Within a cell, positions are linear: to a tenth of a pixel at 2 m."""
        parts = grid(_SPLIT).astype(np.float32)
        pixels = np.empty((np.count_nonzero(kept), len(parts), 2), np.float32)
        kernels.split_cells(self.pixels, self.slopes, kept, parts, pixels)
        return Places(pixels.reshape(-1, 2), np.empty((0, 3, 2), np.float32), self.footprint / _SPLIT)


def _sampled(
    windows: Mapping[str, Window], logits: Mapping[str, Float32[np.ndarray, "_ _"]], places: Mapping[str, Places]
) -> Float32[np.ndarray, "c n"]:
    """The largest log-odds in each cell's pixels, by camera; NaN where the camera does not see the cell.

    Outside a window, but inside the image, there certainly is nobody.
    """
    known = np.empty((len(windows), len(next(iter(places.values())).pixels)), np.float32)
    for (name, window), values in zip(windows.items(), known, strict=True):
        width = max(1, round(places[name].footprint * float(window.pitch.mean()))) | 1
        wide = cv2.dilate(np.clip(logits[name], -LIMIT, LIMIT), np.ones((width, width), np.uint8))
        kernels.look_up(places[name].pixels, *_frame(window), np.pad(wide, 1, constant_values=-LIMIT), values)
    return known


def _least_two(known: Float32[np.ndarray, "c n"]) -> Float32[np.ndarray, "n 3"]:
    """The least and the second least log-odds of each cell, and how many cameras see it."""
    found = np.empty((known.shape[1], 3), np.float32)
    kernels.least_two(known, found)
    return found


def _frame(window: Window) -> tuple[Float32[np.ndarray, "2"], Float32[np.ndarray, "2"]]:
    """Shift and pitch of a window."""
    return np.array(window.box[:2], np.float32), window.pitch.astype(np.float32)


def _seen_from(window: Window, places: Places, others: Float32[np.ndarray, "c n"]) -> HullEvidence:
    """Evidence of the other cameras, drawn into a window."""
    step = max(1.0, SHADOWS * places.footprint * float(window.pitch.mean()))
    size = int(np.ceil(window.height / step)), int(np.ceil(window.width / step))
    drawn = np.full((2, *size), -LIMIT, np.float32)  # where there is no cell, nobody is there
    limits = np.array([window.width, window.height], np.float32)
    kernels.draw_cells(places.pixels, *_frame(window), limits, np.float32(step), _least_two(others), *drawn)
    wide = [_enlarged(values, step, window) for values in drawn]
    return HullEvidence(*wide, others=len(others))


def _enlarged(values: Float32[np.ndarray, "r c"], step: float, window: Window) -> Float32[np.ndarray, "h w"]:
    """A map of places `step` pixels wide, in the window's pixels."""
    scale = np.array([[step, 0, 0.5 * step - 0.5], [0, step, 0.5 * step - 0.5]])
    size = window.width, window.height
    return np.asarray(cv2.warpAffine(values, scale, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _nothing(window: Window) -> HullEvidence:
    zeros = np.zeros((window.height, window.width), np.float32)
    return HullEvidence(zeros, zeros, 0)
