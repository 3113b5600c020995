"""Distances to the edge of masks, within a limited reach."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

_WITHIN_A_PIXEL = 0.25
"""How far the edge lies, on average, from the centre of the nearest pixel beyond it, where edges are antialiased."""
_GRAIN = 64
"""Sides of images that are transformed to frequencies are multiples of this: small factors are fast. Chosen by hand."""
_ROUNDING = 1e-3
"""Added to the square of a reach: squared distances are whole numbers, and reaches are rounded."""


def distance_to(inside: Bool[Tensor, "n h w"], reach: int) -> Float[Tensor, "n h w"]:
    """Distance of every pixel's centre to that of the nearest pixel inside; 0 there, and at most `reach` + 1.

    Exact: the lower envelope of parabolas along columns, then along rows (Felzenszwalb & Huttenlocher 2012), for which
    a limited reach needs no more than a minimum over a window.

    Args:
        inside: n masks.
        reach: pixels.
    """
    squares = torch.where(inside, 0.0, float((reach + 1) ** 2))
    steps = torch.arange(-reach, reach + 1, device=inside.device).square().float()
    for axis, padding in ((1, (0, 0, reach, reach)), (2, (reach, reach, 0, 0))):
        around = F.pad(squares, padding, value=float((reach + 1) ** 2)).unfold(axis, 2 * reach + 1, 1)
        squares = (around + steps).amin(-1)
    return squares.sqrt().clamp_max(reach + 1)


def within(inside: Bool[Tensor, "n h w"], reach: Float[Tensor, " n"], most: int) -> Bool[Tensor, "n h w"]:
    """Pixels whose centres are at most so far from that of the nearest pixel inside.

    A dilation by a disc, as a product of frequencies: it takes the same time for discs of any size, which the device
    alone need know.

    Args:
        inside: n masks.
        reach: of each, pixels.
        most: at least every reach, pixels.
    """
    height, width = inside.shape[1:]
    sides = [-(-(length + most) // _GRAIN) * _GRAIN for length in (height, width)]
    down, across = (torch.arange(side, device=inside.device) for side in sides)
    squares = torch.minimum(down, sides[0] - down).square()[:, None] + torch.minimum(across, sides[1] - across).square()
    discs = (squares <= reach[:, None, None].square() + _ROUNDING).float()
    found = torch.fft.irfft2(torch.fft.rfft2(inside.float(), s=sides) * torch.fft.rfft2(discs), s=sides)
    return found[:, :height, :width] > 0.5


def signed_distance(masks: Float[Tensor, "n h w"], reach: int) -> Float[Tensor, "n h w"]:
    """Distance to the edge of masks in pixels, positive inside; correct to a quarter of a pixel within the reach.

    A pixel that is partly covered has its coverage minus one half, so that the distances are those of a straight edge
    and `(0.5 + distance).clamp(0, 1)` is the mask itself.

    Args:
        masks: coverage in [0, 1].
        reach: pixels.
    """
    inside = masks >= 0.5
    away = distance_to(~inside, reach) - distance_to(inside, reach)
    partly = (masks > 0) & (masks < 1)
    return torch.where(partly, masks - 0.5, away - _WITHIN_A_PIXEL * away.sign())
