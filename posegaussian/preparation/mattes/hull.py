"""The visual hull (Laurentini, 1994) of what differs from the background: the person, agreed upon by all cameras.

Specks, reflections and people at the edge of the scene differ in one camera but meet in no place that every camera
sees; of several people the largest near the rig's centre is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_point

_CELLS = 64
"""Cells of the coarse grid along one axis."""
_REACH = 0.55
"""Half the grid's side, as a share of the cameras' distance from the rig's centre."""
_SPLIT = 4
"""Each coarse cell of the person is split into this many along one axis."""
_ROUND = 2
"""Coarse cells this far around the person are looked at again: thin limbs slip through."""
_MANY = 4
"""Of this many cameras, one may miss what the others see."""
_SECOND = 0.3
"""Another body counts as a person when it has this share of the volume of the one that is kept."""
_LEAST = 8
"""Coarse cells that a person fills at the least."""


@dataclass(frozen=True)
class Person:
    """The person in every camera.

    Args:
        regions: where the person may be seen, by camera.
        centre: of the hull, in the world, metres.
        others: how many other bodies of like size there are.
    """

    regions: Mapping[str, Bool[np.ndarray, "_ _"]]
    centre: Float[np.ndarray, " 3"]
    others: int


class VisualHull:
    """A grid of cells about the rig's centre, and where its cells lie in each camera.

    Args:
        cameras: by name; every one sees the person.
    """

    def __init__(self, cameras: Mapping[str, SourceCamera]):
        centres = np.stack([camera.centre for camera in cameras.values()])
        axes = np.stack([camera.rotation[2] for camera in cameras.values()])
        self._cameras = dict(cameras)
        self._middle = nearest_point(centres, axes)
        self._half = _REACH * float(np.median(np.linalg.norm(centres - self._middle, axis=1)))
        self._side = 2 * self._half / _CELLS
        self._cells = self._middle + _grid(_CELLS) * self._half
        self._places = {name: _Places(camera, self._cells, self._side) for name, camera in cameras.items()}

    def person(self, seen: Mapping[str, Bool[np.ndarray, "_ _"]]) -> Person | None:
        """The person that explains what is seen by all cameras; None where they agree on nobody."""
        inside = _votes(self._places.values(), [seen[name] for name in self._cameras]) == len(self._cameras)
        bodies = _labelled(inside.reshape(_CELLS, _CELLS, _CELLS)).ravel()
        sizes = np.bincount(bodies)
        sizes[0] = 0
        if sizes.max() < _LEAST:
            return None
        candidates = np.flatnonzero(sizes >= max(_LEAST, _SECOND * sizes.max()))
        middles = np.stack([self._cells[bodies == body].mean(0) for body in candidates])
        nearness = np.exp(-((np.linalg.norm(middles - self._middle, axis=1) / self._half) ** 2))
        chosen = int(np.argmax(sizes[candidates] * nearness))
        body = (bodies == candidates[chosen]).reshape(_CELLS, _CELLS, _CELLS)
        near = np.asarray(ndimage.binary_dilation(body, iterations=_ROUND), dtype=bool).ravel()
        fine = self._refined(self._cells[near], seen)
        regions = {name: _Places(camera, *fine).drawn(camera) for name, camera in self._cameras.items()}
        return Person(regions, middles[chosen], len(candidates) - 1)

    def _refined(
        self, cells: Float[np.ndarray, "n 3"], seen: Mapping[str, Bool[np.ndarray, "_ _"]]
    ) -> tuple[Float[np.ndarray, "m 3"], float]:
        """The cells split, as far as the cameras still agree, and their side; of many cameras one may miss a limb."""
        side = self._side / _SPLIT
        cells = (cells[:, None] + _grid(_SPLIT) * self._side / 2).reshape(-1, 3)
        places = [_Places(camera, cells, side) for camera in self._cameras.values()]
        needed = len(places) - (len(places) >= _MANY)
        kept = _votes(places, [seen[name] for name in self._cameras]) >= needed
        return (cells[kept] if kept.any() else cells), side


class _Places:
    """The pixels of cells in one camera."""

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
        """Which cells touch what is seen."""
        wide = cv2.dilate(seen.astype(np.uint8), self._disc())
        found = self.visible.copy()
        found[self.visible] = wide[self._index] > 0
        return found

    def drawn(self, camera: SourceCamera) -> Bool[np.ndarray, "h w"]:
        """The cells as the camera sees them."""
        drawn = np.zeros((camera.height, camera.width), np.uint8)
        drawn[self._index] = 1
        return cv2.dilate(drawn, self._disc()) > 0

    def _disc(self) -> UInt8[np.ndarray, "k k"]:
        return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (self._footprint, self._footprint))


def _votes(places: Iterable[_Places], seen: Sequence[Bool[np.ndarray, "_ _"]]) -> Int[np.ndarray, " n"]:
    """How many cameras see something in each cell."""
    return np.sum([place.covered(mask) for place, mask in zip(places, seen, strict=True)], axis=0)


def _labelled(cells: Bool[np.ndarray, "n n n"]) -> Int[np.ndarray, "n n n"]:
    """Bodies of touching cells, numbered from 1."""
    labels = np.zeros(cells.shape, np.int32)
    ndimage.label(cells, np.ones((3, 3, 3)), output=labels)
    return labels


def _grid(count: int) -> Float[np.ndarray, "n 3"]:
    """The centres of count^3 cells that fill [-1, 1]^3."""
    steps = (np.arange(count) + 0.5) / count * 2 - 1
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
