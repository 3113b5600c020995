"""Bundle adjustment of cameras and points with robust costs and priors.

Levenberg-Marquardt steps on reweighted normal equations, from which the points are eliminated (Schur complement; Triggs
et al., 2000). Only what may change is solved for: poses of the cameras that move, and their focal
lengths where they have a prior.
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
from posegaussian.preparation.calibration.tracks import Tracks, flat_rays, focal_of, image_slopes

_OUTLIER = 1.5
"""Errors beyond this times an observation's standard deviation count less and less (soft L1). Chosen by hand."""
BOUNDED = 5.0
"""Errors of this many standard deviations cost half of the bound: 1 px of features. On people 153 and 156 to 158 of
`val`, cameras of rigs are left 0.2 to 0.3 px off with 5 and 3, by soft L1 alone 0.1 to 0.7 px, and once 3.3."""
_ROLL_REACH = 0.25
"""Rolls and steps along the optical axis are measured this far from the image's middle, as a share of its width."""
_MOST_STEPS = 40
"""Steps of the solver at most. Chosen by hand."""
_DAMPING = 1e-3, 1e-9, 1e6
"""Damping at the start, at least, and where no step helps, as shares of the diagonal. Chosen by hand."""
_POSE = 6
"""Parameters of a camera's pose: turn and shift. The next one is the logarithm of the focal length."""


@dataclass(frozen=True)
class Priors:
    """How far cameras may be from those that are given."""

    motion: float  # standard deviation of the motion, pixels
    linear: float  # motion beyond this, pixels, counts linearly
    focal: float = 0.0  # standard deviation of focal lengths, as a share; 0: they are exact


