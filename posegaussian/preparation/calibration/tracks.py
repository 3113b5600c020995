"""Points that several calibrated cameras see at one time: what a calibration is judged and refined by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_points

_LEAST_ANGLE = np.radians(1.0)
"""Points whose rays are nearer to each other are left out: they carry hardly any information. Chosen by hand."""


@dataclass(frozen=True)
class Tracks:
    """n observations of p points in some cameras."""

    names: tuple[str, ...]  # of the cameras
    camera: Int[np.ndarray, " n"]  # index into the names, of each observation
    point: Int[np.ndarray, " n"]  # number of the point that each observation shows, 0..p-1; a camera sees a point once
    pixels: Float[np.ndarray, "n 2"]  # x and y, pixel centres at +0.5
    sigma: Float[np.ndarray, " n"]  # standard deviation of each observation, pixels

    @staticmethod
    def of(names: Sequence[str], points: Sequence[Mapping[str, np.ndarray]], sigma: Mapping[str, float]) -> Tracks:
        """Tracks from the pixel of each camera that sees a point, one mapping a point."""
        rows = [
            (names.index(name), k, *pixel, sigma[name]) for k, seen in enumerate(points) for name, pixel in seen.items()
        ]
        table = np.array(rows, float).reshape(-1, 5)
        return Tracks(tuple(names), table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:4], table[:, 4])

    def __len__(self) -> int:
        """Number of points."""
        return int(self.point.max()) + 1 if len(self.point) else 0

    def deviations(self) -> Float[np.ndarray, " p"]:
        """Mean standard deviation of each point's observations, pixels."""
        return np.bincount(self.point, self.sigma) / np.maximum(np.bincount(self.point), 1)

    def sums(self, values: Float[np.ndarray, "n a b"], count: int) -> Float[np.ndarray, "p a b"]:
        """Sums of values of the observations over those of each of `count` points."""
        columns = values.reshape(len(values), math.prod(values.shape[1:])).T
        sums = [np.bincount(self.point, column, count) for column in columns]
        return np.stack(sums, axis=1).astype(float).reshape(count, *values.shape[1:])  # counts, where there are none

    def select(self, kept: np.ndarray) -> Tracks:
        """The tracks of some points."""
        chosen, number = kept[self.point], np.cumsum(kept) - 1
        return Tracks(
            self.names, self.camera[chosen], number[self.point[chosen]], self.pixels[chosen], self.sigma[chosen]
        )

    def joined(self, other: Tracks) -> Tracks:
        """These tracks and those of other points in the same cameras."""
        both = ((getattr(self, name), getattr(other, name)) for name in ("camera", "pixels", "sigma"))
        camera, pixels, sigma = (np.concatenate(parts) for parts in both)
        return Tracks(self.names, camera, np.concatenate([self.point, other.point + len(self)]), pixels, sigma)

    def only(self, *cameras: str) -> Tracks:
        """The observations of some cameras; each of them must see all points."""
        chosen = np.isin(self.camera, [self.names.index(name) for name in cameras])
        return Tracks(self.names, self.camera[chosen], self.point[chosen], self.pixels[chosen], self.sigma[chosen])

    def seen_by(self, *cameras: str) -> np.ndarray:
        """Whether each point is seen by all of these cameras."""
        found = np.ones(len(self), bool)
        for name in cameras:
            sees = np.zeros(len(self), bool)
            sees[self.point[self.camera == self.names.index(name)]] = True
            found &= sees
        return found


@dataclass(frozen=True)
class Placed:
    """Tracks with the point in the world that fits the observations of each best."""

    tracks: Tracks  # of p points
    points: Float[np.ndarray, "p 3"]  # metres; NaN where the rays do not meet before the cameras
    errors: Float[np.ndarray, "n 2"]  # seen minus projected, undistorted pixels, of each observation

    def residuals(self) -> Float[np.ndarray, " p"]:
        """How far the rays of each point miss each other, pixels; NaN where they do not meet before the cameras.

        Of two cameras, this is the distance of one pixel from the epipolar line of the other; of more cameras, what
        cameras with the same errors have on average as a pair.
        """
        count = np.bincount(self.tracks.point, minlength=len(self.points))
        total = np.bincount(self.tracks.point, (self.errors**2).sum(1), minlength=len(self.points))
        return np.sqrt(2 * total / np.maximum(2 * count - 3, 1))


