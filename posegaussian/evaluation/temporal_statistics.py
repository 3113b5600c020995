"""The frames of one held-back camera, one after the other: how steady each method's pictures are."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.evaluation.table import explained
from posegaussian.evaluation.temporal import Motion, Steadiness

NO_DEPTH = "no true depth"
METRICS = ("jitter", "settled", "tof", "warping")
"""See `Steadiness`."""
Pictures = dict[str, Float[Tensor, "3 h w"] | None]
"""Of one view by method, in [0, 1]; None where true depth is not known."""


class Video:
    """How steady each method is; memory does not grow with the number of frames."""

    def __init__(self) -> None:
        self._methods: dict[str, Steadiness | None] = {}
        self._before: np.ndarray | None = None
        self._mask: np.ndarray = np.zeros((0, 0), bool)
        self._frames, self._still = 0, True

    def add(self, pictures: Pictures, truth: UInt8[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]) -> None:
        """The next frame."""
        motion = None if self._before is None else Motion(self._before, truth)
        self._still = self._still and (motion is None or motion.still)
        for method, picture in pictures.items():
            steadiness = self._methods.setdefault(method, None if picture is None else Steadiness())
            if steadiness is not None and picture is not None:
                steadiness.add((255 * picture).permute(1, 2, 0).numpy(), motion)
        self._before, self._mask, self._frames = truth, mask > 0, self._frames + 1

    def measured(self) -> Iterator[tuple[str, str, float, str]]:
        """Method, metric, value and note; jitter is measured where the truth shows that nothing moves."""
        single = "a single frame" if self._frames == 1 else ""
        for method, steadiness in self._methods.items():
            if steadiness is None or single:
                yield from ((method, metric, math.nan, single or NO_DEPTH) for metric in METRICS)
                continue
            for metric in METRICS[:2]:
                jitter = getattr(steadiness, metric)(self._mask) if self._still else math.nan
                yield method, metric, *explained(jitter, "too few frames" if self._still else "the person moves")
            yield method, "tof", steadiness.tof, ""
            yield method, "warping", steadiness.warping, ""
