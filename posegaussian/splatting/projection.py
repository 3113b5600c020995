"""EWA projection of 3D Gaussians to 2D Gaussians in the image (Zwicker et al. 2002, in the details as gsplat 1.5.3)."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from posegaussian.splatting.semantics import Semantics
from posegaussian.types import Camera, Gaussians

SQUARE_TILE = 16
"""Tile size of the original rasteriser, on which the footprint `square` is defined, pixels."""


@dataclass(frozen=True)
class Splats:
    """Projected Gaussians."""

    means: Float[Tensor, "m 2"]  # pixels, centres at +0.5
    depths: Float[Tensor, "m"]  # metres along the optical axis
    conics: Float[Tensor, "m 3"]  # the inverse covariance's xx, xy and yy, 1 / pixels squared
    opacities: Float[Tensor, "m"]  # compensated where the semantics are antialiased
    # x0, y0, x1, y1 of the pixels that a Gaussian may touch, pixels, not clipped to the image; no gradient
    boxes: Float[Tensor, "m 4"]
    visible: Bool[Tensor, "m"]  # false for Gaussians to be skipped


def rotation_matrices(quaternions: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Rotation matrices of quaternions wxyz of any length; the identity for a zero quaternion."""
    w, x, y, z = normalize(quaternions, dim=-1).unbind(-1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def project_gaussians(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> Splats:
    """The projections of Gaussians (m), each with its own camera (m)."""
    intrinsics, world_to_camera = cameras.intrinsics, cameras.world_to_camera
    size = cameras.width, cameras.height
    means, opacities = gaussians.means, gaussians.opacities
    rotation, translation = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3]
    points = (rotation @ means[..., None])[..., 0] + translation
    visible = points[:, 2] >= semantics.near
    depths = torch.where(visible, points[:, 2], 1.0)
    slopes = points[:, :2] / depths[:, None]
    pixels = (intrinsics[:, :2, :2] @ slopes[..., None])[..., 0] + intrinsics[:, :2, 2]

    # The covariance is factor @ factor.T, so that its determinant is |b0 x b1|^2 of the factor's rows: never negative.
    low, high = _slope_limits(intrinsics, size, semantics)
    clamped = torch.minimum(torch.maximum(slopes, low), high)
    inverse_depth = (1 / depths)[:, None, None]
    identity = torch.eye(2, dtype=means.dtype, device=means.device).expand(len(means), 2, 2)
    jacobian = intrinsics[:, :2, :2] @ torch.cat([identity, -clamped[..., None]], -1) * inverse_depth
    factor = jacobian @ rotation @ (rotation_matrices(gaussians.quaternions) * gaussians.scales[:, None, :])
    b0, b1 = factor.unbind(-2)
    xx, xy, yy = (b0 * b0).sum(-1), (b0 * b1).sum(-1), (b1 * b1).sum(-1)
    root = torch.linalg.vector_norm(torch.linalg.cross(b0, b1), dim=-1)

    determinant = root * root + semantics.dilation * (xx + yy) + semantics.dilation**2
    visible = visible & (determinant > 0)
    determinant = torch.where(visible, determinant, 1.0)
    xx, yy = xx + semantics.dilation, yy + semantics.dilation
    conics = torch.stack([yy, -xy, xx], -1) / determinant[:, None]
    if semantics.antialiased:
        opacities = opacities * root / determinant.sqrt()

    with torch.no_grad():
        visible = visible & (opacities >= semantics.alpha_min)
        boxes = _boxes(pixels, xx, yy, determinant, opacities, semantics)
        x0, y0, x1, y1 = boxes.unbind(-1)
        visible = visible & (x1 > 0) & (x0 < size[0]) & (y1 > 0) & (y0 < size[1])
    return Splats(pixels, depths, conics, opacities, boxes, visible)


def _slope_limits(intrinsics: Tensor, size: tuple[int, int], semantics: Semantics) -> tuple[Tensor, Tensor]:
    """The range of slopes (x/z, y/z) to which the Jacobian is clamped; see `Semantics.slope_limit`."""
    extent = intrinsics.new_tensor(size)
    focal = intrinsics[:, :2, :2].diagonal(dim1=-2, dim2=-1)
    tangent = extent / (2 * focal)
    if semantics.slope_limit == "symmetric":
        return -1.3 * tangent, 1.3 * tangent
    centre = intrinsics[:, :2, 2]
    return -centre / focal - 0.3 * tangent, (extent - centre) / focal + 0.3 * tangent


def _boxes(pixels: Tensor, xx: Tensor, yy: Tensor, determinant: Tensor, opacities: Tensor, semantics: Semantics):
    """The boxes of `Splats`; see `Semantics.footprint`."""
    if semantics.footprint == "square":
        middle = (xx + yy) / 2
        longer = middle + (middle * middle - determinant).clamp(min=0.1).sqrt()
        radii = (3 * longer.sqrt()).ceil()[:, None]
        low = ((pixels - 0.5 - radii) / SQUARE_TILE).floor()
        high = ((pixels - 0.5 + radii + SQUARE_TILE - 1) / SQUARE_TILE).floor()
        return torch.cat([low, high], -1) * SQUARE_TILE
    reach = (2 * (opacities / semantics.alpha_min).clamp(min=1).log()).sqrt()
    radii = (reach[:, None] * torch.stack([xx, yy], -1).sqrt()).ceil()
    return torch.cat([pixels - radii, pixels + radii], -1)
