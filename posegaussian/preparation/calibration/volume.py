"""How much of the space that the cameras see together was shown the board."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.people import rig_centre

_RADIUS = 0.35
"""Radius of the space about the rig's centre, as a share of the cameras' median distance. Chosen by hand: 0.9 m at
2.5 m, where people's arms reach."""
_CELLS = 6
"""Cells across it. Chosen by hand: 0.3 m of 1.8 m, less than a board is wide."""


@dataclass(frozen=True)
class Volume:
    """Cubes about the rig's centre that two cameras or more see."""

    centres: Float[np.ndarray, "n 3"]  # of the cubes, metres
    side: float  # of a cube, metres
    shown: Bool[np.ndarray, " n"]  # whether a corner of the board that two cameras saw at a time was in a cube

    @staticmethod
    def of(cameras: Mapping[str, SourceCamera], corners: Float[np.ndarray, "m 3"]) -> Volume:
        """The space of a rig, and where the board was in it."""
        middle = rig_centre(cameras)
        radius = _RADIUS * float(np.median([np.linalg.norm(camera.centre - middle) for camera in cameras.values()]))
        side = 2 * radius / _CELLS
        steps = side * (np.arange(_CELLS) - (_CELLS - 1) / 2)
        grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
        centres = middle + grid[np.linalg.norm(grid, axis=1) <= radius]
        seen = np.sum([_inside(camera, centres) for camera in cameras.values()], axis=0) >= 2
        centres = centres[seen]
        apart = abs(centres[:, None] - corners[None]).max(2) if len(corners) else np.full((len(centres), 1), np.inf)
        return Volume(centres, side, np.any(apart <= side / 2, axis=1))

    @property
    def share(self) -> float:
        """Share of the cubes that were shown the board; NaN where no two cameras see the same cube."""
        return float(self.shown.mean()) if len(self.shown) else float("nan")


def _inside(camera: SourceCamera, points: Float[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
    """Whether a camera sees each point, were nothing in the way."""
    ahead = (points - camera.centre) @ camera.rotation[2] > 0
    pixels = camera.project(np.where(ahead[:, None], points, camera.centre + camera.rotation[2]))
    return ahead & (pixels >= 0).all(1) & (pixels <= [camera.width, camera.height]).all(1)
