"""Points to pixels and back, for pinhole cameras with pixel centres at +0.5.

Products are elementwise on purpose: matrix multiplications on a GPU would round coordinates to TF32 or half precision.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.types import Camera


def pixel_grid(height: int, width: int, like: Tensor) -> Float[Tensor, "h w 2"]:
    """Centres (x, y) of all pixels, with the dtype and device of `like`."""
    y = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    x = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def project(points: Float[Tensor, "*b n 3"], camera: Camera) -> tuple[Float[Tensor, "*b n 2"], Float[Tensor, "*b n"]]:
    """Pixels and depths of world points.

    Returns:
        pixels (x, y), valid only where the depth is positive;
        depth along the optical axis, metres.
    """
    rotation, translation = camera.world_to_camera[..., :3, :3], camera.world_to_camera[..., :3, 3]
    local = _apply(rotation, points) + translation[..., None, :]
    depth = local[..., 2]
    pixels = _apply(camera.intrinsics[..., :2, :], local) / depth[..., None]
    return pixels, depth


def unproject(depth: Float[Tensor, "*b h w"], camera: Camera) -> Float[Tensor, "*b h w 3"]:
    """World points of all pixels, from depth along the optical axis in metres; 0 gives the camera's centre."""
    *batch, height, width = depth.shape
    pixels = pixel_grid(height, width, like=camera.intrinsics).flatten(0, 1).expand(*batch, -1, -1)
    return unproject_pixels(pixels, depth.flatten(-2), camera).unflatten(-2, (height, width))


def unproject_pixels(
    pixels: Float[Tensor, "*b n 2"], depth: Float[Tensor, "*b n"], camera: Camera
) -> Float[Tensor, "*b n 3"]:
    """World points of single pixels (x, y), from their depth along the optical axis in metres."""
    fx, skew, cx = (camera.intrinsics[..., 0, i, None] for i in range(3))
    fy, cy = (camera.intrinsics[..., 1, i, None] for i in (1, 2))
    x, y = pixels.unbind(-1)
    y = (y - cy) / fy
    x = (x - cx - skew * y) / fx
    local = torch.stack([x * depth, y * depth, depth], dim=-1)
    rotation, translation = camera.world_to_camera[..., :3, :3], camera.world_to_camera[..., :3, 3]
    return _apply(rotation.mT, local - translation[..., None, :])


def _apply(matrix: Float[Tensor, "*b k 3"], points: Float[Tensor, "*b n 3"]) -> Float[Tensor, "*b n k"]:
    return (matrix[..., None, :, :] * points[..., None, :]).sum(-1)
