"""Videos: frames are read by their number, exactly (from 0, as they are shown); written ones play in browsers.

Written videos are .mp4: H.264, 4:2:0, BT.709; the same images give the same bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from posegaussian.io.atomic import atomic_file

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm", ".mts")
"""Of video files that are read."""
_ENCODER = {"crf": "18", "threads": "1", "x264-params": "mbtree=0"}
"""Visually lossless, and repeatable: x264's macroblock tree reads memory that it never wrote, so its bytes vary."""


@dataclass(frozen=True)
class VideoFrame:
    """One frame of a video, a posegaussian.io.images.LazyImage.

    Args:
        path: of the video.
        index: of the frame, from 0.
    """

    path: Path
    index: int

    def pixels(self) -> np.ndarray:
        """RGB; a rotation in the video's header is obeyed, as players and OpenCV do."""
        return _opened(self.path).frame(self.index)


def frame_count(path: Path) -> tuple[int, int]:
    """How many frames a video holds, and how many its header promises (fewer where it does not say).

    Raises:
        OSError, ValueError: it cannot be opened.
    """
    reader = _opened(path)
    return len(reader.times), reader.promised


def frame_rate(path: Path) -> float | None:
    """Frames per second, where the video tells."""
    rate = _opened(path).stream.average_rate
    return float(rate) if rate else None


class _Reader:
    """An open video; reading on is fast, going elsewhere costs decoding from the last key frame."""

    def __init__(self, path: Path):
        try:
            self.container = av.open(str(path))
            self.stream = self.container.streams.video[0]
            packets = [packet for packet in self.container.demux(self.stream) if packet.size]
        except IndexError:
            raise ValueError("holds no video") from None
        except FFmpegError as error:
            raise OSError(str(error.strerror)) from None
        self.times = sorted(packet.pts for packet in packets if packet.pts is not None and not packet.is_discard)
        self.promised = self.stream.frames or self._estimate()
        self.stream.thread_type = "AUTO"
        self.coming = iter(())
        self.next = len(self.times)

    def _estimate(self) -> int:
        """At least so many frames last as long as the header says."""
        rate, duration = self.stream.average_rate, self.container.duration
        return int(0.95 * duration * rate / av.time_base) if rate and duration else 0

    def frame(self, index: int) -> np.ndarray:
        """RGB pixels of a frame."""
        if index >= len(self.times):
            raise ValueError(f"the video ends after {len(self.times)} frames")
        try:
            if index < self.next or index > self.next + 50:
                self.container.seek(self.times[index], stream=self.stream)
                self.coming = self.container.decode(self.stream)
            for frame in self.coming:
                if frame.pts == self.times[index]:
                    self.next = index + 1
                    if frame.is_corrupt:
                        raise ValueError("damaged")
                    return np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90).copy()
        except FFmpegError as error:
            self.next = len(self.times)
            raise OSError(str(error.strerror)) from None
        self.next = len(self.times)
        raise ValueError("damaged: the frame cannot be decoded")


@lru_cache(maxsize=16)
def _opened(path: Path) -> _Reader:
    return _Reader(path)


def write_video(path: Path, pictures: Iterable[np.ndarray], fps: int) -> None:
    """Write RGB pictures (uint8, height x width x 3, all of one size) as a video.

    An odd width or height is extended by one column or row, since 4:2:0 needs even sizes.
    """
    with atomic_file(path) as temporary:
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with av.open(str(temporary), "w", format="mp4", options=options) as container:
            stream = None
            for picture in pictures:
                even = np.pad(picture, [(0, size % 2) for size in picture.shape[:2]] + [(0, 0)], mode="edge")
                if stream is None:
                    stream = _stream(container, even.shape[1], even.shape[0], fps)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
                )
                container.mux(stream.encode(frame))
            if stream is not None:
                container.mux(stream.encode())


def _stream(container, width: int, height: int, fps: int):
    stream = container.add_stream("libx264", rate=fps, options=_ENCODER)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    context = stream.codec_context
    context.colorspace = Colorspace.ITU709
    context.color_range = ColorRange.MPEG
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream
