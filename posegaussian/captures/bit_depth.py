"""How many bits of 16-bit images a camera fills: machine-vision cameras store 10, 12 or 14 bits in the low bits of 16.

No header states it, so it is found by the brightest sample in frames of all cameras. Every image of a capture is thus
scaled alike: neither a dark frame nor a dark camera is brightened.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from posegaussian.errors import CaptureError, warn
from posegaussian.io.images import WHITE, ImageFile, LazyImage, samples

_DEPTHS = (8, 10, 12, 14)
"""Bit depths of cameras' sensors and of 8-bit images, less than 16."""
_FRAMES = 5
"""Frames of each camera whose samples are looked at: first, last, and three between them. Chosen by hand."""
_DIM = 4
"""A camera whose brightest sample lies below white by this factor may have fewer bits than the others."""

Images = Mapping[str, Mapping[int, LazyImage]]
"""Images by camera and frame."""
Key = TypeVar("Key")


def white_level(root: Path, images: Images) -> int | None:
    """Level of white of a capture's images of more than 8 bits; a warning names the bits where they are less than 16.

    None where no image that was looked at has more than 8 bits.
    """
    brightest: dict[str, int] = {}
    for camera, by_frame in images.items():
        if any(isinstance(file := by_frame[frame], ImageFile) and file.has_deep_samples() for frame in _few(by_frame)):
            brightest[camera] = _brightest(by_frame, camera)
            if brightest[camera] >= 1 << _DEPTHS[-1]:
                return WHITE
    if not brightest:
        return None
    top = max(brightest.values())
    if top == 0:
        return WHITE
    bits = next(bits for bits in _DEPTHS if top < 1 << bits)
    white = (1 << bits) - 1
    what = f"images of 16 bits whose samples end at {top}: read as {bits} bits ({white} becomes white)"
    warn(what, code="low-bits", file=root)
    for camera, value in brightest.items():
        if value * _DIM <= white:
            what = f"its samples end at {value}, those of the other cameras at {top}: read as {bits} bits, too"
            hint = "if it records fewer bits, convert its images to 8 bits"
            warn(what, code="dim-camera", file=root, camera=camera, hint=hint)
    return white


def with_white(images: Mapping[Key, LazyImage], white: int | None) -> dict[Key, LazyImage]:
    """The images with another level of white."""
    return {
        key: replace(file, white=white) if isinstance(file, ImageFile) and white != file.white else file
        for key, file in images.items()
    }


def _few(by_frame: Mapping[int, LazyImage]) -> list[int]:
    """The frames that are looked at."""
    frames = sorted(by_frame)
    places = np.linspace(0, len(frames) - 1, min(_FRAMES, len(frames))).round().astype(int)
    return [frames[place] for place in places]


def _brightest(by_frame: Mapping[int, LazyImage], camera: str) -> int:
    """The brightest sample of a camera's images; images that cannot be read do not count."""
    brightest = 0
    for frame in _few(by_frame):
        try:
            pixels = samples(by_frame[frame], camera, frame)
        except CaptureError:
            continue
        if pixels.dtype != np.uint8:
            colours = pixels[..., :3] if pixels.ndim == 3 and pixels.shape[2] > 2 else pixels
            brightest = max(brightest, int(colours.max()))
    return brightest
