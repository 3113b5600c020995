"""The two reference rows: `plane_warp`, a trivial method, and `gt_depth`, Gaussians from the true depth.

Both use true depth. A useful method is better than `plane_warp`. `gt_depth` is no upper bound: its Gaussians are round,
opaque and of equal size in pixels, and learned sizes, opacities and colours can be better, most of all where the target
image has more pixels than the sources.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from posegaussian.config.results import REFERENCES
from posegaussian.data.rectified import read_pair, read_target
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import project, unproject
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.types import Camera, Gaussians, StereoPair

FOOTPRINT = 0.5
"""Standard deviation of a Gaussian of `gt_depth`, in footprints of its pixel (depth / focal length): the half footprint
that docs/method.md starts from."""
TRIM = 1
"""Width of the border removed from the silhouette, pixels: these pixels are half background."""
_TIE = 1.0
"""Angles to the two sources that differ by less than this are equal, degrees; chosen by hand, so that all frames of a
camera half way between the sources use the same one."""


def reference_views(rectified: Any, target: int, frame: int) -> dict[str, Float[Tensor, "3 h w"] | None]:
    """The reference rows' images of one held-out view, RGB in [0, 1]; None where the true depth is not known.

    Args:
        rectified: an open rectified file.
        target: index of the held-out camera.
        frame: index of the frame.
    """
    found: dict[str, Tensor | None] = dict.fromkeys(REFERENCES)
    target_known, source_known = "targets/depth" in rectified, "sources/disparity" in rectified
    if not (target_known or source_known):
        return found
    _, mask, camera = read_target(rectified, target, frame)
    pair = int(rectified["targets/pair"][target])
    sources = read_pair(rectified, None, pair, frame)
    if target_known:
        depth = torch.from_numpy(rectified["targets/depth"][target, frame])
        found["plane_warp"] = plane_warp(sources, camera[0], depth, mask[0, 0])
    if source_known:
        disparity = torch.from_numpy(rectified["sources/disparity"][pair, frame])[None]
        found["gt_depth"] = gt_depth(sources, camera[0], disparity)
    return found


def plane_warp(
    pair: StereoPair, target: Camera, depth: Float[Tensor, "h w"], mask: Float[Tensor, "h w"]
) -> Float[Tensor, "3 h w"]:
    """The nearer source, warped through a plane parallel to the target's image plane at the person's median depth.

    Black if the person is not visible in the target.

    Args:
        pair: the sources, a batch of one.
        target: the camera of the view.
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
    grid = torch.where((distance > 0).reshape(grid[..., :1].shape), grid, 2.0)  # behind the camera: outside the image
    image = grid_sample(pair.images[:, source], grid.to(pair.images), align_corners=False)
    return image[0].clamp(0, 1)


def nearer_source(sources: Camera, target: Camera, point: Float[Tensor, "3"]) -> int:
    """The index of the source with the smaller angle to the target, as seen from a point; 0 if they are equal."""
    rays = torch.cat([sources.centre, target.centre[None]]) - point
    rays = rays / rays.norm(dim=-1, keepdim=True)
    angles = torch.rad2deg(torch.atan2(torch.linalg.cross(rays[:2], rays[2:]).norm(dim=-1), rays[:2] @ rays[2]))
    return int(angles[1] < angles[0] - _TIE)


def gt_depth(pair: StereoPair, target: Camera, disparity: Float[Tensor, "1 2 h w"]) -> Float[Tensor, "3 h w"]:
    """The rendering of the Gaussians from the sources' true disparity.

    Args:
        pair: the sources, a batch of one.
        target: the camera of the view.
        disparity: true disparity, pixels; that of infinity where unknown.
    """
    gaussians = gaussians_from_depth(pair, disparity_to_depth(disparity, pair.cameras))
    return rasterize(gaussians, target.to(gaussians.means), semantics=ANTIALIASED).colors.clamp(0, 1)


def gaussians_from_depth(pair: StereoPair, depth: Float[Tensor, "1 2 h w"]) -> Gaussians:
    """One opaque round Gaussian per foreground pixel of both sources, without the border of the silhouette.

    Args:
        pair: the sources, a batch of one.
        depth: true depth, metres, 0 where unknown.
    """
    used = trimmed(pair.masks[0, :, 0] >= 0.5) & (depth[0] > 0)
    points = unproject(depth, pair.cameras)[0][used]
    focal = pair.cameras.intrinsics[0, :, 0, 0, None, None]
    scales = (FOOTPRINT * depth[0] / focal)[used]
    colors = pair.images[0].permute(0, 2, 3, 1)[used]
    identity = colors.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(len(colors), 4)
    return Gaussians(
        points.to(colors), identity, scales[:, None].expand(-1, 3).to(colors), torch.ones_like(colors[:, 0]), colors
    )


def trimmed(mask: Bool[Tensor, "b h w"]) -> Bool[Tensor, "b h w"]:
    """The mask without a border of `TRIM` pixels; the border of the image is no silhouette."""
    return max_pool2d((~mask).float()[:, None], 2 * TRIM + 1, 1, TRIM)[:, 0] == 0
