"""A picture measured beside the truth in several crops, without looking at the black around people, or twice at them.

FLIP and SSIM are local, and where both pictures are black FLIP's error is 0 and SSIM is 1. So their maps are made once,
over the box of all that is not black. A crop takes its part of the map; only along sides that cut through the box,
where both metrics extend the crop beyond its border in their own way, a strip is made anew. The values are those of
the crops.
"""

import math
from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posegaussian.evaluation import metrics
from posegaussian.evaluation.crops import Crop, extent

REACH = 12
"""Pixels that differ this far away do not change a pixel's FLIP (it reaches 10, at 67 per degree) or SSIM (5)."""

Map = Callable[[Tensor, Tensor], Float64[Tensor, "h w"]]


class Comparison:
    """One picture and the truth, RGB in [0, 1]."""

    def __init__(self, image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]):
        self._image, self._truth = image, truth

    def psnr(self, crop: Crop) -> float:
        """See `metrics.psnr`."""
        return metrics.psnr(*self.pair(crop))

    def ssim(self, crop: Crop) -> float:
        """See `metrics.ssim`."""
        if min(part.stop - part.start for part in crop) < metrics.SSIM_WINDOW:
            return math.nan
        return 1 - float(self._part(self._dissimilarity, _dissimilarity, crop).mean())

    def flip(self, crop: Crop) -> float:
        """See `metrics.flip`."""
        return float(self._part(self._flip, metrics.flip_map, crop).mean())

    def pair(self, crop: Crop) -> tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]:
        """Both pictures inside a crop."""
        return self._image[:, *crop], self._truth[:, *crop]

    @cached_property
    def _box(self) -> Crop:
        """Rows and columns of what is not black in either picture, and of what that influences."""
        shown = ((self._image > 0) | (self._truth > 0)).any(0)
        if not shown.any():
            return slice(0, 0), slice(0, 0)
        rows, columns = (
            slice(max(start - REACH, 0), min(stop + REACH, size))
            for (start, stop), size in zip((extent(shown.any(1)), extent(shown.any(0))), shown.shape, strict=True)
        )
        return rows, columns

    @cached_property
    def _flip(self) -> Float64[Tensor, "h w"]:
        return self._whole(metrics.flip_map)

    @cached_property
    def _dissimilarity(self) -> Float64[Tensor, "h w"]:
        return self._whole(_dissimilarity)

    def _whole(self, make: Map) -> Float64[Tensor, "h w"]:
        values = torch.zeros(self._truth.shape[1:], dtype=torch.float64)
        if self._box[0].stop:
            values[self._box] = make(*self.pair(self._box))
        return values

    def _part(self, whole: Float64[Tensor, "h w"], make: Map, crop: Crop) -> Float64[Tensor, "h2 w2"]:
        values = whole[crop].clone()
        for strip, outermost in self._strips(*crop):
            values[outermost] = make(*self.pair(strip))[outermost]
        return values

    def _strips(self, rows: slice, columns: slice) -> Iterator[tuple[Crop, tuple[slice, slice]]]:
        """Along sides that cut through the box: what to look at, and which of its pixels differ."""
        everything = slice(None)
        for part, outermost in _cuts(rows, self._box[0]):
            yield (part, columns), (outermost, everything)
        for part, outermost in _cuts(columns, self._box[1]):
            yield (rows, part), (everything, outermost)


def _cuts(part: slice, box: slice) -> Iterator[tuple[slice, slice]]:
    """Twice the reach from each end of `part` that lies inside the box; and the half of that which is affected."""
    if box.start < part.start < box.stop:
        yield slice(part.start, min(part.start + 2 * REACH, part.stop)), slice(REACH)
    if box.start < part.stop < box.stop:
        yield slice(max(part.stop - 2 * REACH, part.start), part.stop), slice(-REACH, None)


def _dissimilarity(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> Float64[Tensor, "h w"]:
    return 1 - metrics.ssim_map(image, truth)
