"""Temporal metrics: of the frames of one camera in temporal order; RGB, sRGB, on black."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from posegaussian.evaluation.device_motion import Frames, MotionErrors, motion_errors
from posegaussian.evaluation.optical_flow import optical_flow
from posegaussian.geometry.masks import bounding_box
from posegaussian.parallel import Lazy

SETTLING = 4
"""Frames after which the temporal filter has settled, chosen by hand."""
Levels = Float32[np.ndarray, "h w 3"] | UInt8[np.ndarray, "h w 3"]
"""RGB, 0..255."""
FlowMetric = TypeVar("FlowMetric", "FlowError", "WarpingError")


@dataclass(frozen=True)
class Motion:
    """Two consecutive frames of the truth, and the optical flow (Farneback) between them in pixels."""

    previous: UInt8[np.ndarray, "h w 3"]
    current: UInt8[np.ndarray, "h w 3"]

    @Lazy
    def forward(self) -> Float32[np.ndarray, "h w 2"]:
        """The flow from the previous frame to the current one."""
        return optical_flow(_grey(self.previous), _grey(self.current))

    @Lazy
    def backward(self) -> Float32[np.ndarray, "h w 2"]:
        """The flow from the current frame to the previous one."""
        return optical_flow(_grey(self.current), _grey(self.previous))

    @Lazy
    def person(self) -> tuple[slice, slice]:
        """Rows and columns of the current frame in which the person is; one pixel where nobody is."""
        left, top, right, bottom = bounding_box(_grey(self.current) > 0) or (0, 0, 1, 1)
        return slice(top, bottom), slice(left, right)

    @Lazy
    def consistent(self) -> Bool[np.ndarray, "h2 w2"]:
        """The pixels of `person` that are not black in the current frame and whose forward and backward flow agree.

        |backward + forward|^2 < 0.01 (|backward|^2 + |forward|^2) + 0.5 (Sundaram et al. 2010), with the forward flow
        at the pixel that the backward flow points to.
        """
        forward, backward = _warped(self.forward, self.backward, self.person), self.backward[self.person]
        lengths = _squared(backward) + _squared(forward)
        return (_squared(backward + forward) < 0.01 * lengths + 0.5) & (_grey(self.current[self.person]) > 0)

    @property
    def still(self) -> bool:
        """Whether the two frames are equal."""
        return np.array_equal(self.previous, self.current)


@dataclass(frozen=True)
class ImageMotion:
    """Two consecutive frames of images, and the motion of the truth between them."""

    images: Motion
    truth: Motion
    measured: MotionErrors | None = None
    """What a GPU found, see `motion_errors`; None: the CPU computes it when it is asked for."""

    @Lazy
    def errors(self) -> MotionErrors:
        """How the motion of the images differs from that of the truth.

        The flow error is measured in the whole image; the warping error, at the person's pixels whose forward and
        backward flow agree (`Motion.consistent`).
        """
        if self.measured is not None:
            return self.measured
        flow = float(np.sqrt(_squared(self.images.forward - self.truth.forward)).mean())
        person = self.truth.person
        warped = _warped(self.images.previous.astype(np.float32), self.truth.backward, person)
        current = self.images.current[person].astype(np.float32)
        difference = (current - warped)[self.truth.consistent].astype(np.float64)
        return MotionErrors(flow, float((difference**2).mean(-1).sum()), len(difference))


def motions(truth: Frames, images: Sequence[Frames], device: str) -> list[ImageMotion]:
    """The motions of several images of one view between two frames, with their errors computed on the device."""
    measured = motion_errors(truth, images, device) if device != "cpu" else [None] * len(images)
    of_truth = Motion(*truth)
    found = [ImageMotion(Motion(*each), of_truth, errors) for each, errors in zip(images, measured, strict=True)]
    for motion in found:
        _ = motion.errors  # they are kept
    return found


@runtime_checkable
class TemporalMetric(Protocol):
    """A metric that is updated frame by frame; its memory does not grow with the number of frames."""

    def add(self, levels: Levels, motion: ImageMotion | None) -> None:
        """Update the metric with the next frame.

        Args:
            levels: the image, 0..255, not necessarily integers.
            motion: since the previous frame; None for the first frame.
        """
        ...

    def value(self, mask: Bool[np.ndarray, "h w"]) -> float:
        """The metric over all frames so far; NaN if they are too few. The mask is that of the person."""
        ...


class Jitter:
    """Standard deviation of pixel values over time, mean over the mask, 8-bit levels; for a person who stands still."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, levels: Levels, motion: ImageMotion | None = None) -> None:
        """See `TemporalMetric`."""
        self._count += 1
        self._sum, self._squares = self._sum + levels.astype(np.float64), self._squares + levels.astype(np.float64) ** 2

    def value(self, mask: Bool[np.ndarray, "h w"]) -> float:
        """See `TemporalMetric`; NaN for fewer than two frames."""
        if self._count < 2:
            return math.nan
        mean, squares = (values[mask] / self._count for values in (self._sum, self._squares))
        return float(np.sqrt((squares - mean**2).clip(0)).mean()) if mask.any() else 0.0


