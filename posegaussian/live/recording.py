"""Recordings of a live session: the view as MP4, and the Gaussians of its frames as .ply, as `render` writes them."""

import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from posegaussian.errors import UserError
from posegaussian.io.atomic import atomic_folder
from posegaussian.io.ply import write_ply
from posegaussian.io.space import ensure_room
from posegaussian.io.video import new_video
from posegaussian.live.loop import LiveFrame
from posegaussian.live.slots import Slot
from posegaussian.streams import own_stream

FPS = 30
"""Frames per second of the MP4; images are repeated until the next one was taken, so that it plays in real time."""
_SPLAT_BYTES = 68 * 0.4
"""Bytes of a .ply for each pixel of a rectified image, about: 68 for each Gaussian, and one for each pixel
of the person, who covers a fifth of both images."""
_SPLATS_A_SECOND = 5
"""Frames that are written as .ply in a second, about: what a disk takes. Chosen by hand."""


class Recorder:
    """Writes recordings into a folder, one at a time: NAME/view.mp4 and NAME/splats/PAIR_FRAME.ply.

    The folder of a recording appears when it is complete. Gaussians of frames that come while others are being written
    are left out; the view has all frames.

    Args:
        folder: of all recordings.
        pair: name of the pair, LEFT-RIGHT.
        seconds: after which a recording ends.
        size: width and height of the rectified images, for the check whether there is room.
    """

    def __init__(self, folder: Path, pair: str, seconds: float, size: tuple[int, int]):
        self._folder, self._pair, self._most = folder, pair, seconds
        self._expected = seconds * _SPLATS_A_SECOND * _SPLAT_BYTES * size[0] * size[1]
        self._lock = threading.Lock()
        self._running: _Recording | None = None

    @property
    def name(self) -> str | None:
        """Name of the recording that is running."""
        running = self._running
        return None if running is None else running.name

    def start(self) -> str:
        """Begin a recording, unless one is running; its name.

        Raises:
            StoreError: the disk has no room, or cannot be written to.
        """
        with self._lock:
            if self._running is None:
                ensure_room(self._folder, self._expected)
                number = 1
                while (self._folder / f"recording-{number:03d}").exists():
                    number += 1
                self._running = _Recording(self._folder / f"recording-{number:03d}", self._pair)
            return self._running.name

    def add(self, frame: LiveFrame, image: UInt8[np.ndarray, "h w 3"]) -> None:
        """Write a frame and its view; the recording ends with it where it is long enough.

        Raises:
            StoreError: it cannot be written; nothing stays of the recording.
        """
        with self._lock:
            if self._running is None:
                return
            try:
                if self._running.add(frame, image) >= self._most:
                    self._end()
            except BaseException:
                self._end(keep=False)
                raise

    def stop(self) -> None:
        """End the recording, if one is running."""
        with self._lock:
            self._end()

    def _end(self, keep: bool = True) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.close(keep)


class _Recording:
    def __init__(self, folder: Path, pair: str):
        self.name, self._pair = folder.name, pair
        self._start: float | None = None
        self._written = 0
        self._last: np.ndarray | None = None
        self._failure: UserError | None = None
        self._stack = ExitStack()
        temporary = self._stack.enter_context(atomic_folder(folder))
        self._splats = temporary / "splats"
        self._splats.mkdir()
        self._video = self._stack.enter_context(new_video(temporary / "view.mp4", FPS))
        self._waiting: Slot[LiveFrame] = Slot()
        self._writer = threading.Thread(target=self._write, name="live recording", daemon=True)
        self._writer.start()

    def add(self, frame: LiveFrame, image: np.ndarray) -> float:
        """Write a frame; how long the recording is now, seconds."""
        if self._failure is not None:
            raise self._failure
        self._start = frame.time if self._start is None else self._start
        due = round((frame.time - self._start) * FPS)
        while self._last is not None and self._written < due:
            self._encode(self._last)
        self._last = image
        self._waiting.put(frame)
        return frame.time - self._start

    def close(self, keep: bool = True) -> None:
        """End the recording; without an image, or where it shall not be kept, nothing stays of it."""
        self._waiting.close()
        self._writer.join()
        with suppress(_Discarded), self._stack:
            if self._last is None or not keep:
                raise _Discarded
            self._encode(self._last)

    def _encode(self, image: np.ndarray) -> None:
        self._video.add(image)
        self._written += 1

    def _write(self) -> None:
        try:
            while (frame := self._waiting.take()) is not None:
                with own_stream(frame.gaussians.means.device):
                    gaussians = frame.gaussians.to("cpu")
                write_ply(self._splats / f"{self._pair}_{frame.number:06d}.ply", gaussians)
        except UserError as error:
            self._failure = error


class _Discarded(Exception):
    """Ends a recording of which nothing stays."""
