"""A rig seen from the person: where the person stands, and which cameras are neighbours."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from posegaussian.errors import CalibrationError
from posegaussian.geometry.lens import SourceCamera

_PARALLEL = 1e8
"""Condition number beyond which lines are parallel: 1e-4 rad apart. Chosen by hand."""


def triangulate(cameras: Sequence[SourceCamera], pixels: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " 3"]:
    """World point nearest to the viewing rays of one pixel in each camera, in least squares, metres.

    Raises:
        CalibrationError: a lens is folded back on itself there.
    """
    rays = np.stack([camera.directions(pixel[None])[0] for camera, pixel in zip(cameras, pixels, strict=True)])
    if not np.isfinite(rays).all():
        hint = "fisheye lenses are not supported: undistort the images first"
        what = "the distortion of a camera cannot be undone where the person stands"
        raise CalibrationError(what, code="unsupported-lens", hint=hint)
    return nearest_point(np.stack([camera.centre for camera in cameras]), rays)


def nearest_point(origins: Float[np.ndarray, "n 3"], directions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " 3"]:
    """Point nearest to all lines, in least squares, in the unit of the origins."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    across = np.eye(3) - unit[:, :, None] * unit[:, None, :]
    return np.linalg.lstsq(across.sum(0), np.einsum("nij,nj->i", across, origins), rcond=None)[0]


def nearest_points(
    origins: Float[np.ndarray, "cameras 3"],
    directions: Float[np.ndarray, "cameras n 3"],
    weights: Float[np.ndarray, "cameras n"] | None = None,
) -> Float[np.ndarray, "n 3"]:
    """Points nearest to one line from each origin, in weighted least squares, in the unit of the origins.

    Args:
        origins: one a camera.
        directions: n lines from each origin, of any length.
        weights: of the lines; default: 1. Lines with NaN do not count. Points of which fewer than two lines have a
            weight are NaN, and so are those whose lines are parallel.
    """
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    usable = np.isfinite(unit).all(-1)
    unit = np.where(usable[..., None], unit, 0)
    counted = usable.astype(float) if weights is None else usable * weights
    across = counted[..., None, None] * (np.eye(3) - unit[..., :, None] * unit[..., None, :])
    left, right = across.sum(0), np.einsum("cnij,cj->ni", across, origins)
    known = ((counted > 0).sum(0) >= 2) & (np.linalg.cond(left) < _PARALLEL)
    points = np.full((len(left), 3), np.nan)
    points[known] = np.linalg.solve(left[known], right[known][..., None])[..., 0]
    return points


def view_angles(point: Float[np.ndarray, " 3"], centres: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n n"]:
    """Angles between any two camera centres, seen from the point, degrees."""
    rays = centres - point
    rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    chords = np.linalg.norm(rays[:, None] - rays[None], axis=-1)
    return np.degrees(2 * np.arcsin(np.clip(chords / 2, 0, 1)))


def pair_angle(point: Float[np.ndarray, " 3"], first: SourceCamera, second: SourceCamera) -> float:
    """Angle between two cameras, seen from the point, degrees."""
    return float(view_angles(point, np.stack([first.centre, second.centre]))[0, 1])


def neighbours(angles: Float[np.ndarray, "n n"], widest: float) -> list[tuple[int, int]]:
    """Pairs of cameras with no third camera between them: the relative neighbourhood graph (Toussaint, 1980).

    Args:
        angles: between any two cameras, degrees, as `view_angles` returns them.
        widest: pairs further apart than this, degrees, are left out.
    """
    between = np.maximum(angles[:, None, :], angles[None, :, :]) < angles[:, :, None]
    near = ~between.any(-1) & (angles <= widest)
    return [(int(a), int(b)) for a, b in np.argwhere(np.triu(near, 1))]