@dataclass(frozen=True)
class State:
    """Poses, focal lengths (as factors of the given ones) and points."""

    turns: Float[np.ndarray, "c 3 3"]
    centres: Float[np.ndarray, "c 3"]
    zooms: Float[np.ndarray, " c"]
    points: Float[np.ndarray, "p 3"]

    @staticmethod
    def of(
        cameras: Mapping[str, SourceCamera],
        given: Mapping[str, SourceCamera],
        names: Sequence[str],
        points: Float[np.ndarray, "p 3"],
    ) -> State:
        """Cameras, and their lenses relative to those of the given ones."""
        return State(
            np.stack([cameras[name].rotation for name in names]),
            np.stack([cameras[name].centre for name in names]),
            np.array([focal_of(cameras[name]) / focal_of(given[name]) for name in names]),
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
                found[name] = replace(given[name], intrinsics=matrix, world_to_camera=pose)
        return found


class Adjustment:
    """Residuals, their slopes, and steps.

    Args:
        cameras: as given, by name.
        start: where the search begins.
        tracks: whose points those of the start are.
        priors: of the cameras as given.
        fixed: names of cameras that stay.
        bounded: whether the cost of an error is bounded, or grows linearly.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        start: State,
        tracks: Tracks,
        priors: Priors,
        fixed: Collection[str],
        bounded: bool,
    ):
        given = [cameras[name] for name in tracks.names]
        self.start, self.tracks, self.rays = start, tracks, flat_rays(tracks, cameras)
        self.cost_of, self.weight_of = (bounded_cost, bounded_weights) if bounded else (soft_cost, soft_weights)
        self.outlier = BOUNDED if bounded else _OUTLIER
        self.focal = np.array([focal_of(camera) for camera in given])
        self.given = State.of(cameras, cameras, tracks.names, start.points)
        local = self._local(start)
        seen = [local[tracks.camera == c, 2] for c in range(len(given))]
        depth = np.array([np.median(each) if len(each) else 1.0 for each in seen])  # without points, cameras stay
        reach = _ROLL_REACH * np.array([camera.width for camera in given])
        across = np.stack([self.focal, self.focal, reach], axis=1)
        self.motion = np.concatenate([across, across / depth[:, None]], axis=1)  # pixels a radian, and a metre
        self.linear, self.prior = priors.linear / priors.motion, priors.motion
        self.zoom_weight = 1 / priors.focal if priors.focal else 0.0
        self.size = _POSE + 1 if priors.focal else _POSE  # parameters of a camera
        self.movers = np.flatnonzero(~np.isin(tracks.names, list(fixed)))
        self.slots = np.cumsum(np.isin(np.arange(len(given)), self.movers)) - 1
        self.mine = np.flatnonzero(np.isin(tracks.camera, self.movers))  # observations of cameras that move

    def _local(self, state: State) -> np.ndarray:
        at = self.tracks.camera
        return _times(state.turns[at], state.points[self.tracks.point] - state.centres[at])

    def _errors(self, state: State) -> np.ndarray:
        """Seen minus projected, in standard deviations."""
        at, local = self.tracks.camera, self._local(state)
        scale = self.focal[at] / self.tracks.sigma
        found = scale[:, None] * (self.rays - state.zooms[at][:, None] * local[:, :2] / local[:, 2:])
        return np.where((local[:, 2] > 0)[:, None], found, 1e3)

    def _moved(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Motion of each camera, and the logarithm of its zoom: both in standard deviations of the priors."""
        parts = []
        for turn, given, centre, start in zip(
            state.turns, self.given.turns, state.centres, self.given.centres, strict=True
        ):
            parts.append(np.concatenate([cv2.Rodrigues(turn @ given.T)[0][:, 0], given @ (centre - start)]))
        return np.stack(parts) * self.motion / self.prior, np.log(state.zooms) * self.zoom_weight

    def _cost(self, state: State) -> float:
        motion, zooms = self._moved(state)
        data = self.cost_of(np.linalg.norm(self._errors(state), axis=1), self.outlier)
        prior = soft_cost(np.linalg.norm(motion, axis=1), self.linear)
        return float(data.sum() + prior.sum() + (zooms**2).sum())

    def solved(self, tolerance: float) -> State:
        """Steps until the cost changes by less than the tolerance, as a share."""
        state, damping = self.start, _DAMPING[0]
        cost = self._cost(state)
        for _ in range(_MOST_STEPS):
            blocks = self._blocks(state)
            while damping < _DAMPING[2]:
                trial = self._stepped(state, blocks, damping)
                found = self._cost(trial)
                if found <= cost:  # NaN is no improvement
                    break
                damping *= 10
            else:
                break
            gain, state, cost, damping = cost - found, trial, found, max(damping / 10, _DAMPING[1])
            if gain <= tolerance * cost:
                break
        return state

    def _blocks(self, state: State) -> tuple[np.ndarray, ...]:
        """Normal equations: of cameras, of points, between them; and the right sides."""
        at, mine, count = self.tracks.camera, self.mine, len(state.points)
        local, errors = self._local(state), self._errors(state)
        roots = np.sqrt(self.weight_of(np.linalg.norm(errors, axis=1), self.outlier))
        roots[local[:, 2] <= 0] = 0
        errors *= roots[:, None]
        scale = (roots * self.focal[at] / self.tracks.sigma * state.zooms[at])[:, None, None]
        by_local = scale * image_slopes(local)
        by_point = by_local @ state.turns[at]
        by_turn = -by_local[mine] @ _crosses(local[mine])
        by_zoom = (by_local[mine][:, [0, 1], [0, 1]] * local[mine, :2])[..., None]
        by_camera = np.concatenate([by_turn, -by_point[mine], by_zoom], axis=2)[:, :, : self.size]
        places, aims = (
            self.tracks.sums(each, count)
            for each in (_products(by_point, by_point), _products(by_point, errors[..., None]))
        )
        slots, size = self.slots[at[mine]], self.size
        between = np.zeros((count, 3, len(self.movers), size))
        between[self.tracks.point[mine], :, slots] = _products(by_point[mine], by_camera)
        cameras, right = self._prior_blocks(state)
        for slot in range(len(self.movers)):
            rows, off = by_camera[slots == slot].reshape(-1, size), errors[mine][slots == slot].ravel()
            cameras[slot] += rows.T @ rows
            right[slot] += rows.T @ off
        return cameras, right, places, aims[..., 0], between.reshape(count, 3, -1)

    def _prior_blocks(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """Normal equations of the priors, and their right sides."""
        motion, zooms = self._moved(state)
        firm = soft_weights(np.linalg.norm(motion, axis=1), self.linear)
        cameras = np.zeros((len(self.movers), _POSE + 1, _POSE + 1))
        right = np.zeros((len(self.movers), _POSE + 1))
        for slot, c in enumerate(self.movers):
            slopes = np.zeros((_POSE, _POSE))
            slopes[:3, :3], slopes[3:, 3:] = np.eye(3), self.given.turns[c]
            slopes *= (self.motion[c] / self.prior)[:, None]
            cameras[slot, :_POSE, :_POSE] = firm[c] * slopes.T @ slopes
            right[slot, :_POSE] = -firm[c] * slopes.T @ motion[c]
            cameras[slot, _POSE, _POSE] = self.zoom_weight**2
            right[slot, _POSE] = -self.zoom_weight * zooms[c]
        return cameras[:, : self.size, : self.size], right[:, : self.size]

    def _stepped(self, state: State, blocks: tuple[np.ndarray, ...], damping: float) -> State:
        cameras, right, places, aims, between = blocks
        firm = places + (damping * np.einsum("pii->pi", places) + 1e-12)[..., None] * np.eye(3)
        solved = np.linalg.inv(firm) @ np.concatenate([between, aims[..., None]], axis=2)
        flat = between.reshape(-1, between.shape[2])
        reduced = flat.T @ solved.reshape(len(flat), -1)
        whole, size = -reduced[:, :-1], self.size
        for slot, block in enumerate(cameras):
            part = slice(slot * size, (slot + 1) * size)
            whole[part, part] += block + damping * np.diag(np.diag(block))
        step = np.linalg.solve(whole, right.ravel() - reduced[:, -1])
        points = solved[..., -1] - solved[..., :-1] @ step
        steps = np.zeros((len(state.turns), _POSE + 1))
        steps[self.movers, :size] = step.reshape(-1, size)
        return State(
            np.stack([cv2.Rodrigues(turn)[0] @ old for turn, old in zip(steps[:, :3], state.turns, strict=True)]),
            state.centres + steps[:, 3:_POSE],
            state.zooms * np.exp(steps[:, _POSE]),
            state.points + points,
        )


def _times(matrices: Float[np.ndarray, "n 3 3"], vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return np.asarray((matrices * vectors[:, None]).sum(2))


def _products(first: Float[np.ndarray, "n 2 a"], second: Float[np.ndarray, "n 2 b"]) -> Float[np.ndarray, "n a b"]:
    """The first matrices transposed times the second ones; one by one, `@` is slower for ones as small."""
    return first[:, 0, :, None] * second[:, 0, None] + first[:, 1, :, None] * second[:, 1, None]


def _crosses(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3 3"]:
    """Matrices of the products of the vectors with others."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
