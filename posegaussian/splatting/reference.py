"""The reference rasteriser for tests: one Gaussian after the other at every pixel in float64, with code of its own."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.splatting.background import finish
from posegaussian.splatting.semantics import Semantics
from posegaussian.types import Camera, Gaussians, Rendering


def refusal(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> None:
    """None: it can render all arguments."""


def render(gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics) -> Rendering:
    """The rendering of each set with its camera, over its background (views, 3) or black."""
    return finish(blend(gaussians, cameras, semantics), background)


def blend(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> Float[Tensor, "views 5 h w"]:
    """Colours, depth and 1 (whose sum is alpha), blended front to back over black."""
    count = len(cameras.intrinsics)
    images = [
        _blend_view(gaussians[i].to(torch.float64), cameras[i].to(torch.float64), semantics) for i in range(count)
    ]
    return torch.stack(images).to(gaussians.means.dtype)


def _blend_view(gaussians: Gaussians, camera: Camera, semantics: Semantics) -> Tensor:
    y, x = torch.meshgrid(torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij")
    x, y = x.to(gaussians.means), y.to(gaussians.means)
    output = x.new_zeros(5, camera.height, camera.width)
    transmittance = torch.ones_like(x)
    done = torch.zeros_like(x, dtype=torch.bool)
    for mean, covariance, opacity, feature in _front_to_back(gaussians, camera, semantics):
        inverse = torch.linalg.inv(covariance)
        dx, dy = mean[0] - x, mean[1] - y
        sigma = (inverse[0, 0] * dx**2 + (inverse[0, 1] + inverse[1, 0]) * dx * dy + inverse[1, 1] * dy**2) / 2
        alpha = (opacity * torch.exp(-sigma)).clamp(max=semantics.alpha_max)
        active = (alpha >= semantics.alpha_min) & _reaches(mean, covariance, x, y, semantics) & ~done
        after = transmittance * (1 - alpha)
        done = done | (active & (after <= semantics.transmittance_min))
        active = active & ~done
        output = output + torch.where(active, alpha * transmittance, 0.0) * feature[:, None, None]
        transmittance = torch.where(active, after, transmittance)
    return output


def _front_to_back(gaussians: Gaussians, camera: Camera, semantics: Semantics) -> Iterator[tuple[Tensor, ...]]:
    """Mean, covariance, opacity and feature (RGB, depth, 1) of the projected Gaussians, sorted by depth, then index."""
    rotation, translation = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    depths = gaussians.means @ rotation[2] + translation[2]
    for i in sorted(range(len(depths)), key=lambda i: (float(depths[i].detach()), i)):
        if depths[i] < semantics.near or gaussians.opacities[i] < semantics.alpha_min:
            continue
        x, y, z = rotation @ gaussians.means[i] + translation
        pixel = (camera.intrinsics @ torch.stack([x / z, y / z, torch.ones_like(z)]))[:2]
        u, v = _clamped_slopes(x / z, y / z, camera, semantics)
        zero = torch.zeros_like(z)
        jacobian = camera.intrinsics[:2, :2] @ torch.stack(
            [torch.stack([1 / z, zero, -u / z]), torch.stack([zero, 1 / z, -v / z])]
        )
        spread = _rotation(gaussians.quaternions[i]) @ torch.diag(gaussians.scales[i] ** 2)
        world = spread @ _rotation(gaussians.quaternions[i]).T
        sharp = jacobian @ rotation @ world @ rotation.T @ jacobian.T
        blurred = sharp + semantics.dilation * torch.eye(2).to(sharp)
        if torch.linalg.det(blurred) <= 0:
            continue
        opacity = gaussians.opacities[i]
        if semantics.antialiased:
            opacity = opacity * (torch.linalg.det(sharp) / torch.linalg.det(blurred)).clamp(min=0).sqrt()
        yield pixel, blurred, opacity, torch.cat([gaussians.colors[i], torch.stack([z, torch.ones_like(z)])])


def _rotation(quaternion: Tensor) -> Tensor:
    """The rotation matrix; its columns are the rotated axes, v + 2 w (u x v) + 2 u x (u x v) with q = (w, u)."""
    if not quaternion.any():
        return torch.eye(3).to(quaternion)
    w, u = (quaternion / quaternion.norm())[0], (quaternion / quaternion.norm())[1:]
    axes = torch.eye(3).to(quaternion)
    return torch.stack([v + 2 * w * torch.linalg.cross(u, v) + 2 * u.cross(u.cross(v, dim=0), dim=0) for v in axes], 1)


def _clamped_slopes(u: Tensor, v: Tensor, camera: Camera, semantics: Semantics) -> tuple[Tensor, Tensor]:
    """The slopes x/z and y/z, clamped as `Semantics.slope_limit` defines."""
    clamped = []
    for axis, (slope, extent) in enumerate(((u, camera.width), (v, camera.height))):
        focal, centre = camera.intrinsics[axis, axis], camera.intrinsics[axis, 2]
        border = 0.3 * extent / (2 * focal)
        low, high = -centre / focal - border, (extent - centre) / focal + border
        if semantics.slope_limit == "symmetric":
            low, high = -1.3 * extent / (2 * focal), 1.3 * extent / (2 * focal)
        clamped.append(slope.clamp(low, high))
    return clamped[0], clamped[1]


def _reaches(mean: Tensor, covariance: Tensor, x: Tensor, y: Tensor, semantics: Semantics) -> Tensor:
    """Which pixels the footprint covers; `square`: those whose 16 x 16 tile the square touches."""
    if semantics.footprint == "exact":
        return torch.ones_like(x, dtype=torch.bool)
    middle = covariance.diagonal().mean()
    longer = middle + (middle**2 - torch.linalg.det(covariance)).clamp(min=0.1).sqrt()
    radius = (3 * longer.sqrt()).ceil()
    column, row = (x / 16).floor(), (y / 16).floor()
    return (
        (column >= ((mean[0] - 0.5 - radius) / 16).floor())
        & (column < ((mean[0] - 0.5 + radius + 15) / 16).floor())
        & (row >= ((mean[1] - 0.5 - radius) / 16).floor())
        & (row < ((mean[1] - 0.5 + radius + 15) / 16).floor())
    )
