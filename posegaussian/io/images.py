"""Images in files: those of a capture are checked before they are used; all are encoded and written in one way.

In memory they are RGB; OpenCV's order of channels is known here alone.
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
"""Of image files that are read."""
DEPTH_UNIT = 1e-4
"""Metres per step of the depth files that are written."""
_ORIENTATION = 0x0112
"""The EXIF tag."""


@runtime_checkable
class LazyImage(Protocol):
    """One picture of a capture, decoded when asked for."""

    @property
    def path(self) -> Path:
        """The file that holds it."""
        ...

    def pixels(self) -> np.ndarray:
        """Its samples as stored: h w, or h w channels (RGB, or with alpha).

        Raises:
            OSError, ValueError: it cannot be decoded; the message says why.
        """
        ...


@dataclass(frozen=True)
class ImageFile:
    """A picture in a file of its own.

    Args:
        path: of the file.
        upright: whether an EXIF orientation is obeyed, as OpenCV does; else the samples stay as stored.
    """

    path: Path
    upright: bool = True

    def is_rotated(self) -> bool:
        """Whether the file carries an EXIF orientation other than upright."""
        with Image.open(self.path) as image:
            return _turned(image)

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        with Image.open(self.path) as image:
            if self.upright and _turned(image):
                warn("pictures with an EXIF rotation: turned upright", code="rotated-images", file=self.path.parent)
            if image.format == "JPEG":
                return self._jpeg()
            upright = ImageOps.exif_transpose(image) if self.upright else image
            return np.array(upright.convert() if upright.mode == "P" else upright)

    def _jpeg(self) -> np.ndarray:
        """Decoded by OpenCV, since Pillow does not pass on what libjpeg says of damaged data."""
        data = np.fromfile(self.path, np.uint8)
        flags = cv2.IMREAD_ANYCOLOR if self.upright else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
        with _complaints() as complaints:
            pixels = cv2.imdecode(data, flags)
        if pixels is None or complaints:
            raise OSError(" ".join(complaints) or "damaged")
        return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


@dataclass(frozen=True)
class AlphaMask:
    """The alpha channel of a picture, as a mask."""

    path: Path

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        with Image.open(self.path) as image:
            return np.array(image.getchannel("A"))


@dataclass(frozen=True)
class DepthFile:
    """Depth along the optical axis, in a file of 16 bits; 0 where nothing is.

    Args:
        path: of the file.
        unit: metres per step, or 1 / metres if `inverse`.
        inverse: whether the file holds 1 / depth.
    """

    path: Path
    unit: float = DEPTH_UNIT
    inverse: bool = False

    def pixels(self) -> np.ndarray:
        """Metres."""
        with Image.open(self.path) as image:
            steps = np.array(image)
        if steps.dtype != np.uint16 or steps.ndim != 2:
            raise ValueError("a depth picture has one channel of 16 bits")
        values = steps * self.unit
        if self.inverse:
            values = np.divide(1, values, out=np.zeros_like(values), where=steps > 0)
        return values.astype(np.float32)


def read_image(picture: LazyImage, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
    """An RGB picture; grey ones and those of 16 bits are converted, transparent ones are laid on black."""
    pixels = _eight_bits(_decode(picture, camera, frame), picture, camera)
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        warn("grey pictures: the three channels are equal", code="grey-images", file=picture.path.parent, camera=camera)
        pixels = np.dstack([pixels.reshape(*pixels.shape[:2], -1)[..., :1]] * 3 + [*_alpha(pixels)])
    for alpha in _alpha(pixels):
        pixels = np.rint(pixels[..., :3] * (alpha / np.float32(255))[..., None]).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def read_mask(picture: LazyImage, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
    """A mask, 0..255; one that is stored as 0 and 1 is stretched.

    Raises:
        CaptureError: it cannot be read.
    """
    mask = _eight_bits(_decode(picture, camera, frame), picture, camera)
    if mask.ndim == 3:
        mask = np.asarray(Image.fromarray(mask).convert("L"))
    if mask.max() == 1:
        mask = mask * np.uint8(255)
    return mask


def read_depth(picture: LazyImage, camera: str, frame: int) -> Float32[np.ndarray, "h w"]:
    """Depth along the optical axis in metres; 0 where nothing is."""
    return _decode(picture, camera, frame)


def image_bytes(
    pixels: UInt8[np.ndarray, "h w *channels"] | UInt16[np.ndarray, "h w *channels"],
    suffix: str = ".png",
    parameters: Sequence[int] = (),
) -> bytes:
    """An image as the bytes of a file.

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
    """Write an image under its name, whole or not at all; arguments and errors as for `image_bytes`.

    Examples:
        >>> import numpy as np, posegaussian as pg
        >>> pg.write_image("grey.png", np.full((4, 6, 3), 128, np.uint8))
    """
    path = Path(path)
    write_atomic(path, image_bytes(pixels, path.suffix.lower(), parameters))


def image_size(picture: LazyImage, camera: str, frame: int) -> tuple[int, int]:
    """Width and height of a picture."""
    height, width = _decode(picture, camera, frame).shape[:2]
    return width, height


def _turned(image: Image.Image) -> bool:
    return image.getexif().get(_ORIENTATION, 1) != 1


def _decode(picture: LazyImage, camera: str, frame: int) -> np.ndarray:
    try:
        return picture.pixels()
    except FileNotFoundError:
        raise CaptureError(
            "no such picture", code="missing-image", file=picture.path, camera=camera, frame=frame
        ) from None
    except UnidentifiedImageError:
        raise CaptureError(
            "not a readable picture", code="unreadable-image", file=picture.path, camera=camera, frame=frame
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        what = f"not a readable picture ({' '.join(str(error).split()).rstrip('.')})"
        raise CaptureError(what, code="unreadable-image", file=picture.path, camera=camera, frame=frame) from None


def _eight_bits(pixels: np.ndarray, picture: LazyImage, camera: str) -> np.ndarray:
    if pixels.dtype == np.bool_:
        return pixels * np.uint8(255)
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.int32:  # Pillow's mode I: 16 bits in 32
        pixels = np.clip(pixels, 0, 65535).astype(np.uint16)
    if pixels.dtype != np.uint16:
        raise CaptureError(
            f"samples of type {pixels.dtype}", code="unsupported-samples", file=picture.path, camera=camera
        )
    warn(
        "pictures of 16 bits: the upper 8 are kept", code="sixteen-bit-images", file=picture.path.parent, camera=camera
    )
    return np.rint(pixels / np.float32(257)).astype(np.uint8)


def _alpha(pixels: np.ndarray) -> list[np.ndarray]:
    """The alpha channel, or nothing."""
    return [pixels[..., -1]] if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else []


_listening = threading.Lock()


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """What C libraries write to stderr meanwhile: libjpeg tells of damaged data there and nowhere else."""
    lines: list[str] = []
    with _listening, tempfile.TemporaryFile() as file:
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
