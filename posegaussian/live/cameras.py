"""A camera as the session sees it: a thread that grabs its frames, and opens it again when it is gone."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.live.pairing import TimedFrame
from posegaussian.live.sources import Source

_AGAIN = (0.5, 5.0)
"""Seconds until a camera that is gone is tried again, at first and at most; they double in between. By hand."""
_COUNTED = 30
"""Frames whose times give the rate."""

State = Literal["waiting", "live", "stalled", "lost"]


@dataclass(frozen=True)
class CameraStatus:
    """What is known about a camera."""

    name: str  # of the camera
    label: str  # of its source
    # `waiting` for its first frame, `live`, `stalled` (no frame for some time), or `lost` (it could not be opened, has
    # ended, or sends what cannot be used)
    state: State
    reason: str  # why it is lost, in a few words; else empty
    fps: float  # frames per second that arrive

    def as_dict(self) -> dict[str, Any]:
        """For the page."""
        return {**vars(self), "fps": round(self.fps, 1)}


class GrabbedCamera:
    """Grabs the frames of one camera in a thread.

    Args:
        name: of the camera.
        camera: its calibration, whose size the frames must have.
        source: of the frames.
        stall: seconds without a frame after which it counts as stalled.
        then: called by the thread with the name and each frame.
    """

    def __init__(
        self,
        name: str,
        camera: SourceCamera,
        source: Source,
        stall: float,
        then: Callable[[str, TimedFrame], object],
    ):
        self.name, self._size, self._source = name, (camera.width, camera.height), source
        self._stall, self._then = stall, then
        self._arrivals: deque[float] = deque(maxlen=_COUNTED)
        self._gone = ""
        self._refused = ""
        self._opened = time.monotonic()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)

    def start(self) -> None:
        """Begin to grab."""
        self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """End the thread; one that hangs in a driver is left alone after some seconds."""
        self._closed.set()
        self._thread.join(seconds)

    def image(self, frame: TimedFrame) -> UInt8[np.ndarray, "h w 3"] | None:
        """The image of a frame; None where it cannot be used, which the status says until one can."""
        try:
            image = frame.read()
        except (OSError, ValueError) as error:
            self._refused = _reason(error)
            return None
        found = image.shape[1], image.shape[0]
        if found != self._size:
            sizes = [f"{width} x {height}" for width, height in (found, self._size)]
            self._refused = f"its images have {sizes[0]} pixels, its calibration is for {sizes[1]}"
            return None
        self._refused = ""
        return image

    def status(self) -> CameraStatus:
        """What is known now."""
        now, arrivals = time.monotonic(), list(self._arrivals)
        quiet = now - (arrivals[-1] if arrivals else self._opened)
        span = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0.0
        reason = self._gone or self._refused
        state: State = "lost" if reason else "stalled" if quiet > self._stall else "live" if arrivals else "waiting"
        fps = (len(arrivals) - 1) / span if span > 0 and state == "live" else 0.0
        return CameraStatus(self.name, self._source.label, state, reason, fps)

    def _run(self) -> None:
        wait = _AGAIN[0]
        while not self._closed.is_set():
            gone = "the stream has ended"
            try:
                for frame in self._source.frames():
                    if self._closed.is_set():
                        return
                    self._gone, wait = "", _AGAIN[0]
                    self._arrivals.append(time.monotonic())
                    self._then(self.name, frame)
            except (OSError, ValueError) as error:
                gone = _reason(error)
            self._gone = gone
            self._arrivals.clear()
            self._closed.wait(wait)
            wait = min(2 * wait, _AGAIN[1])


def _reason(error: OSError | ValueError) -> str:
    """Why a camera is lost: never a message from elsewhere, which may hold paths or addresses."""
    if not isinstance(error, OSError):
        return "a frame cannot be decoded"
    number = error.errno or 0  # FFmpeg has numbers of its own, which the system does not know
    return os.strerror(number).lower() if 0 < number < 200 else "cannot be opened, or sends no frames"
