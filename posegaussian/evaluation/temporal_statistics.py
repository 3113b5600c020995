"""Temporal statistics: the temporal metrics of every method over the frames of one held-out camera."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.evaluation.rows import with_note
from posegaussian.evaluation.temporal import Motion, TemporalMetric
from posegaussian.registry import metrics_on, resolve

ViewImages = dict[str, Float[Tensor, "3 h w"]]
"""Images of one view by method, RGB in [0, 1]."""


class TemporalStatistics:
    """The temporal metrics of all methods, updated frame by frame; memory does not grow with the number of frames."""

    def __init__(self) -> None:
        self._entries = metrics_on("frames")
        self._methods: dict[str, dict[str, TemporalMetric]] = {}
        self._previous: np.ndarray | None = None
        self._mask: np.ndarray = np.zeros((0, 0), bool)
        self._frames, self._still = 0, True

    def add(self, images: ViewImages, truth: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]) -> None:
        """Update all metrics with the next frame."""
        motion = None if self._previous is None else Motion(self._previous, truth)
        self._still = self._still and (motion is None or motion.still)
        for method, image in images.items():
            if method not in self._methods:
                self._methods[method] = {name: resolve(entry.path)() for name, entry in self._entries.items()}
            for metric in self._methods[method].values():
                metric.add((255 * image).permute(1, 2, 0).numpy(), motion)
        self._previous, self._mask, self._frames = truth, mask > 0, self._frames + 1

    def values(self) -> Iterator[tuple[str, str, float, str]]:
        """Method, metric, value and note of every metric; some metrics are defined only if the truth does not move."""
        single = "a single frame" if self._frames == 1 else ""
        for method, metrics in self._methods.items():
            for name, entry in self._entries.items():
                if single:
                    yield method, name, math.nan, single
                elif entry.still and not self._still:
                    yield method, name, math.nan, "the person moves"
                else:
                    yield method, name, *with_note(metrics[name].value(self._mask), "too few frames")
