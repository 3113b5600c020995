"""Where the frames of a camera come from: footage that is played in real time, USB cameras, network cameras.

A source names itself by a `label` that is safe to show: no path of this machine, no name or password of a camera. Its
frames come from an iterator that ends, or raises OSError or ValueError, when the camera is gone; another one opens it
again.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8

from posegaussian.captures.capture import Capture
from posegaussian.captures.sequences import image_sequence, video_sequence
from posegaussian.config import LiveCameraSettings
from posegaussian.errors import CaptureError, ConfigError, UserError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.images import LazyImage, read_image
from posegaussian.io.video import frame_rate
from posegaussian.live.clock import CameraClock
from posegaussian.live.pairing import TimedFrame

_RATE = 30.0
"""Frames per second of images whose rate is not known."""
_OPENING = 5.0
"""Seconds until an address that does not answer counts as dead. Chosen by hand."""
_NO_CLOCK = ("mjpeg", "mpjpeg", "image2pipe")
"""FFmpeg's formats whose frames have no time stamps of the camera: FFmpeg counts them up at an assumed rate."""
_LOW_DELAY = {"fflags": "nobuffer", "flags": "low_delay", "rtsp_transport": "tcp"}
"""Options of FFmpeg for network cameras. RTP over TCP: over UDP, lost packets show as grey blocks."""


@runtime_checkable
class Source(Protocol):
    """Frames of one camera, as they come."""

    @property
    def label(self) -> str:
        """What the page calls it."""
        ...

    def frames(self) -> Iterator[TimedFrame]:
        """Open it, and return each frame when it comes.

        Raises:
            OSError, ValueError: it cannot be opened, or is gone.
        """
        ...


@dataclass
class Playback:
    """The clock of footage that is played: all cameras of a session share one, so their frames keep together."""

    start: float | None = None

    def position(self) -> float:
        """Seconds since the first call."""
        now = time.monotonic()
        self.start = now if self.start is None else self.start
        return now - self.start


@dataclass(frozen=True)
class Footage:
    """Frames that are there already, played in real time again and again.

    A frame is read only if it is used, and frames whose time has passed are left out: a slow machine loses frames, not
    time.
    """

    label: str  # see `Source`
    count: int  # of the frames
    read: Callable[[int], UInt8[np.ndarray, "h w 3"]]  # returns the RGB image of a frame, by its number from 0
    fps: float  # frames per second
    playback: Playback  # the clock
    paths: Sequence[Path] = ()  # of the frames, where they are files that may vanish

    @staticmethod
    def of_files(label: str, camera: str, images: Sequence[LazyImage], fps: float, playback: Playback) -> "Footage":
        """Images or videos on disk.

        Args:
            label: see `Source`.
            camera: name, for errors.
            images: in their order.
            fps: frames per second.
            playback: the clock.
        """

        def read(number: int) -> UInt8[np.ndarray, "h w 3"]:
            try:
                return read_image(images[number], camera, number)
            except UserError as error:  # its message names the file
                raise ValueError(f"a frame cannot be decoded ({error.code})") from None

        return Footage(label, len(images), read, fps, playback, [image.path for image in images])

    def frames(self) -> Iterator[TimedFrame]:
        """See Source."""
        number = int(self.playback.position() * self.fps)
        assert self.playback.start is not None
        while True:
            due = self.playback.start + number / self.fps
            time.sleep(max(0.0, due - time.monotonic()))
            index = number % self.count
            if self.paths:
                self.paths[index].stat()  # an OSError where it is gone
            yield TimedFrame(due, partial(self.read, index))
            number = max(number + 1, int(self.playback.position() * self.fps))


