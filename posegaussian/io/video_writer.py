"""Pictures as an .mp4 that browsers play: H.264, 4:2:0, BT.709; the same pictures give the same bytes."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from posegaussian.io.atomic import whole_file

_ENCODER = {"crf": "18", "threads": "1", "x264-params": "mbtree=0"}
"""Visually lossless, and repeatable: x264's macroblock tree reads memory that it never wrote, so its bytes vary."""


def write_video(path: Path, pictures: Iterable[np.ndarray], fps: int) -> None:
    """Write RGB pictures (uint8, height x width x 3, all of one size) as a video.

    An odd width or height is extended by one column or row, since 4:2:0 needs even sizes.
    """
    with whole_file(path) as temporary:
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
