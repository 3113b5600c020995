"""The metrics of one image in several crops, with each metric computed only once and not on the black background.

Metrics with a map (FLIP, SSIM) are local, and where both images are black their map has a known value. A map is
therefore computed once, over the bounding box of everything that is not black, and each crop takes its part of it.
There is one exception: where the border of a crop cuts through the box, the metric of the crop pads the crop in its own
way, so a strip along that border is computed again. The values equal those of the metric applied to the crop alone,
which is what is computed where a crop within the box comes first.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from posegaussian.evaluation.crops import Crop
from posegaussian.evaluation.metrics import color_corrected
from posegaussian.geometry.masks import bounding_box
from posegaussian.parallel import Lazy
from posegaussian.registry import Metric, metrics_on, resolve

REACH = 12
"""Radius of influence, pixels: FLIP depends on pixels up to 10 away (at 67 per degree), SSIM on pixels up to 5."""


@dataclass(frozen=True)
class ImageMetric:
    """A metric of images, ready to use."""

    entry: Metric  # of the registry
    # of an image and the truth; it returns a number, or a map if `entry.black` is given. None without the weights of
    # the metric.
    function: Callable[[Tensor, Tensor], Any] | None
    missing: str = ""  # why there is no function; empty if there is one


def load_image_metrics(folders: Mapping[str, str | None], without: Collection[str] = ()) -> dict[str, ImageMetric]:
    """The metrics of images by name.

    Args:
        folders: of the metrics' weights, by the name of the setting.
        without: names of metrics that are not wanted.
    """
    return {name: _load(entry, folders) for name, entry in metrics_on("image").items() if name not in without}


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
    """One image and the truth, both RGB in [0, 1] on black."""

    def __init__(self, image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]):
        self._image, self._truth = image, truth
        self._maps: dict[str, Float64[Tensor, "h w"]] = {}

    def value(self, metric: ImageMetric, crop: Crop) -> float:
        """The value of a metric in a crop; NaN if the crop is too small or the metric's weights are missing."""
        if metric.function is None or min(part.stop - part.start for part in crop) < metric.entry.smallest:
            return math.nan
        comparison = self._corrected if metric.entry.corrected else self
        if metric.entry.black is None:
            return float(metric.function(*comparison.cropped(crop)))
        if comparison._pays_directly(metric, crop):
            return float(metric.function(*comparison.cropped(crop)).mean())
        return metric.entry.black - float(comparison._differences(metric, crop).mean())

    def cropped(self, crop: Crop) -> tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]:
        """The image and the truth inside a crop."""
        return self._image[:, *crop], self._truth[:, *crop]

    @Lazy
    def _corrected(self) -> "Comparison":
        """The comparison with the image's colours fitted to the truth; all crops use the same fit."""
        corrected = self._image.clone()
        corrected[:, *self._box] = color_corrected(*self.cropped(self._box))
        return Comparison(corrected, self._truth)

    @Lazy
    def _box(self) -> Crop:
        """Rows and columns of the pixels that are not black in either image, with a border of `REACH`."""
        shown = torch.maximum(self._image.amax(0), self._truth.amax(0)) > 0  # a third of the time of `any`
        box = bounding_box(shown.cpu().numpy())
        if box is None:
            return slice(0, 0), slice(0, 0)
        (height, width), (x0, y0, x1, y1) = shown.shape, box
        rows = slice(max(y0 - REACH, 0), min(y1 + REACH, height))
        return rows, slice(max(x0 - REACH, 0), min(x1 + REACH, width))

    def _pays_directly(self, metric: ImageMetric, crop: Crop) -> bool:
        """Whether the map of a crop alone takes less than that of the box, which is not known yet."""
        areas = [math.prod(part.stop - part.start for part in each) for each in (crop, self._box)]
        return metric.entry.path not in self._maps and areas[0] <= areas[1]

    def _differences(self, metric: ImageMetric, crop: Crop) -> Float64[Tensor, "h2 w2"]:
        """The metric's value on black minus its map, inside a crop."""

        def make(crop: Crop) -> Float64[Tensor, "h2 w2"]:
            assert metric.function is not None and metric.entry.black is not None
            return metric.entry.black - metric.function(*self.cropped(crop))

        if metric.entry.path not in self._maps:
            whole = torch.zeros(self._truth.shape[1:], dtype=torch.float64, device=self._truth.device)
            if self._box[0].stop:
                whole[self._box] = make(self._box)
            self._maps[metric.entry.path] = whole
        values = self._maps[metric.entry.path][crop].clone()
        for strip, outermost in self._strips(*crop):
            values[outermost] = make(strip)[outermost]
        return values

    def _strips(self, rows: slice, columns: slice) -> Iterator[tuple[Crop, tuple[slice, slice]]]:
        """Strips along the crop's borders that cut through the box, and the pixels of each strip to be replaced."""
        everything = slice(None)
        for part, outermost in _cuts(rows, self._box[0]):
            yield (part, columns), (outermost, everything)
        for part, outermost in _cuts(columns, self._box[1]):
            yield (rows, part), (everything, outermost)


def _cuts(part: slice, box: slice) -> Iterator[tuple[slice, slice]]:
    """For each end of `part` inside the box: `2 REACH` pixels from that end, and their outer half, which it affects."""
    if box.start < part.start < box.stop:
        yield slice(part.start, min(part.start + 2 * REACH, part.stop)), slice(REACH)
    if box.start < part.stop < box.stop:
        yield slice(max(part.stop - 2 * REACH, part.start), part.stop), slice(-REACH, None)
