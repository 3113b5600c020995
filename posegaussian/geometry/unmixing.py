"""The person on black from images as filmed, for tensors on any device; for bytes see `compositing.person_on_black`.

A soft pixel shows `a F + (1 - a) B` (Porter and Duff, 1984): a of the person's colour F, the rest of the background's.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.geometry.compositing import REACH

_SIDE = 2 * REACH + 1


def background_nearby(
    images: Float[Tensor, "*b 3 h w"], masks: Float[Tensor, "*b 1 h w"]
) -> tuple[Float[Tensor, "*b 3 h w"], Bool[Tensor, "*b 1 h w"]]:
    """B, the mean colour of the pixels near each pixel that the person does not cover, and whether there are any."""
    clear = (masks == 0).to(images.dtype)
    both = torch.cat([images * clear, clear], dim=-3)
    means = both.reshape(-1, *both.shape[-3:])
    for window, padding in (((_SIDE, 1), (REACH, 0)), ((1, _SIDE), (0, REACH))):  # Fewer additions than for a square.
        means = F.avg_pool2d(means, window, 1, padding)
    colors, share = means.view(both.shape).split((3, 1), dim=-3)
    return colors / share.clamp_min(1 / _SIDE**2), share > 0.5 / _SIDE**2


def person_on_black(images: Float[Tensor, "*b 3 h w"], masks: Float[Tensor, "*b 1 h w"]) -> Float[Tensor, "*b 3 h w"]:
    """Colours premultiplied by the coverage: `image - (1 - a) B`, or `a image` where no background is nearby.

    Args:
        images: RGB as filmed around the person, in [0, 1].
        masks: coverage of the person.
    """
    behind, known = background_nearby(images, masks)
    alone = (images - (1 - masks) * behind).clamp_min(0).minimum(masks)
    return torch.where(known, alone, images * masks)
