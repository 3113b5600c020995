"""The image as filmed in a band around the person, on a CUDA device: `with_background` within `band_around`.

Whole numbers, as on the CPU: from the same levels of 8 bits it makes the same ones.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.geometry.compositing import BAND, LEAST_BAND, REACH
from posegaussian.geometry.distance import within
from posegaussian.geometry.masks import PERSON


def as_filmed(
    person: UInt8[Tensor, "n 3 h w"],
    filmed: UInt8[Tensor, "n 3 h w"],
    masks: UInt8[Tensor, "n h w"],
    exact: Sequence[bool],
) -> UInt8[Tensor, "n 3 h w"]:
    """Images of which `person_on_black` returns the person, as filmed near the person and black beyond.

    Args:
        person: RGB on black, no brighter than the mask.
        filmed: RGB.
        masks: coverage of the person, 0..255.
        exact: of each image; False: soft pixels without background nearby are as filmed.
    """
    cover, clear = masks[:, None].int(), masks[:, None] == 0
    seen = torch.where(clear & near_person(masks)[:, None], filmed, 0)
    count, sums = _around(torch.cat([clear, seen], dim=1).float()).split((1, 3), dim=1)
    behind = (2 * (255 - cover) * sums + 255 * count) // (510 * count).clamp_min(1)
    alone = person.int()
    lone = [
        (510 * one + share) // (2 * share).clamp_min(1) if kept else image.int()
        for one, share, image, kept in zip(alone, cover, filmed, exact, strict=True)
    ]
    soft = torch.where(count > 0, alone + behind, torch.stack(lone))
    return torch.where(clear, seen, torch.where(cover == 255, alone, soft).byte())


def near_person(masks: UInt8[Tensor, "n h w"]) -> Bool[Tensor, "n h w"]:
    """Pixels that are kept as filmed, see `geometry.compositing.band_around`.

    Args:
        masks: coverage of the person, 0..255.
    """
    height = masks.shape[1]
    rows = torch.arange(height, device=masks.device)
    shown = (masks >= PERSON).any(-1)
    tall = torch.where(shown, rows, -1).amax(-1) - torch.where(shown, rows, height).amin(-1) + 1
    reach = torch.where(tall > 0, (BAND * tall).clamp_min(LEAST_BAND), 0.0)
    return within(masks > 0, reach, max(int(BAND * height), LEAST_BAND) + 1)


def _around(values: Tensor) -> Tensor:
    """Sums over the window of `REACH` around each pixel, whole numbers; mirrored at the outermost pixels' centres."""
    side = 2 * REACH + 1
    sums = functional.pad(values, [REACH] * 4, mode="reflect")
    for size in ((side, 1), (1, side)):
        sums = functional.avg_pool2d(sums, size, stride=1, divisor_override=1)
    return sums.int()