@dataclass(frozen=True)
class UsbCamera:
    """A camera of this machine, through OpenCV."""

    number: int  # as the system counts them
    size: tuple[int, int]  # width and height that it is asked for
    fps: float | None = None  # that it is asked for; None: its own
    delay: float = 0.0  # known delay of its frames, seconds

    @property
    def label(self) -> str:
        """See Source."""
        return f"USB camera {self.number}"

    def frames(self) -> Iterator[TimedFrame]:
        """See Source."""
        # OpenCV's warnings repeat at every attempt what the error says once.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        device: Any = cv2.VideoCapture(self.number)
        try:
            # Motion JPEG: without compression, USB 2 carries 1280 x 720 at 10 frames per second.
            wanted = {cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"), cv2.CAP_PROP_BUFFERSIZE: 1}
            wanted |= {cv2.CAP_PROP_FRAME_WIDTH: self.size[0], cv2.CAP_PROP_FRAME_HEIGHT: self.size[1]}
            for name, value in (wanted | ({cv2.CAP_PROP_FPS: self.fps} if self.fps else {})).items():
                device.set(name, value)
            while True:
                there, image = device.read()
                if not there:
                    raise OSError("no frame")
                taken = time.monotonic() - self.delay
                yield TimedFrame(taken, lambda image=image: cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        finally:
            device.release()


@dataclass(frozen=True)
class NetworkCamera:
    """A camera behind an address that FFmpeg opens: RTSP, HTTP and others."""

    url: str  # the address, which may hold a name and a password
    stall: float  # seconds without a frame after which it counts as dead
    delay: float = 0.0  # known delay of its frames, seconds

    @property
    def label(self) -> str:
        """See Source."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname or '...'}"

    def frames(self) -> Iterator[TimedFrame]:
        """See Source."""
        clock = CameraClock()
        options = _LOW_DELAY if self.url.startswith("rtsp") else {"fflags": "nobuffer"}
        try:
            with closing(av.open(self.url, options=dict(options), timeout=(_OPENING, self.stall))) as container:
                stream = next(iter(container.streams.video), None)
                if stream is None:
                    raise OSError("no video")
                stream.thread_type = "SLICE"  # threads by frames hold frames back
                stamped = container.format.name not in _NO_CLOCK
                for frame in container.decode(stream):
                    taken = clock.time(frame.time if stamped else None, time.monotonic()) - self.delay
                    yield TimedFrame(taken, lambda frame=frame: frame.to_ndarray(format="rgb24"))
        except FFmpegError as error:
            raise OSError(error.errno, "the stream is gone") from None  # its own message holds the address


def camera_source(
    name: str,
    camera: SourceCamera,
    chosen: LiveCameraSettings | None,
    capture: Capture | None,
    stall: float,
    playback: Playback,
) -> Source:
    """The source of a camera: what the settings say, else the footage of its capture.

    Args:
        name: of the camera.
        camera: its calibration.
        chosen: its settings, or None.
        capture: holds its footage; None where there is only a calibration.
        stall: seconds without a frame after which a network camera counts as dead.
        playback: the clock of footage that is played.

    Raises:
        ConfigError: the settings name a file that is not there, or there are neither settings nor footage.
        CaptureError: the footage cannot be read.
    """
    if chosen is None and capture is None:
        hint = 'name its source: --settings "{cameras: {NAME: {usb: 0}}}"'
        raise ConfigError("no footage, and no source", code="missing-live-source", camera=name, hint=hint)
    if chosen is None:
        assert capture is not None
        images = [capture.images[name][frame] for frame in capture.frames]
        return Footage.of_files(f"footage of {name}", name, images, capture.fps or _RATE, playback)
    if chosen.usb is not None:
        return UsbCamera(chosen.usb, (camera.width, camera.height), chosen.fps, chosen.delay)
    if chosen.url is not None:
        return NetworkCamera(chosen.url, stall, chosen.delay)
    return file_source(Path(chosen.file or ""), name, chosen.fps, playback)


def file_source(path: Path, name: str, fps: float | None, playback: Playback) -> Footage:
    """Footage of a video or a folder of numbered images; arguments and errors as for `camera_source`."""
    if not path.exists():
        raise ConfigError("no such file", code="missing-live-file", file=path, camera=name)
    if path.is_dir():
        images, rate = image_sequence(path, name), _RATE
    else:
        images, rate = video_sequence(path, name), frame_rate(path) or _RATE
    if not images:
        raise CaptureError("holds no frames", code="no-images", file=path, camera=name)
    return Footage.of_files(f"file for {name}", name, list(images.values()), fps or rate, playback)


def check_cameras(given: Collection[str], cameras: Collection[str]) -> None:
    """Raise a ConfigError if the settings name a camera that is not one of the two."""
    for name in given:
        if name not in cameras:
            what = f"cameras.{name}: not one of the two cameras ({', '.join(cameras)}); choose them with --source"
            raise ConfigError(what, code="unknown-live-camera")
