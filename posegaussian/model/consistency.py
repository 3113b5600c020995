"""What each pixel can know about its own reliability: does the other view agree, and how steep is the surface."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.model.upsampling import replicated

_AGREEMENT = 0.02
"""Two depths that differ by this share agree to exp(-1)."""


def agreement(
    disparity: Float[Tensor, "b 2 h w"],
    depth: Float[Tensor, "b 2 h w"],
    masks: Float[Tensor, "b 2 h w"],
    colors: Float[Tensor, "b 2 3 h w"],
) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 3 h w"]]:
    """What the other view has at the match.

    Args:
        disparity: x_left - x_right, in pixels.
        depth: in metres; rectified views share it.
        masks: coverage of the person.
        colors: RGB.

    Returns:
        left-right consistency in [0, 1]: 0 where the match lies off the other view's person.
        the other view's coverage.
        the other view's colour.
    """
    columns = torch.arange(disparity.shape[-1], device=disparity.device, dtype=disparity.dtype)
    match = torch.stack([columns - disparity[:, 0], columns + disparity[:, 1]], dim=1)
    values = torch.cat([depth[:, :, None], masks[:, :, None], colors], dim=2).flip(1)
    found = sample_rows(values, match[:, :, None].expand_as(values))
    reached, covered, seen = found[:, :, 0], found[:, :, 1], found[:, :, 2:]
    return torch.exp(-(reached / depth.clamp_min(1e-3) - 1).abs() / _AGREEMENT) * covered, covered, seen


def sample_rows(values: Float[Tensor, "*n w"], x: Float[Tensor, "*n w"]) -> Float[Tensor, "*n w"]:
    """Linear interpolation along rows at column indices; the border repeats."""
    index = x.clamp(0, values.shape[-1] - 2).long()
    return torch.lerp(values.gather(-1, index), values[..., 1:].gather(-1, index), (x - index).clamp(0, 1))


def slopes(depth: Float[Tensor, "b 2 h w"], focal: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2 2 h w"]:
    """How far the surface recedes per metre to the right and per metre down, squashed to (-1, 1)."""
    metres = 2 * depth.clamp_min(1e-3) / focal[..., None, None]
    padded = replicated(depth)
    right = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
    down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
    return (torch.stack([right, down], dim=2) / metres[:, :, None]).atan() / (torch.pi / 2)


def trimmed(masks: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The masks without their outermost pixel."""
    return -F.max_pool2d(-masks, 3, stride=1, padding=1)