class SettledJitter(Jitter):
    """`Jitter` without the first `SETTLING` frames, in which the temporal filter settles."""

    def __init__(self) -> None:
        super().__init__()
        self._seen = 0

    def add(self, levels: Levels, motion: ImageMotion | None = None) -> None:
        """See `TemporalMetric`."""
        self._seen += 1
        if self._seen > SETTLING:
            super().add(levels, motion)


class FlowError:
    """tOF (Chu et al. 2020): mean distance in pixels between the optical flow of the images and that of the truth."""

    def __init__(self) -> None:
        self._errors: list[float] = []

    def add(self, levels: Levels, motion: ImageMotion | None) -> None:
        """See `TemporalMetric`."""
        if motion is not None:
            self._errors.append(motion.errors.flow)

    def value(self, mask: Bool[np.ndarray, "h w"] | None = None) -> float:
        """See `TemporalMetric`; measured over the whole image."""
        return float(np.mean(self._errors)) if self._errors else math.nan


class WarpingError:
    """Root mean square difference, in 8-bit levels, from the previous frame warped by the truth's flow.

    Over the person's pixels whose forward and backward flow agree (`Motion.consistent`).
    """

    def __init__(self) -> None:
        self._squares, self._pixels, self._pairs = 0.0, 0, 0

    def add(self, levels: Levels, motion: ImageMotion | None) -> None:
        """See `TemporalMetric`."""
        if motion is not None:
            self._squares += motion.errors.squares
            self._pixels += motion.errors.pixels
            self._pairs += 1

    def value(self, mask: Bool[np.ndarray, "h w"] | None = None) -> float:
        """See `TemporalMetric`; the person's pixels are those of the truth."""
        return (self._squares / max(self._pixels, 1)) ** 0.5 if self._pairs else math.nan


def static_jitter(images: Float[Tensor, "t 3 h w"], mask: Float[Tensor, "1 h w"]) -> float:
    """The value of `Jitter`.

    Args:
        images: in [0, 1], of a person who stands still.
        mask: coverage of the person; pixels above 0 are measured.
    """
    jitter = Jitter()
    for levels in _levels(images):
        jitter.add(levels)
    return jitter.value((mask[0] > 0).cpu().numpy())


def tof(images: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> float:
    """The value of `FlowError`; images and truth in [0, 1]."""
    return _updated(FlowError(), images, truth).value()


def warping_error(images: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> float:
    """The value of `WarpingError`; images and truth in [0, 1]."""
    return _updated(WarpingError(), images, truth).value()


def _updated(metric: FlowMetric, images: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> FlowMetric:
    """The metric after all frames."""
    frames = [[_rounded(frame) for frame in _levels(each)] for each in (images, truth)]
    for pair, true_pair in zip(*(pairwise(each) for each in frames), strict=True):
        (motion,) = motions(true_pair, [pair], str(images.device))
        metric.add(motion.images.current, motion)
    return metric


def _levels(images: Float[Tensor, "t 3 h w"]) -> Iterable[np.ndarray]:
    return (255 * images.clamp(0, 1)).permute(0, 2, 3, 1).float().cpu().numpy()


def _rounded(levels: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return np.rint(levels).astype(np.uint8)


def _grey(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w"]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _squared(flow: Float32[np.ndarray, "h w 2"]) -> Float32[np.ndarray, "h w"]:
    """Squared lengths; NumPy's sum over an axis of two takes four times as long."""
    return flow[..., 0] ** 2 + flow[..., 1] ** 2


def _warped(values: np.ndarray, flow: Float32[np.ndarray, "h w 2"], where: tuple[slice, slice]) -> np.ndarray:
    """The values at the pixels that the flow points to from some rows and columns, bilinear."""
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in where)
    x, y = columns + flow[where][..., 0], rows[:, None] + flow[where][..., 1]
    return cv2.remap(np.ascontiguousarray(values), x, y, cv2.INTER_LINEAR)
