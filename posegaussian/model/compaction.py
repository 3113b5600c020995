"""Foreground pixels gathered into lists of a fixed length, on the device, without waiting for their number."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def foreground(
    kept: Bool[Tensor, "*b h w"], capacity: int
) -> tuple[Int[Tensor, "*b n"], Bool[Tensor, "*b n"], Int[Tensor, "*b"]]:
    """The first `capacity` pixels to keep, in their order.

    Args:
        kept: which pixels are wanted.
        capacity: length of the lists.

    Returns:
        indices of pixels; those of unused entries are valid, too.
        which entries are used.
        how many pixels were wanted; where that exceeds the capacity the last ones are missing.
    """
    along = kept.cumsum(-1, dtype=torch.int32)  # Row by row: one long sum would be slow on a GPU.
    below = along[..., -1:].cumsum(-2, dtype=torch.int32)
    rank = (along + (below - along[..., -1:])).flatten(-2)
    wanted = torch.arange(1, capacity + 1, device=kept.device, dtype=torch.int32).expand(*rank.shape[:-1], capacity)
    index = torch.searchsorted(rank, wanted.contiguous())
    count = rank[..., -1]
    return index.clamp_max(rank.shape[-1] - 1), wanted <= count[..., None], count


def pick(values: Float[Tensor, "b 2 p *c"], index: Int[Tensor, "b 2 n"]) -> Float[Tensor, "b 2 n *c"]:
    """The values of the pixels with these indices."""
    index = index.reshape(*index.shape, *[1] * (values.ndim - 3)).expand(*index.shape, *values.shape[3:])
    return values.gather(2, index)
