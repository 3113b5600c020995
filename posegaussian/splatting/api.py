"""The facade of the rasterisers: checks, choice of back-end, background."""

import torch
from torch import Tensor

from posegaussian.splatting import reference, tiled
from posegaussian.splatting.projection import project_gaussians
from posegaussian.splatting.semantics import GSPLAT, Semantics
from posegaussian.types import Camera, Gaussians, Rendering

BACKENDS = ("auto", "torch", "reference")


def rasterize(
    gaussians: Gaussians,
    camera: Camera,
    background: Tensor | None = None,
    *,
    backend: str = "auto",
    semantics: Semantics = GSPLAT,
) -> Rendering:
    """Render Gaussians; differentiable with respect to them, the cameras and the background.

    Args:
        gaussians: one set or a batch of sets; entries with an opacity below `semantics.alpha_min` are skipped.
        camera: one camera for each set.
        background: RGB, shape (3,) or one per set; black if None.
        backend: `torch` runs anywhere; `auto` picks the fastest that runs on the tensors' device; `reference` is the
            slow, plain one that the others are tested against.
        semantics: the rules of compositing.

    Raises:
        ValueError: an argument's shape, dtype, device or a non-finite value, by name.
    """
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {BACKENDS}, not {backend!r}")
    batch = _check(gaussians, camera, background)
    sets = gaussians._map(lambda tensor: tensor.flatten(0, len(batch) - 1) if batch else tensor[None])
    views = Camera(
        camera.intrinsics.reshape(-1, 3, 3), camera.world_to_camera.reshape(-1, 4, 4), camera.width, camera.height
    )

    blend = reference.blend if backend == "reference" else _blend_tiled
    colors, depths, alphas = blend(sets, views, semantics).split([3, 1, 1], 1)
    if background is not None:
        colors = colors + (1 - alphas) * background.expand(*batch, 3).reshape(-1, 3, 1, 1)
    depths = torch.where(alphas > 0, depths / alphas.clamp(min=torch.finfo(alphas.dtype).tiny), 0.0)
    return Rendering(*(image.reshape(*batch, *image.shape[1:]) for image in (colors, alphas, depths)))


def _blend_tiled(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> Tensor:
    """Colours, depth and alpha (views, 5, h, w), before the division by alpha, over black."""
    view, entry = torch.nonzero(gaussians.opacities >= semantics.alpha_min, as_tuple=True)
    picked = gaussians[view, entry]
    splats = project_gaussians(picked, cameras[view], semantics)
    features = torch.cat([picked.colors, splats.depths[:, None], torch.ones_like(splats.depths[:, None])], -1)
    return tiled.composite(splats, features, view, len(cameras.intrinsics), (cameras.width, cameras.height), semantics)


def _check(gaussians: Gaussians, camera: Camera, background: Tensor | None) -> tuple[int, ...]:
    """Raise ValueError for the first argument that does not fit; return the batch dimensions."""
    means = gaussians.means
    if means.ndim < 2:
        raise ValueError(f"gaussians.means must have shape (*batch, n, 3), got {tuple(means.shape)}")
    *batch, count, _ = means.shape
    if camera.width < 1 or camera.height < 1:
        raise ValueError(f"camera must be at least 1 x 1 pixels, got {camera.width} x {camera.height}")
    expected = {
        "gaussians.means": (means, (*batch, count, 3)),
        "gaussians.quaternions": (gaussians.quaternions, (*batch, count, 4)),
        "gaussians.scales": (gaussians.scales, (*batch, count, 3)),
        "gaussians.opacities": (gaussians.opacities, (*batch, count)),
        "gaussians.colors": (gaussians.colors, (*batch, count, 3)),
        "camera.intrinsics": (camera.intrinsics, (*batch, 3, 3)),
        "camera.world_to_camera": (camera.world_to_camera, (*batch, 4, 4)),
    }
    if background is not None:
        expected["background"] = (background, (3,) if background.ndim == 1 else (*batch, 3))
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} must have shape {shape}, got {tuple(tensor.shape)}")
        if tensor.dtype != means.dtype or tensor.dtype not in (torch.float32, torch.float64):
            wanted = means.dtype if means.dtype == torch.float64 else torch.float32
            raise ValueError(f"{name} of shape {shape} must be {wanted}, got {tensor.dtype}")
        if tensor.device != means.device:
            raise ValueError(f"{name} of shape {shape} must be on {means.device}, got {tensor.device}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} of shape {shape} holds values that are not finite")
    return tuple(batch)
