"""The facade of the rasterisers: checks, batch dimensions, choice of back-end."""

import torch
from torch import Tensor

from posegaussian.splatting.backends import choose
from posegaussian.splatting.semantics import ANTIALIASED, Semantics
from posegaussian.types import Camera, Gaussians, Rendering


class NotFiniteError(ValueError):
    """An argument of `rasterize` holds values that are not finite."""


def rasterize(
    gaussians: Gaussians,
    camera: Camera,
    background: Tensor | None = None,
    *,
    backend: str = "auto",
    semantics: Semantics = ANTIALIASED,
) -> Rendering:
    """Render Gaussians; differentiable with respect to them, the cameras and the background.

    Args:
        gaussians: one set or a batch of sets; entries with an opacity below `semantics.alpha_min` are skipped.
        camera: one camera for each set.
        background: RGB, shape (3,) or one per set; black if None.
        backend: `auto` picks the fastest that is installed and can do what is asked: on the CPU `numba` (float32, no
            gradient for cameras), on CUDA `gsplat` or `inria`, else `torch`, which runs anywhere; `reference` is the
            slow, plain one that the others are tested against.
        semantics: the rules of compositing; by default those that the networks are trained, rendered and measured with.

    Raises:
        ValueError: an argument's shape, dtype, device or a non-finite value, by name. Values are looked at on the CPU
            alone: on another device that would wait for all work in flight.
        BackendError: the back-end asked for is not installed, or cannot take the arguments.

    Examples:
        >>> import torch, posegaussian as pg
        >>> from posegaussian.splatting import GSPLAT
        >>> opacities = torch.tensor([0.9], requires_grad=True)
        >>> means, quaternions, scales = torch.tensor([[0.0, 0, 2]]), torch.eye(4)[:1], torch.full((1, 3), 0.1)
        >>> gaussians = pg.Gaussians(means, quaternions, scales, opacities, torch.ones(1, 3))
        >>> camera = pg.Camera(torch.tensor([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]]), torch.eye(4), 64, 48)
        >>> pg.rasterize(gaussians, camera).alphas.sum().backward()
        >>> bool(opacities.grad > 0)
        True
        >>> bool(pg.rasterize(gaussians, camera, semantics=GSPLAT).alphas.max() > 0.88)  # not antialiased
        True
    """
    batch = _check(gaussians, camera, background)
    sets = gaussians.map(lambda tensor: tensor.flatten(0, len(batch) - 1) if batch else tensor[None])
    views = Camera(
        camera.intrinsics.reshape(-1, 3, 3), camera.world_to_camera.reshape(-1, 4, 4), camera.width, camera.height
    )

    if background is not None:
        background = background.expand(*batch, 3).reshape(-1, 3)
    rendering = choose(backend, sets, views, semantics).render(sets, views, background, semantics)
    return rendering.map(lambda image: image.reshape(*batch, *image.shape[1:]))


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
        if tensor.device.type == "cpu" and not _is_finite(tensor):
            raise NotFiniteError(f"{name} of shape {shape} holds values that are not finite")
    return tuple(batch)


def _is_finite(tensor: Tensor) -> bool:
    # A finite sum proves that all terms are finite, without a copy. An infinite sum may also be an overflow.
    return bool(tensor.detach().sum().isfinite()) or bool(tensor.isfinite().all())
