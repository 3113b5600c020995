"""Poses of a rig refined from points that several cameras see, with the given calibration as prior.

The refined poses minimise the reprojection errors of all points and the motion of the cameras. Both costs grow linearly
beyond a scale (soft L1): wrong matches count little, and of a rig in which one camera was turned, that camera moves and
the others stay. Two cameras share the motion. Where it is said which cameras move, they alone do, and squares count;
and from where this led on, the cost of each error is bounded (Geman and McClure, 1985), since even a little is too much
where more matches are wrong than right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.robust_costs import (
    bounded_cost,
    bounded_weights,
    soft_cost,
    soft_weights,
)
from posegaussian.preparation.calibration.tracks import Tracks, flat_rays, focal_of, image_slopes, place

_OUTLIER = 1.5
"""Errors beyond this times an observation's standard deviation count less and less (soft L1). Chosen by hand."""
PRIOR = 0.2
"""Motion of a camera, pixels, that weighs as much as one observation that is off by its standard deviation. By hand:
hundreds of observations decide where they can, the prior where they cannot."""
_SPARSE = 0.05
"""Motion beyond this, pixels, counts linearly. Chosen by hand: well below the errors that are to be corrected."""
_SHARED = 10.0
"""The same where two cameras share the motion, and where it was said which cameras move: what features do not determine
stays. By hand: above all errors that are corrected. With linear costs one camera of four was left 0.3 to 0.8 px off
along the epipolar lines, with these 0 to 0.3 (people 152 to 154 of `val`)."""
_ROLL_REACH = 0.25
"""Rolls and steps along the optical axis are measured this far from the image's middle, as a share of its width."""
_ROUNDS = 3
"""Times that the poses are refined, each without the points that were wrong before. Chosen by hand."""
_REJECTED = 4.0
"""Points are wrong beyond this times the median residual, both in standard deviations. Chosen by hand."""
_BOUNDED = 5.0
"""Errors of this many standard deviations cost half of the bound: 1 px of features. On people 153 and 156 to 158 of
`val`, cameras of rigs are left 0.2 to 0.3 px off with 5 and 3, by soft L1 alone 0.1 to 0.7 px, and once 3.3."""
_NO_WEIGHT = 4.0
"""Points beyond this many times `_BOUNDED` are left out then; their weight would be 1/289."""
LOOSE = 100.0
"""A prior that leaves the start free: next to none. Chosen by hand."""
_MOST_STEPS = 40
_TOLERANCE = 1e-7
"""Steps of the solver at most, and the relative change of the cost at which it stops; chosen by hand."""
_DAMPING = 1e-3, 1e-9, 1e6
"""Damping at the start, at least, and where no step helps, as shares of the diagonal. Chosen by hand."""
_SIZE = 9
"""Parameters of a camera: turn, shift, the logarithm of the focal length and the principal point."""


@dataclass(frozen=True)
class _State:
    """Current poses, focal lengths (as factors), points."""

    turns: Float[np.ndarray, "c 3 3"]
    centres: Float[np.ndarray, "c 3"]
    zooms: Float[np.ndarray, " c"]
    middles: Float[np.ndarray, "c 2"]  # motion of the principal points, pixels
    points: Float[np.ndarray, "p 3"]

    @staticmethod
    def of(
        cameras: Mapping[str, SourceCamera],
        given: Mapping[str, SourceCamera],
        names: Sequence[str],
        points: Float[np.ndarray, "p 3"],
    ) -> _State:
        """Cameras, and their lenses relative to those of the given ones."""
        return _State(
            np.stack([cameras[name].rotation for name in names]),
            np.stack([cameras[name].centre for name in names]),
            np.array([focal_of(cameras[name]) / focal_of(given[name]) for name in names]),
            np.stack([(cameras[name].intrinsics - given[name].intrinsics)[:2, 2] for name in names]),
            points,
        )

    def cameras(
        self, given: Mapping[str, SourceCamera], names: Sequence[str], fixed: Collection[str]
    ) -> dict[str, SourceCamera]:
        """The cameras that are not fixed."""
        found = {}
        for number, name in enumerate(names):
            if name not in fixed:
                pose, matrix = np.eye(4), given[name].intrinsics.copy()
                pose[:3, :3] = self.turns[number]
                pose[:3, 3] = -self.turns[number] @ self.centres[number]
                matrix[:2, :2] *= self.zooms[number]
                matrix[:2, 2] += self.middles[number]
                found[name] = replace(given[name], intrinsics=matrix, world_to_camera=pose)
        return found


