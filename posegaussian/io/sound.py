"""The sound of videos."""

from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from jaxtyping import Float32

RATE = 16000
"""Samples per second that sound is read with: a sample is 0.06 ms, and speech reaches to 8 kHz."""


def read_sound(path: Path) -> Float32[np.ndarray, " samples"] | None:
    """Mono samples from the time of the video's first frame on, `RATE` a second; None where there is no sound.

    Raises:
        OSError: the video cannot be read.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio or not container.streams.video:
                return None
            stream, picture = container.streams.audio[0], container.streams.video[0]
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            parts = [part.to_ndarray()[0] for frame in container.decode(stream) for part in resampler.resample(frame)]
            parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
            start = _seconds(stream) - _seconds(picture)
    except FFmpegError as error:
        raise OSError(str(error.strerror)) from None
    samples = np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)
    early = round(start * RATE)
    return np.pad(samples, (early, 0)) if early > 0 else samples[-early:]


def _seconds(stream: av.AudioStream | av.VideoStream) -> float:
    """Time of a stream's first sample, seconds."""
    return float((stream.start_time or 0) * (stream.time_base or 0))
