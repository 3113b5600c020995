"""Edges of mattes that follow the image, on a CUDA device: `soft_edge.soft_coverage`, up to rounding.

It takes most of the time of a matte on a core.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.preparation.mattes.soft_edge import EPSILON, UNSURE, filter_radius, soft_coverage
from posegaussian.preparation.mattes.window import Window


@torch.inference_mode()
def device_coverage(
    window: Window, image: UInt8[Tensor, "_ _ 3"], logits: Float[Tensor, "h w"]
) -> UInt8[Tensor, "_ _"]:
    """Coverage, 0..255, in the image's pixels of the window's box; see `soft_coverage`."""
    radius = filter_radius(window)
    if radius is None:
        return torch.from_numpy(soft_coverage(window, logits.cpu().numpy())).to(image.device)
    guide = image[window.rows, window.columns].movedim(-1, 0) / 255
    wide = functional.interpolate(logits[None, None], size=guide.shape[1:], mode="bilinear", align_corners=False)
    return following_edges(guide, wide[0, 0].sigmoid(), radius)


def following_edges(guide: Float[Tensor, "3 h w"], coverage: Float[Tensor, "h w"], radius: int) -> UInt8[Tensor, "h w"]:
    """Coverage, 0..255, whose edges follow the guide."""
    followed = device_guided_filter(guide, coverage, radius, EPSILON).clamp(0, 1)
    coverage = torch.where((coverage - 0.5).abs() < UNSURE, followed, coverage)
    return (255 * coverage).round().byte()


def device_guided_filter(
    guide: Float[Tensor, "3 h w"], values: Float[Tensor, "h w"], radius: int, epsilon: float
) -> Float[Tensor, "h w"]:
    """What `guided_filter` returns, of tensors, channels first."""
    height, width = values.shape
    rows, columns = (_reflected(length, radius, guide.device) for length in (height, width))
    size = 2 * radius + 1

    def means(*planes: Tensor) -> Tensor:
        around = torch.cat([each.reshape(-1, height, width) for each in planes])[:, rows][:, :, columns]
        return functional.avg_pool2d(functional.avg_pool2d(around, (size, 1), stride=1), (1, size), stride=1)

    first, second = torch.triu_indices(3, 3, device=guide.device)
    mean = means(guide, values, guide * values, guide[first] * guide[second])
    mean_guide, mean_values, mean_across, mean_pairs = mean.split([3, 1, 3, 6])
    x, y, z = mean_across - mean_guide * mean_values
    a, b, c, d, e, f = mean_pairs - mean_guide[first] * mean_guide[second]
    a, d, f = a + epsilon, d + epsilon, f + epsilon
    aa, bb, cc, dd, ee, ff = d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b
    slope = torch.stack([aa * x + bb * y + cc * z, bb * x + dd * y + ee * z, cc * x + ee * y + ff * z])
    slope = slope / (a * aa + b * bb + c * cc)
    level = mean_values[0] - (slope * mean_guide).sum(0)
    mean = means(slope, level)
    return (mean[:3] * guide).sum(0) + mean[3]


def _reflected(length: int, room: int, device: torch.device) -> Tensor:
    """Indices of pixels with some beyond both ends, which are mirrored at the outer edges of the first and the last."""
    index = torch.arange(-room, length + room, device=device) % (2 * length)
    return torch.minimum(index, 2 * length - 1 - index)
