"""An image measured beside the truth in several crops, without computing anything on black, or twice on the person.

Metrics that make a map (FLIP, SSIM) are local, and their map has a known value where both images are black. So a map is
made once, over the box of all that is not black. A crop takes its part of the map; only along sides that cut through
the box, where a metric extends the crop beyond its border in its own way, a strip is made anew. The values are those of
the crops.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posegaussian.evaluation.crops import Crop
from posegaussian.geometry.masks import bounding_box
from posegaussian.registry import Metric, metrics_on, resolve

REACH = 12
"""Pixels that differ this far away do not change a pixel's FLIP (it reaches 10, at 67 per degree) or SSIM (5)."""


@dataclass(frozen=True)
class ImageMetric:
    """A metric of images, imported.

    Args:
        entry: of the registry.
        function: of an image and the truth; it returns a number, or a map where `entry.black` is given. None where its
            weights are not available.
        missing: why there is no function.
    """

    entry: Metric
    function: Callable[[Tensor, Tensor], Any] | None
    missing: str = ""


def load_image_metrics(folders: Mapping[str, str | None]) -> dict[str, ImageMetric]:
    """All metrics of images, by name.

    Args:
        folders: of weights, by the setting that names them.
    """
    return {name: _load(entry, folders) for name, entry in metrics_on("image").items()}


def _load(entry: Metric, folders: Mapping[str, str | None]) -> ImageMetric:
    if not entry.weights:
        return ImageMetric(entry, resolve(entry.path))
    folder, missing = folders[entry.weights], f"{entry.title} weights not available: "
    if folder is None:
        return ImageMetric(entry, None, f"{missing}evaluate.{entry.weights} names no folder")
    try:
        return ImageMetric(entry, resolve(entry.path)(Path(folder)))
    except FileNotFoundError as error:
        return ImageMetric(entry, None, f"{missing}{error}")


class Comparison:
    """One image and the truth, RGB in [0, 1]."""

    def __init__(self, image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]):
        self._image, self._truth = image, truth
        self._maps: dict[str, Float64[Tensor, "h w"]] = {}

    def value(self, metric: ImageMetric, crop: Crop) -> float:
        """The metric inside a crop; NaN where the crop is too small, or without the metric's weights."""
        if metric.function is None or min(part.stop - part.start for part in crop) < metric.entry.smallest:
            return math.nan
        if metric.entry.black is None:
            return float(metric.function(*self.pair(crop)))
        return metric.entry.black - float(self._differences(metric, crop).mean())

    def pair(self, crop: Crop) -> tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]:
        """Both images inside a crop."""
        return self._image[:, *crop], self._truth[:, *crop]

    @cached_property
    def _box(self) -> Crop:
        """Rows and columns of what is not black in either image, and of what that influences."""
        shown = ((self._image > 0) | (self._truth > 0)).any(0)
        box = bounding_box(shown.cpu().numpy())
        if box is None:
            return slice(0, 0), slice(0, 0)
        (height, width), (x0, y0, x1, y1) = shown.shape, box
        rows = slice(max(y0 - REACH, 0), min(y1 + REACH, height))
        return rows, slice(max(x0 - REACH, 0), min(x1 + REACH, width))

    def _differences(self, metric: ImageMetric, crop: Crop) -> Float64[Tensor, "h2 w2"]:
        """By how much each pixel's value is lower than that of black."""

        def make(crop: Crop) -> Float64[Tensor, "h2 w2"]:
            assert metric.function is not None and metric.entry.black is not None
            return metric.entry.black - metric.function(*self.pair(crop))

        if metric.entry.path not in self._maps:
            whole = torch.zeros(self._truth.shape[1:], dtype=torch.float64)
            if self._box[0].stop:
                whole[self._box] = make(self._box)
            self._maps[metric.entry.path] = whole
        values = self._maps[metric.entry.path][crop].clone()
        for strip, outermost in self._strips(*crop):
            values[outermost] = make(strip)[outermost]
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
