"""Bundle adjustment: lenses and poses of all cameras and poses of the board, from all corners at once, robustly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_matrix

from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.chaining import Lens, matrix_of, vector_of
from posegaussian.preparation.calibration.detection import View
from posegaussian.preparation.calibration.intrinsics import COEFFICIENTS

_LENS = 4 + COEFFICIENTS
"""Parameters of a lens: fx, fy, cx, cy, and the distortion."""
_CAMERA = _LENS + 6
"""Parameters of a camera: its lens and its pose."""
_SOFT = 0.5
"""Errors beyond this, pixels, count less and less (soft L1). Chosen by hand: a good corner is exact to 0.1 px."""
_TOLERANCE = 1e-10
"""Relative change of the cost at which the solver stops; chosen by hand."""
_MOST_STEPS = 30
"""Steps of the solver at most; it needs about ten."""
_DAMPING = 1e-4, 1e-9, 1e8
"""Damping at the start, at least, and where no step helps, as shares of the diagonal. Chosen by hand."""


@dataclass(frozen=True)
class Solution:
    """What a bundle adjustment found."""

    lenses: Mapping[str, Lens]  # intrinsics, pixel centres at +0.5, and distortion k1, k2, p1, p2, by camera
    cameras: Mapping[str, Float[np.ndarray, "4 4"]]  # from the first camera's axes to each camera's
    boards: Mapping[int, Float[np.ndarray, "4 4"]]  # from the board's axes to the first camera's, by frame
    errors: Sequence[Float[np.ndarray, "_ 2"]]  # found minus projected corners, pixels, of each view


class _Problem:
    """Residuals and their sparse Jacobian; the first camera's pose stays the identity."""

    def __init__(self, board: TargetBoard, views: Sequence[View], cameras: Sequence[str], frames: Sequence[int]):
        self.views = views
        self.points = [board.corners[view.ids] for view in views]
        self.camera = [cameras.index(view.camera) for view in views]
        self.frame = [frames.index(view.frame) for view in views]
        self.cameras, self.frames = len(cameras), len(frames)
        self.size = _CAMERA * self.cameras + 6 * self.frames
        self.used = np.r_[0:_LENS, _CAMERA : self.size]  # without the pose of the first camera

    def whole(self, free: np.ndarray) -> np.ndarray:
        values = np.zeros(self.size)
        values[self.used] = free
        return values

    def split(self, free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parameters of the cameras and of the boards, a row each."""
        values = self.whole(free)
        cut = _CAMERA * self.cameras
        return values[:cut].reshape(-1, _CAMERA), values[cut:].reshape(-1, 6)

    def residuals(self, free: np.ndarray) -> np.ndarray:
        cameras, boards = self.split(free)
        found = []
        for view, points, camera, frame in zip(self.views, self.points, self.camera, self.frame, strict=True):
            row, pose = cameras[camera], boards[frame]
            turn, shift = cv2.composeRT(pose[:3], pose[3:], row[_LENS : _LENS + 3], row[_LENS + 3 :])[:2]
            pixels = cv2.projectPoints(points, turn, shift, *_lens(row))[0]
            found.append((view.pixels - pixels[:, 0]).ravel())
        return np.concatenate(found)

    def jacobian(self, free: np.ndarray) -> csr_matrix:
        cameras, boards = self.split(free)
        values, columns, lengths = [], [], []
        for points, camera, frame in zip(self.points, self.camera, self.frame, strict=True):
            row, pose = cameras[camera], boards[frame]
            turn, shift, rr1, rt1, rr2, rt2, tr1, tt1, tr2, tt2 = cv2.composeRT(
                pose[:3], pose[3:], row[_LENS : _LENS + 3], row[_LENS + 3 :]
            )
            slopes = cv2.projectPoints(points, turn, shift, *_lens(row))[1]
            by_pose = slopes[:, :6]  # then focal lengths, centre and distortion
            by_board = by_pose @ np.block([[rr1, rt1], [tr1, tt1]])
            by_camera = by_pose @ np.block([[rr2, rt2], [tr2, tt2]])
            values.append(-np.hstack([slopes[:, 6 : 6 + _LENS], by_camera, by_board]))
            start = _CAMERA * self.cameras + 6 * frame
            place = np.r_[_CAMERA * camera : _CAMERA * (camera + 1), start : start + 6]
            columns.append(np.tile(place, (len(slopes), 1)))
            lengths.append(len(slopes))
        width, rows = _CAMERA + 6, sum(lengths)
        starts = width * np.arange(rows + 1)
        content = np.concatenate(values).ravel(), np.concatenate(columns).ravel(), starts
        return csr_matrix(content, shape=(rows, self.size))[:, self.used]


def adjust(
    board: TargetBoard,
    views: Sequence[View],
    lenses: Mapping[str, Lens],
    cameras: Mapping[str, Float[np.ndarray, "4 4"]],
    boards: Mapping[int, Float[np.ndarray, "4 4"]],
) -> Solution:
    """The solution with the least sum of squared errors (soft L1) of all corners, from a start.

    Args:
        board: in the views.
        views: of all cameras.
        lenses: by camera.
        cameras: from the first camera's axes to each camera's.
        boards: from the board's axes to the first camera's, by frame of the views.
    """
    names, frames = list(cameras), sorted({view.frame for view in views})
    problem = _Problem(board, views, names, frames)
    rows = [np.concatenate([_values(*lenses[name]), vector_of(cameras[name])]) for name in names]
    start = np.concatenate([*rows, *(vector_of(boards[frame]) for frame in frames)])[problem.used]
    found = _minimised(problem, start)
    solved, posed = problem.split(found)
    ends = np.cumsum([2 * len(view.ids) for view in views])[:-1]
    return Solution(
        {name: _lens(row) for name, row in zip(names, solved, strict=True)},
        {name: matrix_of(row[_LENS:]) for name, row in zip(names, solved, strict=True)},
        {frame: matrix_of(row) for frame, row in zip(frames, posed, strict=True)},
        [part.reshape(-1, 2) for part in np.split(problem.residuals(found), ends)],
    )


def _minimised(problem: _Problem, start: np.ndarray) -> np.ndarray:
    """Parameters with the least robust cost, by Levenberg-Marquardt steps on the reweighted normal equations.

    These are small and dense (14 numbers a camera, 6 a frame), and solved exactly. `scipy.optimize.least_squares` with
    lsmr took 100 steps and 20 times as long on four cameras and 60 frames, and had not converged.
    """
    values, damping = start, _DAMPING[0]
    errors = problem.residuals(values)
    for _ in range(_MOST_STEPS):
        slopes, weights = problem.jacobian(values), 1 / np.sqrt(1 + (errors / _SOFT) ** 2)
        hessian = (slopes.T @ slopes.multiply(weights[:, None]).tocsr()).toarray()
        gradient, cost = slopes.T @ (weights * errors), _cost(errors)
        while damping < _DAMPING[2]:
            trial = values - np.linalg.solve(hessian + np.diag(damping * np.diag(hessian)), gradient)
            trial_errors = problem.residuals(trial)
            if _cost(trial_errors) <= cost:  # NaN is no improvement
                break
            damping *= 10
        else:
            break
        gain = cost - _cost(trial_errors)
        values, errors, damping = trial, trial_errors, max(damping / 10, _DAMPING[1])
        if gain <= _TOLERANCE * cost:
            break
    return values


def _cost(errors: np.ndarray) -> float:
    """Soft L1: squared errors that grow linearly beyond `_SOFT`."""
    return float((np.sqrt(1 + (errors / _SOFT) ** 2) - 1).sum())


def _values(matrix: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    return np.concatenate([matrix[[0, 1, 0, 1], [0, 1, 2, 2]], distortion[:COEFFICIENTS]])


def _lens(row: np.ndarray) -> Lens:
    fx, fy, cx, cy = row[:4]
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), row[4:_LENS].copy()