def refine_poses(
    cameras: Mapping[str, SourceCamera],
    tracks: Tracks,
    *,
    focal: float = 0.0,
    principal: float = 0.0,
    prior: float = PRIOR,
    moving: Collection[str] | None = None,
    tolerance: float = _TOLERANCE,
) -> dict[str, SourceCamera]:
    """The cameras with refined poses.

    Args:
        cameras: as given, by name; those that see no point stay as they are.
        tracks: of points that two cameras or more see.
        focal: standard deviation of the focal lengths, as a share; 0: they are exact.
        principal: the same of the principal points, each way, as a share of the image's longer side. Lenses that bend
            keep theirs: their distortion is about it.
        prior: motion of a camera, pixels, that weighs as much as one observation; large where `cameras` are a guess.
        moving: the cameras that may change; all of them by default.
        tolerance: relative change of the cost at which the solver stops.
    """
    fixed = [name for name in tracks.names if moving is not None and name not in moving]
    if moving is not None:  # what they do not see does not move them
        tracks = tracks.select(np.any([tracks.seen_by(name) for name in moving], axis=0))
    linear = _SPARSE if moving is None and len(tracks.names) > 2 else _SHARED
    placed = place(tracks, cameras)
    kept = ~np.isnan(placed.points[:, 0])
    found: Mapping[str, SourceCamera] = cameras
    for number in range(_ROUNDS if moving is None else 2):
        if not kept.any():
            break
        bounded = number == 1 and moving is not None
        start = _State.of(found if bounded else cameras, cameras, tracks.names, placed.points[kept])
        problem = _Problem(cameras, start, tracks.select(kept), focal, principal, prior, linear, fixed, bounded)
        found = {**cameras, **problem.solved(tolerance).cameras(cameras, tracks.names, fixed)}
        if moving is not None:
            placed = place(tracks, found)
            kept = placed.residuals() <= _NO_WEIGHT * _BOUNDED * tracks.deviations()
        else:
            residuals = place(tracks, found).residuals() / tracks.deviations()
            kept &= residuals <= _REJECTED * float(np.median(residuals[kept]))
    return dict(found)


