"""Where the joints of a rectified capture truly are, and which of them nothing hides."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import project
from posegaussian.io import store
from posegaussian.types import Camera

_OCCLUSION_DEPTH = 0.15
"""A joint lies inside the body: it is hidden when the surface seen at its pixel is nearer by more than this, metres."""


@dataclass(frozen=True)
class TrueJoints:
    """The joints of every pair and frame, in both views.

    Args:
        pixels: x and y, rectified pixels.
        inside: the joint lies in the picture.
        visible: it does, and nothing hides it.
    """

    pixels: Float[Tensor, "pairs frames 2 17 2"]
    inside: Bool[Tensor, "pairs frames 2 17"]
    visible: Bool[Tensor, "pairs frames 2 17"]


def true_joints(rectified: store.Reader) -> TrueJoints:
    """Project the true joints of a rectified capture that has them, and compare with its true depth."""
    joints = torch.from_numpy(rectified["joints"][()])
    disparity, valid = (torch.from_numpy(rectified[f"sources/{name}"][()]) for name in ("disparity", "valid"))
    intrinsics, pose = (
        torch.from_numpy(rectified[f"sources/{name}"][()]) for name in ("intrinsics", "world_to_camera")
    )
    pairs, frames, _, height, width = valid.shape
    cameras, size = Camera(intrinsics, pose, width, height), torch.tensor([width, height])
    pixels = torch.empty(pairs, frames, 2, joints.shape[1], 2, dtype=joints.dtype)
    before = torch.empty(pixels.shape[:-1], dtype=joints.dtype)
    for pair, frame in np.ndindex(pairs, frames):
        place, depth = project(joints[frame].expand(2, -1, 3), cameras[pair])
        surface = disparity_to_depth(disparity[pair, frame][None].double(), cameras[pair : pair + 1])[0]
        surface = surface.where(valid[pair, frame] > 0, torch.inf)
        columns, rows = place.long().clamp(torch.zeros(2).long(), size - 1).unbind(-1)
        pixels[pair, frame] = place
        before[pair, frame] = depth - surface[torch.arange(2)[:, None], rows, columns]
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    return TrueJoints(pixels, inside, inside & (before < _OCCLUSION_DEPTH))
