"""Where the edge of a person is uncertain."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

_SOFT = 0.1
"""Pixels that are covered by more than this, and by less than 1 minus this, are soft. Chosen by hand."""


def certain_colors(
    colors: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], masks: Float[Tensor, "b 1 h w"], band: float
) -> Float[Tensor, "b 3 h w"]:
    """The colours of a view; where the edge of the person is uncertain, those of the target, which cost nothing."""
    return torch.where(uncertain_pixels(masks, band), target, colors) if band else colors


def uncertain_pixels(masks: Float[Tensor, "b 1 h w"], band: float) -> Bool[Tensor, "b 1 h w"]:
    """Soft pixels, and those within the band on either side of the edge.

    Args:
        masks: coverage of the person.
        band: width of the band, as a share of the height of the person in each mask.
    """
    inside = masks > 0.5  # a pixel is the person's from half coverage on (docs/conventions.md, "Masks")
    both = torch.cat([inside, ~inside], dim=1).float()
    near = []
    for person, height in zip(both, inside.any(-1).sum(-1)[:, 0].tolist(), strict=True):
        reach = math.ceil(band * height)
        near.append(F.max_pool2d(person, 2 * reach + 1, 1, reach).amin(0, keepdim=True) > 0)
    return torch.stack(near) | ((masks > _SOFT) & (masks < 1 - _SOFT))
