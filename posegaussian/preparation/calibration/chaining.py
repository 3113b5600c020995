"""Poses of cameras and boards, chained over the frames in which two cameras see the board, as a start."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.errors import CalibrationError
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import View

Lens = tuple[np.ndarray, np.ndarray]
"""Intrinsics, pixel centres at +0.5, and distortion."""
Place = tuple[str, int]
"""Camera and frame."""
_RADIAN = 3.0
"""Metres that count as much as a radian where poses are compared: the distance of people from cameras, about."""


def board_poses(
    board: TargetBoard, views: Sequence[View], lenses: Mapping[str, Lens]
) -> dict[Place, Float[np.ndarray, "4 4"]]:
    """Pose of the board in each view: from its axes to the camera's, metres."""
    found = {}
    for view in views:
        points, lens = board.corners[view.ids], lenses[view.camera]
        # Of the two poses in which a plane looks almost alike, OpenCV returns the one with the lower error.
        seen, turn, shift = cv2.solvePnP(points, view.pixels, *lens, flags=cv2.SOLVEPNP_IPPE)
        if seen:
            turn, shift = cv2.solvePnPRefineLM(points, view.pixels, *lens, turn, shift)
            found[view.camera, view.frame] = matrix_of(np.concatenate([turn.ravel(), shift.ravel()]))
    return found


def chain_cameras(
    cameras: Sequence[str], poses: Mapping[Place, Float[np.ndarray, "4 4"]]
) -> dict[str, Float[np.ndarray, "4 4"]]:
    """Pose of each camera, from the first camera's axes to its own, over a tree of the pairs that share most frames.

    Raises:
        CalibrationError: a camera shares no frame with the others.
    """
    frames = {camera: {frame for name, frame in poses if name == camera} for camera in cameras}
    found = {cameras[0]: np.eye(4)}
    while left := [camera for camera in cameras if camera not in found]:
        shared, known, new = max(
            ((len(frames[a] & frames[b]), a, b) for a in found for b in left), key=lambda edge: edge[0]
        )
        if not shared:
            alone = left if len(left) <= len(found) else list(found)
            what = (
                f"no frame in which it sees the board together with {', '.join(c for c in cameras if c not in alone)}"
            )
            hint = "hold the board where both see it, and check that equal frame numbers mean one moment"
            raise CalibrationError(what, code="unconnected-camera", camera=", ".join(alone), hint=hint)
        steps = [
            poses[new, frame] @ np.linalg.inv(poses[known, frame]) for frame in sorted(frames[known] & frames[new])
        ]
        found[new] = medoid(steps) @ found[known]
    return found


def matrix_of(pose: Float[np.ndarray, "6"]) -> Float[np.ndarray, "4 4"]:
    """Rigid transform of a rotation vector and a translation."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = cv2.Rodrigues(pose[:3])[0], pose[3:]
    return matrix


def vector_of(matrix: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "6"]:
    """Rotation vector and translation of a rigid transform."""
    return np.concatenate([cv2.Rodrigues(matrix[:3, :3])[0].ravel(), matrix[:3, 3]])


def medoid(poses: Sequence[Float[np.ndarray, "4 4"]]) -> Float[np.ndarray, "4 4"]:
    """The pose with the least sum of distances to the others: outliers do not move it."""
    rows = np.stack([np.concatenate([_RADIAN * pose[:3, :3].ravel(), pose[:3, 3]]) for pose in poses])
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    return poses[int(distances.sum(1).argmin())]
