"""The two reference rows: `plane_warp`, a simple warp of a source view, and `gt_depth`, Gaussians from the true depth.

Without true depth `plane_warp` uses the distance at which the silhouettes meet, and there is no `gt_depth`. A useful
method is better than `plane_warp`. `gt_depth` is no upper bound: its Gaussians are round, opaque and of equal size in
pixels, and learned sizes, opacities and colours can be better, most of all where the target image has more pixels than
the sources.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from posegaussian.data.rectified import read_pair, target_camera
from posegaussian.geometry import rig
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.masks import centroid
from posegaussian.geometry.projection import project, unproject, unproject_pixels
from posegaussian.io import store
from posegaussian.model.constants import DISPARITY_PRIOR
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


class ReferenceInputs(NamedTuple):
    """What the reference rows of one held-out view are made of."""

    sources: StereoPair  # a batch of one
    disparity: Float32[Tensor, "1 2 h w"] | None  # true disparity, if known
    camera: Camera  # of the view
    shown: Bool[Tensor, "h w"]  # the person's pixels in the view, with true depth where that is known
    depth: Float32[Tensor, "h w"] | None  # true depth of the view, if known


def read_reference_inputs(rectified: store.Reader, target: int, frame: int) -> ReferenceInputs:
    """The inputs of one held-out view from an open rectified file; indices are those in the file."""
    pair = int(rectified["targets/pair"][target])
    shown, depth, disparity = torch.from_numpy(rectified["targets/masks"][target, frame] >= 128), None, None
    if "targets/depth" in rectified:
        depth = torch.from_numpy(rectified["targets/depth"][target, frame])
        shown &= depth > 0
    if "sources/disparity" in rectified:
        disparity = torch.from_numpy(rectified["sources/disparity"][pair, frame])[None]
    return ReferenceInputs(
        read_pair(rectified, None, pair, frame), disparity, target_camera(rectified, target)[0], shown, depth
    )


def reference_views(inputs: ReferenceInputs, device: str = "cpu") -> dict[str, Float[Tensor, "3 h w"]]:
    """The reference rows' images of one held-out view by their names, RGB in [0, 1]; those that can be made."""
    sources, disparity, camera, shown, depth = inputs
    if depth is None:
        distance = person_distance(sources, camera, shown)
    else:
        distance = float(depth[shown].median()) if shown.any() else 0.0
    sources, view = sources.to(device), camera.to(device)
    found = {"plane_warp": plane_warp(sources, view, distance, shown.to(device))}
    if disparity is not None:
        found["gt_depth"] = gt_depth(sources, view, disparity.to(device))
    return found


def person_distance(pair: StereoPair, target: Camera, shown: Bool[Tensor, "h w"]) -> float:
    """Distance of the person's surface along the optical axis of the target camera, metres, from silhouettes alone.

    The rays through the centroids of the silhouettes meet inside the body; the surface is nearer by the offset that the
    disparity prior was fitted with. 0 where a view does not show the person.
    """
    masks = [*(pair.masks[0, :, 0] >= 0.5), shown]
    if not all(mask.any() for mask in masks):
        return 0.0
    cameras = [pair.cameras[0, 0], pair.cameras[0, 1], target]
    pixels = [torch.from_numpy(centroid(mask.numpy()))[None] for mask in masks]
    points = [unproject_pixels(pixel, torch.ones(1), view)[0] for pixel, view in zip(pixels, cameras, strict=True)]
    centres = torch.stack([camera.centre for camera in cameras]).double().numpy()
    meeting = torch.from_numpy(rig.nearest_point(centres, torch.stack(points).numpy() - centres))
    axis = target.world_to_camera[2].double()
    return float(axis[:3] @ meeting + axis[3]) - DISPARITY_PRIOR.skin_offset


def plane_warp(pair: StereoPair, target: Camera, distance: float, shown: Bool[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """The nearer source, warped through a plane parallel to the target's image plane at the person's distance.

    Black if the person is not visible in the target.

    Args:
        pair: the sources, a batch of one.
        target: the camera of the view.
        distance: of the plane along the target's optical axis, metres.
        shown: the person's pixels in the target.
    """
    if not shown.any() or distance <= 0:
        return pair.images.new_zeros(3, *shown.shape)
    plane = torch.full(shown.shape, distance, device=shown.device)
    points = unproject(plane, target)
    source = nearer_source(pair.cameras[0], target, points[shown].mean(0))
    camera = pair.cameras[0, source]
    pixels, depth = project(points.reshape(-1, 3), camera)
    grid = (2 * pixels / pixels.new_tensor([camera.width, camera.height]) - 1).reshape(1, *shown.shape, 2)
    grid = torch.where((depth > 0).reshape(grid[..., :1].shape), grid, 2.0)  # behind the camera: outside the image
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
    points = torch.cat([_points(depth[0, view], used[view], pair.cameras[0, view]) for view in range(2)])
    focal = pair.cameras.intrinsics[0, :, 0, 0, None, None]
    scales = (FOOTPRINT * depth[0] / focal)[used]
    colors = pair.images[0].permute(0, 2, 3, 1)[used]
    identity = colors.new_tensor([1.0, 0.0, 0.0, 0.0]).expand(len(colors), 4)
    return Gaussians(
        points.to(colors), identity, scales[:, None].expand(-1, 3).to(colors), torch.ones_like(colors[:, 0]), colors
    )


def _points(depth: Float[Tensor, "h w"], used: Bool[Tensor, "h w"], camera: Camera) -> Float[Tensor, "n 3"]:
    """World points of some pixels, row by row."""
    rows, columns = used.nonzero(as_tuple=True)
    pixels = torch.stack([columns, rows], dim=-1).to(camera.intrinsics) + 0.5
    return unproject_pixels(pixels, depth[used], camera)


def trimmed(mask: Bool[Tensor, "b h w"]) -> Bool[Tensor, "b h w"]:
    """The mask without a border of `TRIM` pixels; the border of the image is no silhouette."""
    return max_pool2d((~mask).float()[:, None], 2 * TRIM + 1, 1, TRIM)[:, 0] == 0
