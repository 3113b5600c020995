"""Visibility in a rectified pair: which pixels both views see, and which joints each view sees."""

from functools import cache

import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.geometry.projection import pixel_grid

_OCCLUSION_TOLERANCE = 0.012
"""A point is hidden where the other view's surface is nearer by more than this, metres; chosen by hand, and
tested against rays in tests/unit/synthetic/test_clips.py."""
_DEPTH_EDGE = 0.03
"""Neighbouring pixels whose depths differ by more than this lie on two surfaces, metres; chosen by hand."""
_JOINT_DEPTHS = (*[0.08] * 5, *[0.13] * 2, *[0.09] * 2, *[0.07] * 2, *[0.17] * 2, *[0.11] * 2, *[0.09] * 2)
"""How deep below skin or cloth a joint may lie and still count as visible, metres, in the order of `types.JOINTS`;
chosen by hand."""


def covisible(depth: Float32[Tensor, "b 2 h w"], disparity: Float32[Tensor, "b 2 h w"]) -> Float32[Tensor, "b 2 h w"]:
    """1 where the other view also sees the surface point of the pixel.

    Rectified views share their optical axes' direction, so a point has one depth in both. It is hidden where it lies
    outside the other image, or behind the other view's surface: the farther of the two pixels that it falls between,
    or, where one surface ends between them, the pixel whose centre is closer.
    """
    width = depth.shape[-1]
    x = pixel_grid(*depth.shape[-2:], like=depth)[..., 0]
    where = torch.stack([x - disparity[:, 0], x + disparity[:, 1]], dim=1)
    other = depth.flip(1)
    left = (where - 0.5).floor().long()
    beside = [other.gather(3, (left + step).clamp(0, width - 1)) for step in (0, 1)]
    first, second = (found.where(found > 0, torch.full_like(found, torch.inf)) for found in beside)
    closest = torch.where(where - 0.5 - left < 0.5, first, second)
    jump = ~((first - second).abs() < _DEPTH_EDGE)
    surface = torch.where(jump, closest, torch.maximum(first, second))
    empty = (beside[0] == 0) & (beside[1] == 0)
    inside = (where >= 0) & (where <= width)
    return ((depth > 0) & inside & ~empty & (depth <= surface + _OCCLUSION_TOLERANCE)).float()


def visible_joints(
    depth: Float32[Tensor, "b 2 h w"], joints2d: Float32[Tensor, "b 2 17 2"], joint_depth: Float32[Tensor, "b 2 17"]
) -> Float32[Tensor, "b 2 17"]:
    """1 where a joint lies in the image and not deeper below the visible surface than `_JOINT_DEPTHS`."""
    height, width = depth.shape[-2:]
    x, y = joints2d.unbind(-1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    cell = y.long().clamp(0, height - 1) * width + x.long().clamp(0, width - 1)
    surface = depth.flatten(2).gather(2, cell)
    near = joint_depth <= surface + _joint_depths(depth.device)
    return (inside & (surface > 0) & near).float()


@cache
def _joint_depths(device: torch.device) -> Float32[Tensor, "17"]:
    return torch.tensor(_JOINT_DEPTHS, device=device)
