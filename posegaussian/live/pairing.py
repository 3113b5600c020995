"""Frames of two cameras that were taken at the same time, as they arrive."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

_KEPT = 8
"""Frames of each camera that may still find a partner. Chosen by hand: a quarter of a second at 30 frames per second,
by which one camera's frames may arrive later than the other's."""


@dataclass(frozen=True, eq=False)
class TimedFrame:
    """One frame of one camera, decoded when it is needed."""

    time: float  # when it was taken, on this machine's clock (`time.monotonic`), seconds
    # returns the RGB image; raises OSError or ValueError if it cannot be decoded
    read: Callable[[], UInt8[np.ndarray, "h w 3"]]
    mask: UInt8[np.ndarray, "h w"] | None = None  # coverage of the person, 0..255; None: it has to be found


@dataclass(frozen=True, eq=False)
class FramePair:
    """Frames of both cameras that belong together, in the order of the cameras."""

    frames: tuple[TimedFrame, TimedFrame]

    @property
    def time(self) -> float:
        """Time of the earlier frame: latencies count from it, seconds."""
        return min(frame.time for frame in self.frames)

    @property
    def apart(self) -> float:
        """How much later the second camera's frame was taken than the first one's, seconds."""
        return self.frames[1].time - self.frames[0].time


class Pairing:
    """Finds pairs among the frames of two cameras.

    A new frame is paired with the other camera's frame that is nearest in time, if it is near enough. A pair's frames
    are both newer than those of the pair before: no frame is used twice, and time does not run backwards.

    Args:
        cameras: names of the two.
        tolerance: largest difference of the time stamps, seconds.
    """

    def __init__(self, cameras: Sequence[str], tolerance: float):
        first, second = cameras
        self._other = {first: second, second: first}
        self._waiting: dict[str, deque[TimedFrame]] = {name: deque(maxlen=_KEPT) for name in cameras}
        self._tolerance = tolerance
        self.missed: float | None = None
        """How far apart the last frame and its nearest possible partner were, where that was too far, seconds."""

    def add(self, camera: str, frame: TimedFrame) -> FramePair | None:
        """The pair that a new frame completes; None where it has no partner yet."""
        own, others = self._waiting[camera], self._waiting[self._other[camera]]
        if own and frame.time < own[-1].time:
            own.clear()  # the camera has started anew
        own.append(frame)
        if not others:
            return None
        partner = min(others, key=lambda other: abs(other.time - frame.time))
        if abs(partner.time - frame.time) > self._tolerance:
            self.missed = abs(partner.time - frame.time)
            return None
        self.missed = None
        self._forget(own, frame)
        self._forget(others, partner)
        first, second = (frame, partner) if camera == next(iter(self._other)) else (partner, frame)
        return FramePair((first, second))

    @staticmethod
    def _forget(frames: deque[TimedFrame], used: TimedFrame) -> None:
        """Drop a frame that was used and those before it."""
        while frames:
            if frames.popleft() is used:
                return
