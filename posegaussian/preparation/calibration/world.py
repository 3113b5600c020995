"""The world's axes: z is up. From a board that lies on the floor; without one, up is up in the cameras' images."""

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float

from posegaussian.errors import CalibrationError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.board import TargetBoard

_HEIGHTS = 0.1, 12.0
"""Plausible heights of cameras above the floor, metres. Chosen by hand: beyond them the squares have another size."""


def world_on_floor(board: TargetBoard, pose: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """From the first camera's axes to the world's: the origin is the middle of the board, x its x, z out of its print.

    Args:
        board: that lies on the floor, its print up.
        pose: from its axes to the first camera's.
    """
    to_world = np.diag([1.0, -1.0, -1.0, 1.0])  # the printed side is seen from the board's -z
    to_world[:2, 3] = np.array([-1, 1]) * board.size / 2
    return to_world @ np.linalg.inv(pose)


def world_of_cameras(
    cameras: Iterable[Float[np.ndarray, "4 4"]], boards: Iterable[Float[np.ndarray, "4 4"]]
) -> Float[np.ndarray, "4 4"]:
    """From the first camera's axes to the world's: z is the mean of the images' up, the origin the boards' middle.

    Args:
        cameras: from the first camera's axes to each camera's.
        boards: from the board's axes to the first camera's, in each frame.
    """
    up = -np.mean([camera[1, :3] for camera in cameras], axis=0)
    up = up / np.linalg.norm(up)
    ahead = np.eye(3)[2] - up * up[2]
    if np.linalg.norm(ahead) < 1e-3:  # the first camera looks straight up or down
        ahead = -np.eye(3)[1] + up * up[1]
    ahead = ahead / np.linalg.norm(ahead)
    world = np.eye(4)
    world[:3, :3] = np.stack([np.cross(ahead, up), ahead, up])
    world[:3, 3] = -world[:3, :3] @ np.mean([board[:3, 3] for board in boards], axis=0)
    return world


def check_heights(cameras: Mapping[str, SourceCamera]) -> None:
    """Raise a CalibrationError where a camera is not at a plausible height above the floor, z = 0."""
    for name, camera in cameras.items():
        height = float(camera.centre[2])
        if not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
            what = f"{height:.3g} m above the floor is implausible"
            hint = "check the side of the board's squares and its unit, and that the frame shows the board on the floor"
            raise CalibrationError(what, code="implausible-height", camera=name, hint=hint)
