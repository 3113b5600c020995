"""Which way is up: Gaussians turned from the world of a capture to the axes of a format."""

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.config import Axis
from posegaussian.model.rotation import multiply, quaternion
from posegaussian.types import Gaussians

_TO_Y: dict[Axis, list[list[float]]] = {
    "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "-y": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "z": [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    "-z": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "x": [[0, -1, 0], [1, 0, 0], [0, 0, 1]],
    "-x": [[0, 1, 0], [-1, 0, 0], [0, 0, 1]],
}
"""The rotation about one axis that takes each axis to +y."""


def rotation_between(up: Axis | None, target: Literal["y", "-y"]) -> Float[Tensor, "3 3"]:
    """The rotation from a world to the axes of a file.

    Args:
        up: the axis of the world that points up; None: the axes stay.
        target: the axis of the file that points up.
    """
    to_y = torch.tensor(_TO_Y[up or "y"], dtype=torch.float64)
    flip = torch.tensor(_TO_Y[target if up else "y"], dtype=torch.float64)
    return flip @ to_y


def rotated(gaussians: Gaussians, rotation: Float[Tensor, "3 3"]) -> Gaussians:
    """The Gaussians in turned axes, exact where the rotation takes axes to axes; the identity changes nothing."""
    if torch.equal(rotation, torch.eye(3).to(rotation)):
        return gaussians
    turn = rotation.to(gaussians.means)
    quaternions = multiply(quaternion(rotation).to(gaussians.quaternions), gaussians.quaternions)
    return replace(gaussians, means=gaussians.means @ turn.mT, quaternions=quaternions)