def place(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Placed:
    """The tracks with their points in the world."""
    rays = flat_rays(tracks, cameras)
    # Cameras that see none of the points cost nothing: of fifty, this is called for each two.
    used, camera = np.unique(tracks.camera, return_inverse=True)
    names = [tracks.names[index] for index in used]
    origins = np.array([cameras[name].centre for name in names]).reshape(-1, 3)
    turns = np.array([cameras[name].rotation for name in names]).reshape(-1, 3, 3)
    directions = np.full((len(names), len(tracks), 3), np.nan)
    directions[camera, tracks.point] = np.einsum("nji,nj->ni", turns[camera], _homogeneous(rays))
    points = nearest_points(origins, directions) if len(tracks) else np.empty((0, 3))
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    spread = np.full(len(tracks), -1.0)
    for a in range(len(origins)):
        for b in range(a):
            spread = np.fmax(spread, np.linalg.norm(np.cross(unit[a], unit[b]), axis=-1))
    points[~(spread >= np.sin(_LEAST_ANGLE))] = np.nan
    focal = np.array([focal_of(cameras[name]) for name in names])[camera]
    for _ in range(_ROUNDS):
        local = np.einsum("nij,nj->ni", turns[camera], points[tracks.point] - origins[camera])
        errors = focal[:, None] * (rays - local[:, :2] / local[:, 2:])
        slopes = focal[:, None, None] * np.einsum("nki,nij->nkj", image_slopes(local), turns[camera])
        points = points + _steps(tracks, slopes, errors, len(points))
    local = np.einsum("nij,nj->ni", turns[camera], points[tracks.point] - origins[camera])
    behind = np.isin(np.arange(len(points)), tracks.point[~(local[:, 2] > 0)])
    points[behind] = np.nan
    errors = focal[:, None] * (rays - local[:, :2] / local[:, 2:])
    errors[behind[tracks.point]] = np.nan
    return Placed(tracks, points, errors)


_ROUNDS = 3
"""Gauss-Newton steps from the point nearest to the rays to that of least reprojection errors; they converge at once."""


def focal_of(camera: SourceCamera) -> float:
    """Mean focal length, pixels."""
    return float(camera.intrinsics[[0, 1], [0, 1]].mean())


def flat_rays(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Float[np.ndarray, "n 2"]:
    """Observations on the image plane at depth 1, without distortion; NaN where a lens has no such pixel."""
    rays = np.full((len(tracks.pixels), 2), np.nan)
    for number, name in enumerate(tracks.names):
        mine, camera = tracks.camera == number, cameras[name]
        rays[mine] = (camera.directions(tracks.pixels[mine]) @ camera.rotation.T)[:, :2]
    return rays


def image_slopes(local: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2 3"]:
    """Slopes of the place on the image plane at depth 1 by the point, in the camera's axes."""
    inverse = 1 / local[:, 2]
    found = np.zeros((len(local), 2, 3))
    found[:, 0, 0] = found[:, 1, 1] = inverse
    found[:, :, 2] = -local[:, :2] * inverse[:, None] ** 2
    return found


def _homogeneous(flat: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    return np.column_stack([flat, np.ones(len(flat))])


def _steps(tracks: Tracks, slopes: np.ndarray, errors: np.ndarray, count: int) -> Float[np.ndarray, "p 3"]:
    """Gauss-Newton steps of the points."""
    products = slopes[:, :, :, None] * np.concatenate([slopes, errors[..., None]], axis=2)[:, :, None]
    sums = tracks.sums(products.sum(1), count)
    left, right = sums[..., :3].copy(), sums[..., 3]
    known = ~np.isnan(left.sum((1, 2)) + right.sum(1))
    left[~known] = np.eye(3)
    left += 1e-9 * np.trace(left, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    steps = np.linalg.solve(left, np.where(known[:, None], right, 0)[..., None])[..., 0]
    return np.where(known[:, None], steps, np.nan)
