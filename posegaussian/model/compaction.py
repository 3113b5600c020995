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
    slot = torch.where(kept.flatten(-2), rank - 1, capacity).clamp_max(capacity).long()  # The last one is thrown away.
    pixels = torch.arange(slot.shape[-1], device=kept.device).expand_as(slot)
    index = pixels.new_zeros(*slot.shape[:-1], capacity + 1).scatter(-1, slot, pixels)[..., :-1]
    count = rank[..., -1]
    return index, torch.arange(capacity, device=kept.device) < count[..., None], count


def pick(values: Float[Tensor, "b 2 p *c"], index: Int[Tensor, "b 2 n"]) -> Float[Tensor, "b 2 n *c"]:
    """The values of the pixels with these indices."""
    index = index.reshape(*index.shape, *[1] * (values.ndim - 3)).expand(*index.shape, *values.shape[3:])
    return values.gather(2, index)
