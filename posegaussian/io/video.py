"""Videos: frames are read by their exact number, from 0 in the order of display; written videos play in browsers.

Written videos are BT.709: .mp4 (H.264, 4:2:0) and, with alpha, .mov (ProRes 4444) and .webm (VP9); the same images give
the same bytes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import Float64

from posegaussian.counts import counted
from posegaussian.io.atomic import atomic_file

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm", ".mts")
"""Suffixes of the video files that are read."""
_ESTIMATE = 0.95
"""Share of duration x frame rate that is certainly the number of frames. Chosen by hand."""
_GAP = 1.5
"""Frames farther apart than this many times the median lack at least one between them; half-way to twice as far."""
_ENCODER = {"crf": "18", "threads": "8", "x264-params": "mbtree=0"}
"""Options of x264: crf 18 is visually lossless. The bytes depend on the number of threads, hence a fixed one (8, chosen
by hand: one alone encodes 40 images of 1024 x 1024 a second). The macroblock tree reads uninitialised memory."""


@dataclass(frozen=True)
class VideoFrame:
    """One frame of a video, a posegaussian.io.images.LazyImage."""

    path: Path  # of the video
    index: int  # of the frame, from 0

    def pixels(self) -> np.ndarray:
        """RGB samples; a rotation in the video's header is applied, as players and OpenCV do."""
        return _opened(self.path).frame(self.index)


def frame_count(path: Path) -> tuple[int, int]:
    """Number of frames of a video, and the number that its header promises (a lower bound where it does not say).

    Raises:
        OSError, ValueError: the video cannot be opened.
    """
    reader = _opened(path)
    return len(reader.times), reader.promised


def frame_times(path: Path) -> Float64[np.ndarray, " frames"]:
    """Time stamps of a video's frames, seconds after the first one.

    Raises:
        OSError, ValueError: the video cannot be opened.
    """
    reader = _opened(path)
    times = np.array(reader.times, dtype=float)
    return (times - times[:1]) * float(reader.stream.time_base or 0)


def frame_rate(path: Path) -> float | None:
    """Frames per second; None where the video does not say. Frames that were dropped do not lower it."""
    rate, steps = _opened(path).stream.average_rate, np.diff(frame_times(path))
    if len(steps) and np.median(steps) > 0 and count_gaps(steps):
        return round(1 / float(np.median(steps)), 3)
    return float(rate) if rate else None


def count_gaps(steps: Float64[np.ndarray, " frames"]) -> int:
    """Number of times that frames are missing, from the time between frames and the next ones, seconds."""
    return int((steps > _GAP * np.median(steps)).sum())


def _open(path: Path) -> tuple[InputContainer, VideoStream]:
    """An open video and its first stream of frames."""
    container = av.open(str(path))
    if not container.streams.video:
        raise ValueError("holds no video")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise ValueError("its codec is unknown")
    stream.thread_type = "AUTO"
    return container, stream


class _Reader:
    """An open video. Frames are decoded from the last key frame before them, or on from the one that was read last."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self.container, self.stream = _open(path)
            packets = [packet for packet in self.container.demux(self.stream) if packet.size]
        except FFmpegError as error:
            raise OSError(str(error.strerror)) from None
        shown = [
            (packet.pts, packet.is_keyframe) for packet in packets if packet.pts is not None and not packet.is_discard
        ]
        self.times = sorted(time for time, _ in shown)
        self.key_times = sorted(time for time, is_key in shown if is_key)
        self.promised = self.stream.frames or self._estimate()
        context = self.stream.codec_context  # None for an unknown codec
        # AVI stores the order of decoding alone: with B-frames, the times of its frames are not those of display.
        self.without_times = self.container.format.name == "avi" and bool(getattr(context, "has_b_frames", 0))
        self.decoded = iter(())
        self.next = len(self.times)  # index of the next decoded frame; beyond the end: seek first

    def __del__(self):
        """Close the file and end the decoder's threads, which PyAV otherwise keeps until a garbage collection."""
        if container := getattr(self, "container", None):
            container.close()

    def _estimate(self) -> int:
        """Lower bound of the number of frames, from the duration in the header."""
        rate, duration = self.stream.average_rate, self.container.duration
        return int(_ESTIMATE * duration * rate / av.time_base) if rate and duration else 0

    def frame(self, index: int) -> np.ndarray:
        """RGB pixels of a frame."""
        if index >= len(self.times):
            raise ValueError(f"the video ends after {counted(len(self.times), 'frame')}")
        try:
            frame = self._counted(index) if self.without_times else self._timed(index)
            if frame is not None:
                self.next = index + 1
                if frame.is_corrupt:
                    raise ValueError("damaged")
                return np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90).copy()
        except FFmpegError as error:
            self.next = len(self.times)
            raise OSError(str(error.strerror)) from None
        self.next = len(self.times)
        raise ValueError("damaged: the frame cannot be decoded")

    def _timed(self, index: int) -> av.VideoFrame | None:
        """The frame of a time stamp.

        Containers without an index, such as MPEG-TS, may seek beyond it: then everything is decoded from the beginning.
        """
        wanted = self.times[index]
        ways = [(self._go_on, False)] if self._lies_ahead(index) else []
        for go, whole in (*ways, (self._seek, False), (self._begin, True)):
            go(index)
            frame = next((f for f in self.decoded if f.pts == wanted or ((f.pts or 0) > wanted and not whole)), None)
            if frame is not None and frame.pts == wanted:
                return frame
        return None

    def _counted(self, index: int) -> av.VideoFrame | None:
        """The frame of a place in the order of decoding, which is that of display."""
        if index < self.next:
            self._begin(index)
            self.next = 0
        return next(islice(self.decoded, index - self.next, None), None)

    def _lies_ahead(self, index: int) -> bool:
        """Whether decoding on reaches a frame, and a seek would go back or nowhere."""
        if not self.next <= index:
            return False
        before = bisect_right(self.key_times, self.times[index])
        return before == 0 or self.key_times[before - 1] <= self.times[self.next]

    def _go_on(self, _index: int) -> None:
        """Decode on from the last frame that was decoded."""

    def _seek(self, index: int) -> None:
        """Decode on from the last key frame before a frame."""
        self.container.seek(self.times[index], stream=self.stream)
        self.decoded = self.container.decode(self.stream)

    def _begin(self, _index: int) -> None:
        """Decode on from the first frame."""
        self.container.close()
        self.container, self.stream = _open(self.path)
        self.decoded = self.container.decode(self.stream)


