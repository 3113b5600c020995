"""Visual hull (Laurentini, 1994) of the foreground of all cameras, on a grid of cells: where the person is.

Specks, reflections and people at the edge of the scene are foreground in some cameras only, so the hull does not
contain them. Of several people, the largest one near the rig's centre is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Float, Int, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_point

_CELLS = 64
"""Cells of the coarse grid along one axis. Chosen by hand."""
EXTENT = 0.55
"""Half the grid's side, as a share of the cameras' median distance from the rig's centre. Chosen by hand."""
_SPLIT = 4
"""Parts of a coarse cell along one axis in the fine grid. Chosen by hand."""
_DILATION = 2
"""Coarse cells around the person that the fine grid covers as well: thin limbs are lost in the coarse one. By hand."""
_MANY = 4
"""With at least this many cameras, a fine cell may be missing in the foreground of one. Chosen by hand."""
_OTHER_PERSON = 0.3
"""Another component counts as a person when it has this share of the volume of the largest one. Chosen by hand."""
_LEAST_CELLS = 8
"""Coarse cells that a person fills at least. Chosen by hand."""


@dataclass(frozen=True)
class LocatedPerson:
    """The person as the visual hull shows it."""

    regions: Mapping[str, Bool[np.ndarray, "_ _"]]  # pixels that may show the person, by camera
    centre: Float[np.ndarray, " 3"]  # of the hull, in the world, metres
    others: int  # number of other components that count as a person


class VisualHull:
    """A grid of cells around the rig's centre, and the pixels of its cells in each camera.

    The rig's centre is the point nearest to the optical axes of all cameras.
    """

    def __init__(self, cameras: Mapping[str, SourceCamera]):
        centres = np.stack([camera.centre for camera in cameras.values()])
        axes = np.stack([camera.rotation[2] for camera in cameras.values()])
        self._cameras = dict(cameras)
        self._middle = nearest_point(centres, axes)
        self._half = EXTENT * float(np.median(np.linalg.norm(centres - self._middle, axis=1)))
        self._side = 2 * self._half / _CELLS
        self._cells = self._middle + grid(_CELLS) * self._half
        self._projected = {name: _ProjectedCells(camera, self._cells, self._side) for name, camera in cameras.items()}

    def locate_person(self, seen: Mapping[str, Bool[np.ndarray, "_ _"]]) -> LocatedPerson | None:
        """The person that all cameras see; None where the hull is empty or too small."""
        inside = _votes(self._projected.values(), [seen[name] for name in self._cameras]) == len(self._cameras)
        components = _components(inside.reshape(_CELLS, _CELLS, _CELLS)).ravel()
        sizes = np.bincount(components)
        sizes[0] = 0  # the cells outside the hull
        if sizes.max() < _LEAST_CELLS:
            return None
        candidates = np.flatnonzero(sizes >= max(_LEAST_CELLS, _OTHER_PERSON * sizes.max()))
        middles = np.stack([self._cells[components == label].mean(0) for label in candidates])
        nearness = np.exp(-((np.linalg.norm(middles - self._middle, axis=1) / self._half) ** 2))
        chosen = int(np.argmax(sizes[candidates] * nearness))
        body = (components == candidates[chosen]).reshape(_CELLS, _CELLS, _CELLS)
        near = np.asarray(scipy.ndimage.binary_dilation(body, iterations=_DILATION), dtype=bool).ravel()
        fine = self._refined(self._cells[near], seen)
        regions = {name: _ProjectedCells(camera, *fine).drawn(camera) for name, camera in self._cameras.items()}
        return LocatedPerson(regions, middles[chosen], len(candidates) - 1)

    def _refined(
        self, cells: Float[np.ndarray, "n 3"], seen: Mapping[str, Bool[np.ndarray, "_ _"]]
    ) -> tuple[Float[np.ndarray, "m 3"], float]:
        """Parts of the cells that lie in the hull, and their side; all of them if none does."""
        side = self._side / _SPLIT
        cells = (cells[:, None] + grid(_SPLIT) * self._side / 2).reshape(-1, 3)
        projected = [_ProjectedCells(camera, cells, side) for camera in self._cameras.values()]
        needed = len(projected) - (len(projected) >= _MANY)
        kept = _votes(projected, [seen[name] for name in self._cameras]) >= needed
        return (cells[kept] if kept.any() else cells), side


class _ProjectedCells:
    """The pixels of the centres of cells in one camera, and the size of a cell there."""

    def __init__(self, camera: SourceCamera, cells: Float[np.ndarray, "n 3"], side: float):
        depth = (cells - camera.centre) @ camera.rotation[2]
        ahead = depth > side
        pixels = np.zeros((len(cells), 2))
        pixels[ahead] = camera.project(cells[ahead])
        self.visible = ahead & (pixels >= 0).all(1) & (pixels < (camera.width, camera.height)).all(1)
        columns, rows = pixels[self.visible].astype(int).T
        self._index = rows, columns
        near = float(np.median(depth[self.visible])) if self.visible.any() else 1.0
        self._footprint = max(1, round(np.sqrt(3) * side * camera.intrinsics[0, 0] / near)) | 1

    def covered(self, seen: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, " n"]:
        """Cells that contain a foreground pixel, about."""
        wide = cv2.dilate(seen.astype(np.uint8), self._disc())
        found = self.visible.copy()
        found[self.visible] = wide[self._index] > 0
        return found

    def drawn(self, camera: SourceCamera) -> Bool[np.ndarray, "h w"]:
        """Pixels of the cells in the camera's image."""
        drawn = np.zeros((camera.height, camera.width), np.uint8)
        drawn[self._index] = 1
        return cv2.dilate(drawn, self._disc()) > 0

    def _disc(self) -> UInt8[np.ndarray, "k k"]:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self._footprint, self._footprint))


def _votes(projected: Iterable[_ProjectedCells], seen: Sequence[Bool[np.ndarray, "_ _"]]) -> Int[np.ndarray, " n"]:
    """Number of cameras in whose foreground each cell lies."""
    return np.sum([cells.covered(mask) for cells, mask in zip(projected, seen, strict=True)], axis=0)


def _components(cells: Bool[np.ndarray, "n n n"]) -> Int[np.ndarray, "n n n"]:
    """Labels of the connected components (26 neighbours) of the cells, from 1; 0 outside."""
    labels = np.zeros(cells.shape, np.int32)
    scipy.ndimage.label(cells, np.ones((3, 3, 3)), output=labels)
    return labels


def grid(count: int) -> Float[np.ndarray, "n 3"]:
    """Centres of count^3 cells that fill [-1, 1]^3."""
    steps = (np.arange(count) + 0.5) / count * 2 - 1
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
