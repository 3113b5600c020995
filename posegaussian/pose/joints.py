"""True joints of a rectified capture in its images, and which of them are visible."""

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
"""A joint is hidden if the surface at its pixel is nearer to the camera by more than this, metres. Joints lie inside
the body, so a smaller difference is the joint's own skin. Chosen by hand."""


@dataclass(frozen=True)
class TrueJoints:
    """Joints of all pairs and frames, in both views."""

    pixels: Float[Tensor, "pairs frames 2 17 2"]  # x and y, rectified pixels
    inside: Bool[Tensor, "pairs frames 2 17"]  # whether the joint lies in the image
    visible: Bool[Tensor, "pairs frames 2 17"]  # whether it does, and no surface hides it


def true_joints(rectified: store.Reader) -> TrueJoints:
    """Projected true joints of a rectified capture that has joints and true depth."""
    joints = torch.from_numpy(rectified["joints"][()])
    disparity, valid = (torch.from_numpy(rectified[f"sources/{name}"][()]) for name in ("disparity", "valid"))
    intrinsics, pose = (
        torch.from_numpy(rectified[f"sources/{name}"][()]) for name in ("intrinsics", "world_to_camera")
    )
    pairs, frames, _, height, width = valid.shape
    cameras, size = Camera(intrinsics, pose, width, height), torch.tensor([width, height])
    pixels = torch.empty(pairs, frames, 2, joints.shape[1], 2, dtype=joints.dtype)
    behind = torch.empty(pixels.shape[:-1], dtype=joints.dtype)
    for pair, frame in np.ndindex(pairs, frames):
        projected, depth = project(joints[frame].expand(2, -1, 3), cameras[pair])
        surface = disparity_to_depth(disparity[pair, frame][None].double(), cameras[pair : pair + 1])[0]
        surface = surface.where(valid[pair, frame] > 0, torch.inf)
        columns, rows = projected.long().clamp(torch.zeros(2).long(), size - 1).unbind(-1)
        pixels[pair, frame] = projected
        behind[pair, frame] = depth - surface[torch.arange(2)[:, None], rows, columns]
    inside = ((pixels >= 0) & (pixels < size)).all(-1)
    return TrueJoints(pixels, inside, inside & (behind < _OCCLUSION_DEPTH))
