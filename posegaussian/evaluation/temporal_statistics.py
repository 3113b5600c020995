"""Temporal statistics: the temporal metrics of every method over the frames of one held-out camera."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from posegaussian.evaluation.rows import with_note
from posegaussian.evaluation.temporal import ImageMotion, TemporalMetric, motions
from posegaussian.registry import metrics_on, resolve


@dataclass(frozen=True)
class ViewLevels:
    """One view in 8 bits."""

    images: Mapping[str, UInt8[np.ndarray, "h w 3"]]  # RGB, by method
    truth: UInt8[np.ndarray, "h w 3"]  # RGB on black
    mask: UInt8[np.ndarray, "h w"]  # coverage of the person, 0..255


def motions_between(previous: ViewLevels, current: ViewLevels, device: str = "cpu") -> dict[str, ImageMotion]:
    """The motions between two frames of one camera, by method, with everything computed that the metrics need.

    It depends on nothing else, so threads may compute those of several frames at once.
    """
    pairs = [(previous.images[method], image) for method, image in current.images.items()]
    found = motions((previous.truth, current.truth), pairs, device)
    return dict(zip(current.images, found, strict=True))


class TemporalStatistics:
    """The temporal metrics of all methods, updated frame by frame; memory does not grow with the number of frames."""

    def __init__(self) -> None:
        self._entries = metrics_on("frames")
        self._methods: dict[str, dict[str, TemporalMetric]] = {}
        self._mask: np.ndarray = np.zeros((0, 0), bool)
        self._frames, self._still = 0, True

    def add(self, view: ViewLevels, motions: Mapping[str, ImageMotion]) -> None:
        """Update all metrics with the next frame.

        Args:
            view: the frame.
            motions: since the frame before, by method, see `motions_between`; none for the first frame.
        """
        self._still = self._still and all(motion.truth.still for motion in motions.values())
        for method, levels in view.images.items():
            if method not in self._methods:
                self._methods[method] = {name: resolve(entry.path)() for name, entry in self._entries.items()}
            for name, metric in self._methods[method].items():
                if self._still or not self._entries[name].still:
                    metric.add(levels, motions.get(method))
        self._mask, self._frames = view.mask > 0, self._frames + 1

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
