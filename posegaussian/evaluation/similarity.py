"""The map of structural similarity, SSIM (Wang et al. 2004), with a separable Gaussian window."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.evaluation.filters import separable

_WINDOW_RADIUS, _WINDOW_SIGMA = 5, 1.5
"""Gaussian window of 11 x 11 pixels (Wang et al. 2004)."""
_C1, _C2 = 0.01**2, 0.03**2
"""Keep the quotients finite (Wang et al. 2004), for values in [0, 1]."""


def similarity(image: Float[Tensor, "b c h w"], target: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """SSIM of every pixel: window 11, sigma 1.5, data range 1, mirrored at the border; no gradient for the target."""
    mean_a, square_a, product = _blurred(torch.cat([image, image * image, image * target])).chunk(3)
    with torch.no_grad():
        mean_b, square_b = _blurred(torch.cat([target, target * target])).chunk(2)
    return _compared(mean_a, mean_b, square_a, square_b, product)


def measured_similarity(image: Float[Tensor, "c h w"], target: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    """The same without gradients, in float32; on the CPU, several times as fast."""
    line = _window(torch.empty(0))
    stacked = torch.cat([image, target, image * image, target * target, image * target])
    return _compared(*separable(stacked, line, line, "reflect").chunk(5))


def _compared(mean_a: Tensor, mean_b: Tensor, square_a: Tensor, square_b: Tensor, product: Tensor) -> Tensor:
    """SSIM from weighted means of two images, their squares and their product."""
    means, spread = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    variance = (square_a - mean_a * mean_a).clamp_min(0) + (square_b - mean_b * mean_b).clamp_min(0)
    return (2 * means + _C1) * (2 * (product - means) + _C2) / ((spread + _C1) * (variance + _C2))


def _window(like: Tensor) -> Float[Tensor, "k"]:
    """Weights along one axis."""
    offsets = torch.arange(-_WINDOW_RADIUS, _WINDOW_RADIUS + 1, dtype=like.dtype, device=like.device)
    return torch.softmax(-0.5 * (offsets / _WINDOW_SIGMA).square(), dim=0)


def _blurred(values: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """The weighted mean over the window around each pixel."""
    channels = values.shape[1]
    line = _window(values).expand(channels, 1, 1, -1)
    values = F.pad(values, (_WINDOW_RADIUS,) * 4, mode="reflect")
    return F.conv2d(F.conv2d(values, line, groups=channels), line.mT, groups=channels)