def _opened(path: Path) -> _Reader:
    """The reader of a video, opened anew where the file has changed."""
    try:
        status = path.stat()
    except OSError as error:
        raise OSError(str(error.strerror)) from None
    return _reader(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _reader(path: Path, _changed: int, _size: int) -> _Reader:
    return _Reader(path)


@dataclass(frozen=True)
class _Codec:
    """How a kind of video is written."""

    container: str  # FFmpeg's name
    encoder: str  # FFmpeg's name
    pixels: str  # format of the encoded pixels
    options: Mapping[str, str]  # of the encoder
    even: bool = True  # whether it needs even sizes


_H264 = _Codec("mp4", "libx264", "yuv420p", _ENCODER)
_PRORES = _Codec("mov", "prores_ks", "yuva444p10le", {"profile": "4444", "vendor": "apl0", "threads": "1"}, even=False)
_VP9 = _Codec("webm", "libvpx-vp9", "yuva420p", {"crf": "20", "b": "0", "threads": "1", "auto-alt-ref": "0"})
"""crf 20 is visually lossless; libvpx cannot have both alternate reference frames and alpha."""


def write_video(path: Path, images: Iterable[np.ndarray], fps: int) -> None:
    """Write RGB images (uint8, height x width x 3, all of one size) as H.264, atomically.

    An odd width or height is extended by one column or row, since 4:2:0 needs even sizes.
    """
    _write(path, images, fps, _H264)


def write_prores(path: Path, images: Iterable[np.ndarray], fps: int) -> None:
    """Write RGBA images (uint8, height x width x 4) as ProRes 4444: 10 bits, 4:4:4, with their alpha."""
    _write(path, images, fps, _PRORES)


def write_vp9(path: Path, images: Iterable[np.ndarray], fps: int) -> None:
    """Write RGBA images (uint8, height x width x 4) as VP9 in WebM with their alpha; odd sizes as for `write_video`."""
    _write(path, images, fps, _VP9)


class VideoWriter:
    """Encodes images into an open container; the first one decides the size."""

    def __init__(self, container: OutputContainer, fps: int, codec: _Codec):
        self._container, self._fps, self._codec = container, fps, codec
        self._stream: Any = None
        self._reformatter = VideoReformatter()  # one for all: a new one takes 1 to 4 ms to set up

    def add(self, image: np.ndarray) -> None:
        """Encode the next image, of the same size and kind as those before."""
        odd = [(0, size % 2 if self._codec.even else 0) for size in image.shape[:2]]
        even = np.ascontiguousarray(np.pad(image, [*odd, (0, 0)], mode="edge"))
        if self._stream is None:
            self._stream = _stream(self._container, even.shape[1], even.shape[0], self._fps, self._codec)
        frame = av.VideoFrame.from_ndarray(even, format="rgba" if even.shape[2] == 4 else "rgb24")
        coded = self._reformatter.reformat(
            frame,
            format=self._codec.pixels,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        self._container.mux(self._stream.encode(coded))

    def finish(self) -> None:
        """Encode what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())


@contextmanager
def new_video(path: Path, fps: int, codec: _Codec = _H264) -> Iterator[VideoWriter]:
    """A writer of a video that appears under its name only if the block ends without an error; see `write_video`."""
    options = {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if codec.container == "mp4" else {})
    with (
        atomic_file(path) as temporary,
        av.open(str(temporary), "w", format=codec.container, options=options) as container,
    ):
        writer = VideoWriter(container, fps, codec)
        yield writer
        writer.finish()


def _write(path: Path, images: Iterable[np.ndarray], fps: int, codec: _Codec) -> None:
    with new_video(path, fps, codec) as video:
        for image in images:
            video.add(image)


def _stream(container, width: int, height: int, fps: int, codec: _Codec) -> Any:
    """A new stream in BT.709, limited range."""
    stream = container.add_stream(codec.encoder, rate=fps, options=dict(codec.options))
    stream.width, stream.height, stream.pix_fmt = width, height, codec.pixels
    context = stream.codec_context
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream
