"""Image files: decoded with checks, and encoded in one way.

Images in memory are RGB; this module alone converts from and to OpenCV's BGR.
"""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16
from PIL import Image, ImageOps, UnidentifiedImageError

from posegaussian.errors import CaptureError, warn
from posegaussian.io.atomic import write_atomic

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
"""Suffixes of the image files that are read."""
DEPTH_UNIT = 1e-4
"""Metres per step of the depth files that are written: a tenth of a millimetre (docs/conventions.md)."""
_ORIENTATION = 0x0112
"""The EXIF tag of the orientation; 1 is upright."""


@runtime_checkable
class LazyImage(Protocol):
    """An image, mask or depth map of a capture, decoded on demand."""

    @property
    def path(self) -> Path:
        """Path of the file."""
        ...

    def pixels(self) -> np.ndarray:
        """Samples as stored: h w, or h w channels (RGB, or with alpha).

        Raises:
            OSError, ValueError: the file cannot be decoded; the message says why.
        """
        ...


@dataclass(frozen=True)
class ImageFile:
    """An image in a file of its own.

    Args:
        path: of the file.
        upright: whether to apply an EXIF orientation, as OpenCV does; otherwise the samples stay as stored.
    """

    path: Path
    upright: bool = True

    def is_rotated(self) -> bool:
        """Whether the file carries an EXIF orientation other than upright."""
        with Image.open(self.path) as image:
            return _rotated(image)

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        with Image.open(self.path) as image:
            if self.upright and _rotated(image):
                warn("images with an EXIF rotation: rotated upright", code="rotated-images", file=self.path.parent)
            if image.format == "JPEG":
                return self._jpeg()
            upright = ImageOps.exif_transpose(image) if self.upright else image
            return np.array(upright.convert() if upright.mode == "P" else upright)

    def _jpeg(self) -> np.ndarray:
        """Samples of a JPEG, decoded by OpenCV, since Pillow hides libjpeg's warnings about damaged data."""
        data = np.fromfile(self.path, np.uint8)
        flags = cv2.IMREAD_ANYCOLOR if self.upright else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
        with _captured_stderr() as warnings:
            pixels = cv2.imdecode(data, flags)
        if pixels is None or warnings:
            raise OSError(" ".join(warnings) or "damaged")
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class AlphaMask:
    """The alpha channel of an image, as a mask."""

    path: Path

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        with Image.open(self.path) as image:
            return np.array(image.getchannel("A"))


@dataclass(frozen=True)
class DepthFile:
    """Depth along the optical axis, in a file of 16 bits; 0 where unknown.

    Args:
        path: of the file.
        unit: metres per step, or 1 / metres if `inverse`.
        inverse: whether the file holds 1 / depth.
    """

    path: Path
    unit: float = DEPTH_UNIT
    inverse: bool = False

    def pixels(self) -> np.ndarray:
        """Depth in metres."""
        with Image.open(self.path) as image:
            steps = np.array(image)
        if steps.dtype != np.uint16 or steps.ndim != 2:
            raise ValueError("a depth image has one channel of 16 bits")
        values = steps * self.unit
        if self.inverse:
            values = np.divide(1, values, out=np.zeros_like(values), where=steps > 0)
        return values.astype(np.float32)


def read_image(file: LazyImage, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
    """RGB image; grey ones and those of 16 bits are converted, transparent ones are composited on black."""
    pixels = _eight_bits(_decode(file, camera, frame), file, camera)
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        warn("grey images: the three channels are equal", code="grey-images", file=file.path.parent, camera=camera)
        pixels = np.dstack([pixels.reshape(*pixels.shape[:2], -1)[..., :1]] * 3 + [*_alpha(pixels)])
    for alpha in _alpha(pixels):
        pixels = np.rint(pixels[..., :3] * (alpha / np.float32(255))[..., None]).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def read_mask(file: LazyImage, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
    """Mask, 0..255; one that is stored as 0 and 1 is stretched.

    Raises:
        CaptureError: it cannot be read.
    """
    mask = _eight_bits(_decode(file, camera, frame), file, camera)
    if mask.ndim == 3:
        mask = np.asarray(Image.fromarray(mask).convert("L"))
    if mask.max() == 1:
        mask = mask * np.uint8(255)
    return mask


def read_depth(file: LazyImage, camera: str, frame: int) -> Float32[np.ndarray, "h w"]:
    """Depth along the optical axis in metres; 0 where unknown."""
    return _decode(file, camera, frame)


def image_bytes(
    pixels: UInt8[np.ndarray, "h w *channels"] | UInt16[np.ndarray, "h w *channels"],
    suffix: str = ".png",
    parameters: Sequence[int] = (),
) -> bytes:
    """Bytes of an image file.

    Args:
        pixels: RGB, RGB with alpha, or one channel.
        suffix: of the file: .png or .jpg.
        parameters: of OpenCV's encoder.

    Raises:
        OSError: it cannot be encoded.
    """
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(pixels.shape[2] if pixels.ndim == 3 else 1)
    encoded, data = cv2.imencode(suffix, pixels if order is None else cv2.cvtColor(pixels, order), parameters)
    if not encoded:
        raise OSError(f"an image of {pixels.shape[1]} x {pixels.shape[0]} pixels cannot be encoded as {suffix}")
    return data.tobytes()


def write_image(
    path: str | Path,
    pixels: UInt8[np.ndarray, "h w *channels"] | UInt16[np.ndarray, "h w *channels"],
    parameters: Sequence[int] = (),
) -> None:
    """Write an image atomically; arguments and errors as for `image_bytes`.

    Examples:
        >>> import numpy as np, posegaussian as pg
        >>> pg.write_image("grey.png", np.full((4, 6, 3), 128, np.uint8))
    """
    path = Path(path)
    write_atomic(path, image_bytes(pixels, path.suffix.lower(), parameters))


def image_size(file: LazyImage, camera: str, frame: int) -> tuple[int, int]:
    """Width and height of an image, pixels."""
    height, width = _decode(file, camera, frame).shape[:2]
    return width, height


def _rotated(image: Image.Image) -> bool:
    return image.getexif().get(_ORIENTATION, 1) != 1


def _decode(file: LazyImage, camera: str, frame: int) -> np.ndarray:
    """Samples as stored; a CaptureError names the file, camera and frame where they cannot be decoded."""
    try:
        return file.pixels()
    except FileNotFoundError:
        raise CaptureError("no such image", code="missing-image", file=file.path, camera=camera, frame=frame) from None
    except UnidentifiedImageError:
        raise CaptureError(
            "not a readable image", code="unreadable-image", file=file.path, camera=camera, frame=frame
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        what = f"not a readable image ({' '.join(str(error).split()).rstrip('.')})"
        raise CaptureError(what, code="unreadable-image", file=file.path, camera=camera, frame=frame) from None


def _eight_bits(pixels: np.ndarray, file: LazyImage, camera: str) -> np.ndarray:
    """Samples in 0..255, converted from 1 or 16 bits."""
    if pixels.dtype == np.bool_:
        return pixels * np.uint8(255)
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.int32:  # Pillow's mode I: 16 bits in 32
        pixels = np.clip(pixels, 0, 65535).astype(np.uint16)
    if pixels.dtype != np.uint16:
        raise CaptureError(f"samples of type {pixels.dtype}", code="unsupported-samples", file=file.path, camera=camera)
    warn("images of 16 bits: reduced to 8 bits", code="sixteen-bit-images", file=file.path.parent, camera=camera)
    return np.rint(pixels / np.float32(257)).astype(np.uint8)


def _alpha(pixels: np.ndarray) -> list[np.ndarray]:
    """The alpha channel, if there is one."""
    return [pixels[..., -1]] if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else []


_stderr_lock = threading.Lock()
"""Standard error belongs to the whole process: only one thread may redirect it at a time."""


@contextmanager
def _captured_stderr() -> Iterator[list[str]]:
    """Lines that C libraries write to standard error inside the block: libjpeg reports damaged data in no other way."""
    lines: list[str] = []
    with _stderr_lock, tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lines
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()
