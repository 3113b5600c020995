"""Floor and ceiling: what a trivial method reaches, and what Gaussians from the true depth reach.

Both are told true depth. A method worth its name lies above the floor. The ceiling is no bound: learned sizes,
opacities and colours can lie above its equal, isotropic Gaussians, most of all where the target has more pixels.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import project, unproject
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.types import Camera, Gaussians, StereoPair

FOOTPRINT = 0.5
"""Standard deviation of the ceiling's Gaussians in footprints of their pixels (depth / focal length)."""
TRIM = 1
"""Pixels that the ceiling takes off the silhouette: they are half background."""
_TIE = 1.0
"""Angles to the two sources that differ by less than this are a tie, degrees."""


def floor(
    pair: StereoPair, target: Camera, depth: Float[Tensor, "h w"], mask: Float[Tensor, "h w"]
) -> Float[Tensor, "3 h w"]:
    """The nearer source through one plane parallel to the target's image plane, at the person's median depth.

    Black where the target shows nobody.

    Args:
        pair: the sources, a batch of one.
        target: the view to make.
        depth: true depth there, metres, 0 where unknown.
        mask: true coverage there.
    """
    shown = (mask >= 0.5) & (depth > 0)
    if not shown.any():
        return pair.images.new_zeros(3, *depth.shape)
    plane = torch.full_like(depth, float(depth[shown].median()))
    points = unproject(plane, target)
    source = nearer_source(pair.cameras[0], target, points[shown].mean(0))
    camera = pair.cameras[0, source]
    pixels, distance = project(points.reshape(-1, 3), camera)
    grid = (2 * pixels / pixels.new_tensor([camera.width, camera.height]) - 1).reshape(1, *depth.shape, 2)
    grid = torch.where((distance > 0).reshape(grid[..., :1].shape), grid, 2.0)
    image = grid_sample(pair.images[:, source], grid.to(pair.images), align_corners=False)
    return image[0].clamp(0, 1)


def nearer_source(sources: Camera, target: Camera, point: Float[Tensor, "3"]) -> int:
    """Which of two sources makes the smaller angle with the target, seen from a point; the first in a tie."""
    rays = torch.cat([sources.centre, target.centre[None]]) - point
    rays = rays / rays.norm(dim=-1, keepdim=True)
    angles = torch.rad2deg(torch.atan2(torch.linalg.cross(rays[:2], rays[2:]).norm(dim=-1), rays[:2] @ rays[2]))
    return int(angles[1] < angles[0] - _TIE)


def ceiling(pair: StereoPair, target: Camera, disparity: Float[Tensor, "1 2 h w"]) -> Float[Tensor, "3 h w"]:
    """Gaussians from the sources' true disparity, seen from the target.

    Args:
        pair: the sources, a batch of one.
        target: the view to make.
        disparity: true, pixels; that of infinity where unknown.
    """
    gaussians = gaussians_from_depth(pair, disparity_to_depth(disparity, pair.cameras))
    return rasterize(gaussians, target.to(gaussians.means), semantics=ANTIALIASED).colors.clamp(0, 1)


def gaussians_from_depth(pair: StereoPair, depth: Float[Tensor, "1 2 h w"]) -> Gaussians:
    """One opaque round Gaussian per foreground pixel of both sources, without the outermost pixels of the silhouette.

    Args:
        pair: the sources, a batch of one.
        depth: true, metres, 0 where unknown.
    """
    used = trimmed(pair.masks[0, :, 0] >= 0.5) & (depth[0] > 0)
    points = unproject(depth, pair.cameras)[0][used]
    focal = pair.cameras.intrinsics[0, :, 0, 0, None, None]
    scales = (FOOTPRINT * depth[0] / focal)[used]
    colors = pair.images[0].permute(0, 2, 3, 1)[used]
    turned = colors.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(len(colors), 4)
    return Gaussians(
        points.to(colors), turned, scales[:, None].expand(-1, 3).to(colors), torch.ones_like(colors[:, 0]), colors
    )


def trimmed(mask: Bool[Tensor, "b h w"]) -> Bool[Tensor, "b h w"]:
    """The mask without its outermost ring of pixels."""
    return max_pool2d((~mask).float()[:, None], 2 * TRIM + 1, 1, TRIM)[:, 0] == 0
