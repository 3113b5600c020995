"""Metrics of a video; images RGB, display-referred (sRGB), background black."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol, TypeVar, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

_FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)
"""Pyramid scale, levels, window, iterations, neighbourhood, its sigma, flags."""
SETTLING = 4
"""Frames in which a model's memory builds up."""
Moving = TypeVar("Moving", "FlowError", "WarpingError")


@dataclass(frozen=True)
class Motion:
    """Two consecutive frames of the truth, and the optical flow (Farneback) between them in pixels."""

    before: UInt8[np.ndarray, "h w 3"]
    now: UInt8[np.ndarray, "h w 3"]

    @cached_property
    def to_now(self) -> Float32[np.ndarray, "h w 2"]:
        """From the frame before to this one."""
        return _flow(self.before, self.now)

    @cached_property
    def to_before(self) -> Float32[np.ndarray, "h w 2"]:
        """From this frame to the one before."""
        return _flow(self.now, self.before)

    @cached_property
    def known(self) -> Bool[np.ndarray, "h w"]:
        """The person's pixels that no flow contradicts.

        There and back it returns to within 0.01 (|there|^2 + |back|^2) + 0.5 squared pixels (Sundaram et al. 2010).
        """
        back = _warped(self.to_now, self.to_before)
        lengths = (self.to_before**2).sum(-1) + (back**2).sum(-1)
        return (((self.to_before + back) ** 2).sum(-1) < 0.01 * lengths + 0.5) & (_grey(self.now) > 0)

    @property
    def still(self) -> bool:
        """Whether nothing moves at all."""
        return np.array_equal(self.before, self.now)


@runtime_checkable
class VideoMetric(Protocol):
    """What measures a video frame after frame; memory does not grow with their number."""

    def add(self, levels: Float32[np.ndarray, "h w 3"], motion: Motion | None) -> None:
        """Take the next frame.

        Args:
            levels: the image, 0..255, not necessarily whole numbers.
            motion: of the truth since the frame before; None for the first frame.
        """
        ...

    def value(self, mask: Bool[np.ndarray, "h w"]) -> float:
        """The metric of all frames so far, NaN of too few; the mask is of the person."""
        ...


class Jitter:
    """Mean over the mask of each value's standard deviation over time, in 8-bit levels; of what stands still.

    Args:
        skipped: so many first frames do not count.
    """

    def __init__(self, skipped: int = 0) -> None:
        self._left = skipped
        self._count, self._sum, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, levels: Float32[np.ndarray, "h w 3"], motion: Motion | None = None) -> None:
        """See `VideoMetric`."""
        if self._left > 0:
            self._left -= 1
            return
        self._count += 1
        self._sum, self._squares = self._sum + levels.astype(np.float64), self._squares + levels.astype(np.float64) ** 2

    def value(self, mask: Bool[np.ndarray, "h w"]) -> float:
        """See `VideoMetric`; NaN of fewer than two frames."""
        if self._count < 2:
            return math.nan
        mean, squares = (values[mask] / self._count for values in (self._sum, self._squares))
        return float(np.sqrt((squares - mean**2).clip(0)).mean()) if mask.any() else 0.0


class Settled(Jitter):
    """`Jitter` without the first frames, in which a model's memory builds up."""

    def __init__(self) -> None:
        super().__init__(SETTLING)


class FlowError:
    """tOF (Chu et al. 2020): mean distance in pixels between the optical flows of the video and of the truth."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._errors: list[float] = []

    def add(self, levels: Float32[np.ndarray, "h w 3"], motion: Motion | None) -> None:
        """See `VideoMetric`."""
        if motion is not None and self._before is not None:
            made = _flow(_rounded(self._before), _rounded(levels))
            self._errors.append(float(np.linalg.norm(made - motion.to_now, axis=-1).mean()))
        self._before = levels

    def value(self, mask: Bool[np.ndarray, "h w"] | None = None) -> float:
        """See `VideoMetric`; the whole image counts."""
        return float(np.mean(self._errors)) if self._errors else math.nan


class WarpingError:
    """Root mean square change, in 8-bit levels, from the frame before as the truth's flow warps it.

    Over pixels of the person that no flow contradicts.
    """

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._warped, self._known, self._changes = 0.0, 0, 0

    def add(self, levels: Float32[np.ndarray, "h w 3"], motion: Motion | None) -> None:
        """See `VideoMetric`."""
        if motion is not None and self._before is not None:
            change = (levels - _warped(self._before, motion.to_before)).astype(np.float64)
            self._warped += float((change**2).mean(-1)[motion.known].sum())
            self._known += int(motion.known.sum())
            self._changes += 1
        self._before = levels

    def value(self, mask: Bool[np.ndarray, "h w"] | None = None) -> float:
        """See `VideoMetric`; the truth says which pixels are the person's."""
        return (self._warped / max(self._known, 1)) ** 0.5 if self._changes else math.nan


def static_jitter(video: Float[Tensor, "t 3 h w"], mask: Float[Tensor, "1 h w"]) -> float:
    """See `Jitter`.

    Args:
        video: in [0, 1], of a subject that stands still.
        mask: coverage of the subject; where it is above 0 counts.
    """
    jitter = Jitter()
    for levels in _levels(video):
        jitter.add(levels)
    return jitter.value((mask[0] > 0).cpu().numpy())


def tof(video: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> float:
    """See `FlowError`; both in [0, 1]."""
    return _followed(FlowError(), _levels(video), truth).value()


def warping_error(video: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> float:
    """See `WarpingError`; both in [0, 1]."""
    return _followed(WarpingError(), [_rounded(frame).astype(np.float32) for frame in _levels(video)], truth).value()


def _followed(metric: Moving, video: Iterable[np.ndarray], truth: Float[Tensor, "t 3 h w"]) -> Moving:
    """The metric after all frames of a video."""
    motions = (Motion(*map(_rounded, pair)) for pair in pairwise(_levels(truth)))
    for number, levels in enumerate(video):
        metric.add(levels, next(motions) if number else None)
    return metric


def _levels(video: Float[Tensor, "t 3 h w"]) -> Iterable[np.ndarray]:
    return (255 * video.clamp(0, 1)).permute(0, 2, 3, 1).float().cpu().numpy()


def _rounded(levels: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return np.rint(levels).astype(np.uint8)


def _grey(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _flow(before: UInt8[np.ndarray, "h w 3"], now: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 2"]:
    flow = cv2.calcOpticalFlowFarneback(_grey(before), _grey(now), None, *_FARNEBACK)  # type: ignore[call-overload]
    return np.asarray(flow, dtype=np.float32)


def _warped(values: np.ndarray, flow: Float32[np.ndarray, "h w 2"]) -> np.ndarray:
    """What lies where the flow points."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(np.ascontiguousarray(values), columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
