"""Disparity to depth and back, for rectified pairs.

View 0 is left, view 1 right; both carry d = x_left - x_right, so that the pixel x of the left view matches x - d and
the pixel x of the right view matches x + d, on the same row. A point (X, Y, Z) of the left camera lies at
(X - B, Y, Z) in the right one, hence

    x_left = f X / Z + cx_left,    x_right = f (X - B) / Z + cx_right,    d = f B / Z + (cx_left - cx_right).

The principal points may differ, so d is not always positive. An unknown depth is 0; its disparity is that of infinity,
cx_left - cx_right, and comes back as 0.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.types import Camera

_INFINITY = 1e-3
"""Disparities within this many pixels of infinity, or beyond it, have no depth."""


def depth_to_disparity(depth: Float[Tensor, "b 2 h w"], cameras: Camera) -> Float[Tensor, "b 2 h w"]:
    """Disparity in pixels from depth in metres, in both views of rectified pairs.

    Args:
        depth: along the optical axis; 0 where unknown.
        cameras: the rectified cameras, batch (b, 2).
    """
    scale, offset = _relation(cameras)
    known = depth > 0
    return offset + scale / depth.where(known, torch.ones_like(depth)) * known


def disparity_to_depth(disparity: Float[Tensor, "b 2 h w"], cameras: Camera) -> Float[Tensor, "b 2 h w"]:
    """Depth in metres from disparity in pixels: the inverse of `depth_to_disparity`; 0 at infinity and beyond."""
    scale, offset = _relation(cameras)
    shift = disparity - offset
    known = shift > _INFINITY
    return scale / shift.where(known, torch.ones_like(shift)) * known


def _relation(cameras: Camera) -> tuple[Float[Tensor, "b 1 1 1"], Float[Tensor, "b 1 1 1"]]:
    """f B and cx_left - cx_right of every pair."""
    intrinsics, left_to_right = cameras.intrinsics, cameras.world_to_camera[..., 0, 3]
    baseline = left_to_right[:, 0] - left_to_right[:, 1]
    offset = intrinsics[:, 0, 0, 2] - intrinsics[:, 1, 0, 2]
    return (intrinsics[:, 0, 0, 0] * baseline)[:, None, None, None], offset[:, None, None, None]
