"""The CUDA back-end: gsplat 1.5, called once for all views, without copies or synchronisation of our own.

Two of its limits are not checked, because a check would have to wait for the device: it ignores a skew in the
intrinsics, and a Gaussian with a zero quaternion is undefined.
"""

import gsplat  # pyright: ignore[reportMissingImports]
import torch
from torch import Tensor

from posegaussian.splatting.semantics import GSPLAT, Semantics
from posegaussian.types import Camera, Gaussians, Rendering

_COMPILED_IN = ("alpha_max", "alpha_min", "transmittance_min", "footprint", "slope_limit")
"""Semantics that are constants of its kernels."""


def refusal(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> str | None:
    """The reason why gsplat cannot render the arguments; None if it can."""
    if gaussians.means.device.type != "cuda":
        return f"runs on CUDA, not on {gaussians.means.device}"
    if gaussians.means.dtype != torch.float32:
        return f"computes in torch.float32, not in {gaussians.means.dtype}"
    if torch.is_grad_enabled() and cameras.intrinsics.requires_grad:
        return "has no gradient for intrinsics"
    for name in _COMPILED_IN:
        wanted, only = getattr(semantics, name), getattr(GSPLAT, name)
        if wanted != only:
            return f"supports only {name} = {only}, not {wanted}"
    if not gsplat.__version__.startswith("1.5."):
        return f"is supported in version 1.5, not {gsplat.__version__} (other versions bound alpha differently)"
    return None


def render(gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics) -> Rendering:
    """The rendering of each set with its camera, over its background (views, 3) or black."""
    images, alphas, _ = gsplat.rasterization(
        gaussians.means,
        gaussians.quaternions,
        gaussians.scales,
        gaussians.opacities,
        gaussians.colors,
        cameras.world_to_camera[:, None],
        cameras.intrinsics[:, None],
        cameras.width,
        cameras.height,
        near_plane=semantics.near,
        eps2d=semantics.dilation,
        rasterize_mode="antialiased" if semantics.antialiased else "classic",
        backgrounds=None if background is None else background[:, None],
        render_mode="RGB+D",
        packed=False,
    )
    images, alphas = images[:, 0].permute(0, 3, 1, 2), alphas[:, 0].permute(0, 3, 1, 2)
    return Rendering(images[:, :3], alphas, images[:, 3:] / alphas.clamp(min=1e-10))
