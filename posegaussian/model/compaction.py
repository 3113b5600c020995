"""Foreground pixels gathered into lists of a fixed length, on the device: the host does not wait for their number."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def foreground_pixels(
    kept: Bool[Tensor, "*b h w"], capacity: int
) -> tuple[Int[Tensor, "*b n"], Bool[Tensor, "*b n"], Int[Tensor, "*b"]]:
    """The indices of the first `capacity` foreground pixels, in row-major order.

    Args:
        kept: which pixels are foreground.
        capacity: length of the lists.

    Returns:
        indices of pixels; unused entries hold valid indices, too.
        which entries are used.
        the number of foreground pixels; if it exceeds the capacity, the last ones are missing.
    """
    along = kept.cumsum(-1, dtype=torch.int32)  # Row by row: one long cumulative sum is slow on a GPU.
    below = along[..., -1:].cumsum(-2, dtype=torch.int32)
    rank = (along + (below - along[..., -1:])).flatten(-2)
    # All other pixels go to one more slot, which is dropped.
    slot = torch.where(kept.flatten(-2), rank - 1, capacity).clamp_max(capacity).long()
    pixels = torch.arange(slot.shape[-1], device=kept.device).expand_as(slot)
    index = pixels.new_zeros(*slot.shape[:-1], capacity + 1).scatter(-1, slot, pixels)[..., :-1]
    count = rank[..., -1]
    return index, torch.arange(capacity, device=kept.device) < count[..., None], count


def gather_pixels(values: Float[Tensor, "b 2 p *c"], index: Int[Tensor, "b 2 n"]) -> Float[Tensor, "b 2 n *c"]:
    """The values of the pixels with these indices."""
    index = index.reshape(*index.shape, *[1] * (values.ndim - 3)).expand(*index.shape, *values.shape[3:])
    return values.gather(2, index)
