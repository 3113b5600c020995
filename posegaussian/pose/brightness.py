"""Dark images made brighter for networks that have seen few of them."""

from jaxtyping import Float
from torch import Tensor

_LEAST = 0.1
"""Mean brightness that an image has at least. All 96 windows around people 101 to 112 of `val`, in rooms of all kinds,
are brighter than 0.11, so they stay as they are."""
_MOST = 8.0
"""Largest gain. Chosen by hand: beyond, an image of 8 bits holds hardly more than noise."""


def brightened(images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    """Images whose mean brightness is at least 0.1, by a gain of 8 at most; what becomes brighter than white is white.

    Args:
        images: RGB, in [0, 1]. Pixels that are quite black do not count: they may lie outside the image.
    """
    grey = images.mean(1)
    mean = grey.sum((1, 2)) / (grey > 0).sum((1, 2)).clamp_min(1)
    gain = (_LEAST / mean.clamp_min(_LEAST / _MOST)).clamp_min(1)
    return (gain[:, None, None, None] * images).clamp_max(1)
