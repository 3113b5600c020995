"""The frames of one held-out camera, one after the other: the metrics of each method's video."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.evaluation.table import explained
from posegaussian.evaluation.temporal import Motion, VideoMetric
from posegaussian.registry import metrics_on, resolve

NO_DEPTH = "no true depth"
Pictures = dict[str, Float[Tensor, "3 h w"] | None]
"""Of one view by method, in [0, 1]; None where true depth is not known."""


class Video:
    """The metrics of every method's video; memory does not grow with the number of frames."""

    def __init__(self) -> None:
        self._entries = metrics_on("video")
        self._methods: dict[str, dict[str, VideoMetric] | None] = {}
        self._before: np.ndarray | None = None
        self._mask: np.ndarray = np.zeros((0, 0), bool)
        self._frames, self._still = 0, True

    def add(self, pictures: Pictures, truth: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]) -> None:
        """Take the next frame."""
        motion = None if self._before is None else Motion(self._before, truth)
        self._still = self._still and (motion is None or motion.still)
        for method, picture in pictures.items():
            if method not in self._methods:
                self._methods[method] = None if picture is None else self._started()
            for metric in (self._methods[method] or {}).values():
                assert picture is not None
                metric.add((255 * picture).permute(1, 2, 0).numpy(), motion)
        self._before, self._mask, self._frames = truth, mask > 0, self._frames + 1

    def _started(self) -> dict[str, VideoMetric]:
        return {name: resolve(entry.path)() for name, entry in self._entries.items()}

    def measured(self) -> Iterator[tuple[str, str, float, str]]:
        """Method, metric, value and note of every metric; some are measured only where the truth does not move."""
        single = "a single frame" if self._frames == 1 else ""
        for method, metrics in self._methods.items():
            for name, entry in self._entries.items():
                if metrics is None or single:
                    yield method, name, math.nan, single or NO_DEPTH
                elif entry.still and not self._still:
                    yield method, name, math.nan, "the person moves"
                else:
                    yield method, name, *explained(metrics[name].value(self._mask), "too few frames")
