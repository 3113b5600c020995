"""Cues about the reliability of each pixel: consistency with the other view, and slope of the surface."""

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.model.blocks import computed_once
from posegaussian.model.upsampling import replicated

_TOLERANCE = 0.02
"""Depths whose ratio differs from 1 by this have a consistency of exp(-1). Chosen by hand."""


def left_right_consistency(
    disparity: Float[Tensor, "b 2 h w"],
    depth: Float[Tensor, "b 2 h w"],
    masks: Float[Tensor, "b 2 h w"],
    colors: Float[Tensor, "b 2 3 h w"],
) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 3 h w"]]:
    """Consistency, coverage and colour at the match in the other view.

    Args:
        disparity: x_left - x_right, in pixels.
        depth: in metres; rectified views share it.
        masks: coverage of the person.
        colors: RGB.

    Returns:
        left-right consistency in [0, 1]; 0 where the match is background.
        the other view's coverage.
        the other view's colour.
    """
    columns = torch.arange(disparity.shape[-1], device=disparity.device, dtype=disparity.dtype)
    match = torch.stack([columns - disparity[:, 0], columns + disparity[:, 1]], dim=1)
    values = torch.cat([depth[:, :, None], masks[:, :, None], colors], dim=2).flip(1)
    found = computed_once(sample_rows(values, match[:, :, None].expand_as(values)))
    other_depth, covered, matched = found[:, :, 0], found[:, :, 1], found[:, :, 2:]
    consistency = torch.exp(-(other_depth / depth.clamp_min(1e-3) - 1).abs() / _TOLERANCE) * covered
    return consistency, covered, matched


def sample_rows(values: Float[Tensor, "*n w"], x: Float[Tensor, "*n w"]) -> Float[Tensor, "*n w"]:
    """The values at column indices, interpolated linearly along rows; the border is replicated; NaN stays NaN."""
    index = x.nan_to_num().clamp(0, values.shape[-1] - 2).long()
    return torch.lerp(values.gather(-1, index), values[..., 1:].gather(-1, index), (x - index).clamp(0, 1))


def surface_slopes(depth: Float[Tensor, "b 2 h w"], focal: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2 2 h w"]:
    """Slope of the depth to the right and down: arctangent of metres per metre, scaled to (-1, 1)."""
    metres = 2 * depth.clamp_min(1e-3) / focal[..., None, None]
    padded = replicated(depth)
    right = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return (torch.stack([right, down], dim=2) / metres[:, :, None]).atan() / (torch.pi / 2)


def trimmed(masks: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The masks eroded by one pixel."""
    # Not a pooling: TorchInductor 2.11 cannot compile one of masks that a network computed in channels-last format.
    padded = replicated(masks)
    rows = padded[..., :-2, :].minimum(padded[..., 1:-1, :]).minimum(padded[..., 2:, :])
    return rows[..., :-2].minimum(rows[..., 1:-1]).minimum(rows[..., 2:])
