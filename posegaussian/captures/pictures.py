"""Pictures of a capture from disk, each checked before it is used."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image, ImageOps

from posegaussian.errors import CaptureError

_DEPTH_UNIT = 1e-4
_PERSON = 128
"""From this coverage on a pixel counts as the person's."""


def read_image(path: Path, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
    """An RGB picture."""
    return _read(path, camera, frame, "RGB")


def read_mask(path: Path, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
    """A mask, 0..255; one that is stored as 0 and 1 is stretched.

    Raises:
        CaptureError: it cannot be read, or shows nobody.
    """
    mask = _read(path, camera, frame, "L")
    if mask.max() == 1:
        mask = mask * np.uint8(255)
    if mask.max() < _PERSON:
        raise CaptureError("the mask is empty", file=path, camera=camera, frame=frame)
    return mask


def read_depth(path: Path, camera: str, frame: int) -> Float32[np.ndarray, "h w"]:
    """Depth along the optical axis in metres from 16-bit tenths of a millimetre; 0 where nothing is."""
    depth = _read(path, camera, frame, None)
    if depth.dtype != np.uint16 or depth.ndim != 2:
        raise CaptureError("a depth picture has one channel of 16 bits", file=path, camera=camera, frame=frame)
    return (depth * _DEPTH_UNIT).astype(np.float32)


def is_person(mask: UInt8[np.ndarray, "*shape"]) -> np.ndarray:
    """Which pixels of a mask are more person than background."""
    return mask >= _PERSON


def picture_size(path: Path, camera: str, frame: int) -> tuple[int, int]:
    """Width and height of a picture."""
    height, width = read_image(path, camera, frame).shape[:2]
    return width, height


def _read(path: Path, camera: str, frame: int, mode: str | None) -> np.ndarray:
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            return np.array(upright.convert(mode) if mode else upright)
    except FileNotFoundError:
        raise CaptureError("no such picture", file=path, camera=camera, frame=frame) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise CaptureError("not a readable picture", file=path, camera=camera, frame=frame) from None
