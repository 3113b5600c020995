"""Agreement of the masks of one frame: how much of each lies in the visual hull (Laurentini, 1994) of all of them.

The hull is coarse, and the masks are sampled at its resolution, so that every frame can be judged quickly. What lies
outside the image of a camera is not carved away: the image of one camera may cut off a part that the others show.
"""

from collections.abc import Mapping

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from posegaussian.geometry import rig
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import centroid, is_person
from posegaussian.preparation.mattes.hull import EXTENT, grid

Masks = Mapping[str, UInt8[np.ndarray, "_ _"]]
"""Coverage of the person, 0..255, by camera."""
LEAST = 0.5
"""Agreement below which something is wrong. Chosen by hand: right masks reach 0.85 and more."""
_CELLS = 32
"""Cells of the grid along one axis. Chosen by hand: 7 cm at 2 m from the cameras."""
_SIDE = 128
"""Longer side, pixels, to which masks are thinned out. Chosen by hand: a cell has some pixels there."""


class HullAgreement:
    """Judges the masks of frame after frame.

    The grid of cells stands where the rays through the centroids of the first masks come nearest to each other. It is
    placed anew when masks do not agree, since the person may have walked out of it.
    """

    def __init__(self, cameras: Mapping[str, SourceCamera]):
        self._cameras = dict(cameras)
        self._grid: dict[str, _Cells] = {}
        self._judged = np.zeros(0, bool)  # cells that two cameras see or more
        self._known: dict[str, np.ndarray] = {}  # pixels of these cells

    def __call__(self, masks: Masks) -> dict[str, float]:
        """Share of each mask that lies in the hull, by camera; without those that no other camera can confirm."""
        thinned = {name: _thinned(mask) for name, mask in masks.items()}
        found = self._agreement(thinned) if self._grid.keys() == masks.keys() else {}
        if not found or min(found.values()) < LEAST:
            self._place_grid(masks)
            found = self._agreement(thinned)
        return found

    def odd_one(self, masks: Masks) -> str | None:
        """The only camera without which all other masks agree; None where there is none, or are several."""
        odd = []
        for name in masks if len(masks) > 2 else ():
            found = HullAgreement(self._cameras)({other: mask for other, mask in masks.items() if other != name})
            if found and min(found.values()) >= LEAST:
                odd.append(name)
        return odd[0] if len(odd) == 1 else None

    def _place_grid(self, masks: Masks) -> None:
        """Place the grid around the person."""
        cameras = {name: self._cameras[name] for name in masks}
        pixels = np.stack([centroid(is_person(mask)) for mask in masks.values()])
        centre = rig.triangulate([*cameras.values()], pixels)
        half = EXTENT * float(np.median([np.linalg.norm(camera.centre - centre) for camera in cameras.values()]))
        cells, side = centre + grid(_CELLS) * half, 2 * half / _CELLS
        self._grid = {name: _Cells(camera, cells, side) for name, camera in cameras.items()}
        self._judged = np.sum([each.visible for each in self._grid.values()], axis=0) >= 2
        self._known = {name: each.drawn(self._judged) for name, each in self._grid.items()}

    def _agreement(self, masks: Mapping[str, Bool[np.ndarray, "_ _"]]) -> dict[str, float]:
        hull = self._judged & np.all([self._grid[name].allowed(mask) for name, mask in masks.items()], axis=0)
        found = {}
        for name, mask in masks.items():
            known = mask & self._known[name]
            if 2 * known.sum() >= mask.sum() > 0:
                found[name] = float((known & self._grid[name].drawn(hull)).sum() / known.sum())
        return found


class _Cells:
    """The cells of a grid in the thinned image of one camera."""

    def __init__(self, camera: SourceCamera, cells: Float[np.ndarray, "n 3"], side: float):
        depth = (cells - camera.centre) @ camera.rotation[2]
        ahead = depth > side
        pixels = np.full((len(cells), 2), -1.0)
        pixels[ahead] = camera.project(cells[ahead])
        self.visible = ahead & (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)
        step = _step((camera.height, camera.width))
        self._size = -(-camera.height // step), -(-camera.width // step)
        columns, rows = (pixels // step).astype(int).T
        self._pixels = np.where(self.visible, rows * self._size[1] + columns, self._size[0] * self._size[1])
        near = float(np.median(depth[self.visible])) if self.visible.any() else 1.0
        width = max(1, round(min(np.sqrt(3) * side * camera.intrinsics[0, 0] / near / step, 2 * max(self._size)))) | 1
        self._disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))

    def allowed(self, mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, " n"]:
        """Cells that contain a pixel of the mask, about, or that the camera does not see."""
        near = cv2.dilate(mask.view(np.uint8), self._disc)
        return np.append(near, np.uint8(1)).view(bool)[self._pixels]

    def drawn(self, chosen: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, "h w"]:
        """Pixels of the chosen cells."""
        drawn = np.zeros(self._size[0] * self._size[1] + 1, np.uint8)
        drawn[self._pixels[chosen]] = 1
        return cv2.dilate(drawn[:-1].reshape(self._size), self._disc) > 0


def _thinned(mask: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "rows columns"]:
    """Every n-th pixel of a mask in both directions."""
    step = _step(mask.shape)
    return is_person(np.ascontiguousarray(mask[::step, ::step]))


def _step(shape: tuple[int, ...]) -> int:
    return max(1, max(shape) // _SIDE)
