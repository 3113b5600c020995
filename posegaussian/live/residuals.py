"""How well the calibration fits what the cameras see: joints of one person lie in the same rows of a rectified pair."""

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch

from posegaussian.types import StereoPair

_FIRST, _LAST = 40, 40
"""Frames whose median is the residual at the start, and the present one. By hand: single frames are off by a pixel or
two, which the detector's errors are."""
_SURE = 0.5
"""Least score of a joint that counts, in both views. Chosen by hand."""
_LEAST = 6
"""Joints that a frame needs to count. Chosen by hand."""
_GROWN = 2.0
"""Growth that means that a camera was moved, pixels at 1024 px. Chosen by hand: on a person of `val` in a room, single
frames vary by 1.3 px, and turning a camera by 0.2 degrees adds 3 px. The detector's own errors are the same at the
start and later, so they cancel."""


@dataclass(frozen=True)
class Residual:
    """Vertical distances between the joints of both views, pixels of an image 1024 px high."""

    first: float | None  # median of the first frames; None until there are enough
    now: float | None  # of the last frames

    @property
    def moved(self) -> bool:
        """Whether a camera seems to have been moved since the start."""
        return self.first is not None and self.now is not None and abs(self.now - self.first) > _GROWN


class ResidualWatch:
    """Collects the residuals of frame after frame; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: list[float] = []
        self._last: deque[float] = deque(maxlen=_LAST)

    def add(self, pair: StereoPair) -> None:
        """Note a rectified pair, a batch of one with joints; others count nothing."""
        offset = row_offset(pair)
        if offset is None:
            return
        with self._lock:
            if len(self._first) < _FIRST:
                self._first.append(offset)
            self._last.append(offset)

    def residual(self) -> Residual:
        """What is known now."""
        with self._lock:
            first = float(np.median(self._first)) if len(self._first) == _FIRST else None
            now = float(np.median(self._last)) if len(self._last) == _LAST else None
        return Residual(first, now)


def row_offset(pair: StereoPair) -> float | None:
    """How much lower the left view's joints lie than the right one's: the median, pixels at 1024 px.

    None where too few joints are seen in both views. The sign is kept: a camera that was turned moves all joints to
    one side, while the errors of detected joints go to both.
    """
    if pair.keypoints is None or pair.scores is None:
        return None
    joints = torch.cat([pair.keypoints[0], pair.scores[0, ..., None]], dim=-1).cpu().numpy()  # each copy waits
    keypoints, scores = joints[..., :2], joints[..., 2]
    sure = (scores > _SURE).all(0)
    if sure.sum() < _LEAST:
        return None
    rows = keypoints[:, sure, 1]
    return float(np.median(rows[0] - rows[1])) * 1024 / pair.images.shape[-2]