class _Problem:
    """Residuals, their slopes, and steps in which the points are eliminated (Schur complement)."""

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        start: _State,
        tracks: Tracks,
        focal: float,
        principal: float,
        prior: float,
        linear: float,
        fixed: Collection[str],
        bounded: bool,
    ):
        given = [cameras[name] for name in tracks.names]
        self.start, self.tracks, self.rays = start, tracks, flat_rays(tracks, cameras)
        self.cost_of, self.weight_of = (bounded_cost, bounded_weights) if bounded else (soft_cost, soft_weights)
        self.outlier = _BOUNDED if bounded else _OUTLIER
        self.focal = np.array([focal_of(camera) for camera in given])
        self.fixed = np.isin(tracks.names, list(fixed))
        self.given = _State.of(cameras, cameras, tracks.names, start.points)
        local = self._local(start)
        seen = [local[tracks.camera == c, 2] for c in range(len(given))]
        depth = np.array([np.median(each) if len(each) else 1.0 for each in seen])  # without points, cameras stay
        reach = _ROLL_REACH * np.array([camera.width for camera in given])
        across = np.stack([self.focal, self.focal, reach], axis=1)
        self.motion = np.concatenate([across, across / depth[:, None]], axis=1)  # pixels a radian, and a metre
        self.linear = linear / prior  # motion that counts linearly beyond this
        self.prior, self.zoom_weight = prior, 1 / max(focal, 1e-6)
        sizes = np.array([max(camera.width, camera.height) for camera in given])
        self.middle_weights = 1 / np.maximum(principal * sizes, 1e-6)

    def _local(self, state: _State) -> np.ndarray:
        at = self.tracks.camera
        return np.einsum("nij,nj->ni", state.turns[at], state.points[self.tracks.point] - state.centres[at])

    def errors(self, state: _State) -> np.ndarray:
        """Seen minus projected, in standard deviations."""
        at, local = self.tracks.camera, self._local(state)
        off = self.focal[at][:, None] * (self.rays - state.zooms[at][:, None] * local[:, :2] / local[:, 2:])
        found = (off - state.middles[at]) / self.tracks.sigma[:, None]
        return np.where((local[:, 2] > 0)[:, None], found, 1e3)

    def moved(self, state: _State) -> tuple[np.ndarray, np.ndarray]:
        """Motion of each camera, and change of its lens: both in standard deviations of the priors."""
        parts = []
        for turn, given, centre, start in zip(
            state.turns, self.given.turns, state.centres, self.given.centres, strict=True
        ):
            parts.append(np.concatenate([cv2.Rodrigues(turn @ given.T)[0][:, 0], given @ (centre - start)]))
        lenses = np.log(state.zooms)[:, None] * self.zoom_weight, state.middles * self.middle_weights[:, None]
        return np.stack(parts) * self.motion / self.prior, np.concatenate(lenses, axis=1)

    def cost(self, state: _State) -> float:
        motion, lenses = self.moved(state)
        data = self.cost_of(np.linalg.norm(self.errors(state), axis=1), self.outlier)
        prior = soft_cost(np.linalg.norm(motion, axis=1), self.linear)
        return float(data.sum() + prior.sum() + (lenses**2).sum())

    def solved(self, tolerance: float) -> _State:
        """Levenberg-Marquardt steps on the reweighted normal equations until the cost stays."""
        state, damping = self.start, _DAMPING[0]
        cost = self.cost(state)
        for _ in range(_MOST_STEPS):
            blocks = self._blocks(state)
            while damping < _DAMPING[2]:
                trial = self._stepped(state, blocks, damping)
                found = self.cost(trial)
                if found <= cost:  # NaN is no improvement
                    break
                damping *= 10
            else:
                break
            gain, state, cost, damping = cost - found, trial, found, max(damping / 10, _DAMPING[1])
            if gain <= tolerance * cost:
                break
        return state

    def _blocks(self, state: _State) -> tuple[np.ndarray, ...]:
        """Normal equations: of cameras, of points, between them; and the right sides."""
        at, point, count = self.tracks.camera, self.tracks.point, len(state.turns)
        local, errors = self._local(state), self.errors(state)
        scale = (self.focal[at] / self.tracks.sigma * state.zooms[at])[:, None, None]
        by_local = scale * image_slopes(local)
        by_point = np.einsum("nki,nij->nkj", by_local, state.turns[at])
        by_turn = -np.einsum("nki,nij->nkj", by_local, _crosses(local))
        by_zoom = (scale[:, 0] * local[:, :2] / local[:, 2:])[..., None]
        by_middle = np.eye(2) / self.tracks.sigma[:, None, None]
        by_camera = np.concatenate([by_turn, -by_point, by_zoom, by_middle], axis=2)
        weights = self.weight_of(np.linalg.norm(errors, axis=1), self.outlier)
        weights[local[:, 2] <= 0] = 0
        weighted = weights[:, None, None] * by_camera
        cameras, right = np.zeros((count, _SIZE, _SIZE)), np.zeros((count, _SIZE))
        np.add.at(cameras, at, np.einsum("nki,nkj->nij", weighted, by_camera))
        np.add.at(right, at, np.einsum("nki,nk->ni", weighted, errors))
        motion, lenses = self.moved(state)
        weights_of_lens = np.stack([np.full(count, self.zoom_weight), *2 * [self.middle_weights]], axis=1)
        firm = soft_weights(np.linalg.norm(motion, axis=1), self.linear)
        for c in range(count):
            slopes = np.zeros((6, 6))
            slopes[:3, :3], slopes[3:, 3:] = np.eye(3), self.given.turns[c]
            slopes *= (self.motion[c] / self.prior)[:, None]
            cameras[c, :6, :6] += firm[c] * slopes.T @ slopes
            right[c, :6] -= firm[c] * slopes.T @ motion[c]
            cameras[c, 6:, 6:] += np.diag(weights_of_lens[c] ** 2)
            right[c, 6:] -= weights_of_lens[c] * lenses[c]
        places, aims = np.zeros((len(state.points), 3, 3)), np.zeros((len(state.points), 3))
        np.add.at(places, point, np.einsum("nki,nkj->nij", weights[:, None, None] * by_point, by_point))
        np.add.at(aims, point, np.einsum("nki,nk->ni", weights[:, None, None] * by_point, errors))
        between = np.zeros((len(state.points), count, 3, _SIZE))
        between[point, at] = np.einsum("nki,nkj->nij", weights[:, None, None] * by_point, by_camera)
        cameras[self.fixed], right[self.fixed], between[:, self.fixed] = np.eye(_SIZE), 0, 0  # their steps are 0
        return cameras, right, places, aims, between.transpose(0, 2, 1, 3).reshape(len(state.points), 3, -1)

    def _stepped(self, state: _State, blocks: tuple[np.ndarray, ...], damping: float) -> _State:
        cameras, right, places, aims, between = blocks
        count = len(cameras)
        diagonal = np.einsum("pii->pi", places)
        firm = places + np.einsum("pi,ij->pij", damping * diagonal + 1e-12, np.eye(3))
        solved = np.linalg.solve(firm, np.concatenate([between, aims[..., None]], axis=2))
        whole = np.zeros((count, _SIZE, count, _SIZE))
        for c in range(count):
            whole[c, :, c] = cameras[c] + damping * np.diag(np.diag(cameras[c]))
        whole = whole.reshape(count * _SIZE, -1) - np.einsum("pki,pkj->ij", between, solved[..., :-1])
        aim = right.ravel() - np.einsum("pki,pk->i", between, solved[..., -1])
        step = np.linalg.solve(whole, aim)
        points = solved[..., -1] - np.einsum("pki,i->pk", solved[..., :-1], step)
        step = step.reshape(count, _SIZE)
        return _State(
            np.stack([cv2.Rodrigues(turn)[0] @ old for turn, old in zip(step[:, :3], state.turns, strict=True)]),
            state.centres + step[:, 3:6],
            state.zooms * np.exp(step[:, 6]),
            state.middles + step[:, 7:],
            state.points + points,
        )


def _crosses(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Matrices of the products of the vectors with others."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
