"""Image files: decoded with checks, and encoded in one way.

Images in memory are RGB; this module alone converts from and to OpenCV's BGR.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, UInt8, UInt16
from PIL import Image, ImageOps, UnidentifiedImageError

from posegaussian.errors import CaptureError, warn
from posegaussian.io.atomic import write_atomic
from posegaussian.io.decoding import declared_bits, decode, orientation, seems_whole
from posegaussian.io.suffixes import check_suffix

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
"""Suffixes of the image files that are read."""
DEPTH_UNIT = 1e-4
"""Metres per step of the depth files that are written: a tenth of a millimetre (docs/conventions.md)."""
WHITE = 2**16 - 1
"""Level of white in files of 16 bits that use the whole range."""


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
    """An image in a file of its own."""

    path: Path  # of the file
    upright: bool = True  # whether to apply an EXIF orientation, as OpenCV does; otherwise the samples stay as stored
    # level of white where the file has more than 8 bits; 4095 if they are the 12 low ones of 16. None: it is not known,
    # since the file belongs to a capture of 8 bits.
    white: int | None = WHITE

    def is_rotated(self) -> bool:
        """Whether the file carries an EXIF orientation other than upright."""
        with Image.open(self.path) as image:
            return orientation(image) != 1

    def has_deep_samples(self) -> bool:
        """Whether the file has more than 8 bits a sample; False where it cannot be read."""
        try:
            with Image.open(self.path) as image:
                return declared_bits(image) > 8
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            return False

    def has_levels(self) -> bool:
        """Whether the file holds grey or RGB samples of 1 or 8 bits, without alpha or a palette."""
        with Image.open(self.path) as image:
            return image.mode in ("1", "L", "RGB")

    def indexed(self) -> tuple[UInt8[np.ndarray, "h w"], UInt8[np.ndarray, "256 4"]] | None:
        """Indices of a palette image, and its colours (RGBA) by index; None for an image without a palette.

        Raises:
            OSError, ValueError: the file cannot be decoded.
        """
        with Image.open(self.path) as image:
            if image.mode != "P":
                return None
            indices = np.array(ImageOps.exif_transpose(image) if self.upright else image)
            image.apply_transparency()
            colors = np.array(image.getpalette("RGBA") or [], np.uint8).reshape(-1, 4)
        palette = np.full((256, 4), (0, 0, 0, 255), np.uint8)  # indices beyond the palette's end are black
        palette[: len(colors)] = colors
        return indices, palette

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        return decode(self.path, upright=self.upright)


@dataclass(frozen=True)
class AlphaMask:
    """The alpha channel of an image, as a mask."""

    path: Path

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        with Image.open(self.path) as image:
            return np.array((image if "A" in image.getbands() else image.convert("RGBA")).getchannel("A"))


def has_alpha(path: Path) -> bool:
    """Whether an image file has an alpha channel, or another kind of transparency; not where it cannot be read."""
    try:
        with Image.open(path) as image:
            return image.has_transparency_data
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False  # reading the image reports the error


@dataclass(frozen=True)
class DepthFile:
    """Depth along the optical axis, in a file of 16 bits; 0 where unknown."""

    path: Path  # of the file
    unit: float = DEPTH_UNIT  # metres per step, or 1 / metres if `inverse`
    inverse: bool = False  # whether the file holds 1 / depth

    def pixels(self) -> np.ndarray:
        """Depth in metres."""
        steps = decode(self.path, upright=False)
        if steps.dtype != np.uint16 or steps.ndim != 2:
            raise ValueError("a depth image has one channel of 16 bits")
        values = steps * self.unit
        if self.inverse:
            values = np.divide(1, values, out=np.zeros_like(values), where=steps > 0)
        return values.astype(np.float32)


def read_image(file: LazyImage, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
    """RGB image; grey ones and those of 16 bits are converted, transparent ones are composited on black."""
    pixels = _eight_bits(samples(file, camera, frame), file, camera)
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        warn("grey images: the three channels are equal", code="grey-images", file=file.path.parent, camera=camera)
        pixels = np.dstack([pixels.reshape(*pixels.shape[:2], -1)[..., :1]] * 3 + [*_alpha(pixels)])
    for alpha in _alpha(pixels):
        pixels = np.rint(pixels[..., :3] * (alpha / np.float32(255))[..., None]).astype(np.uint8)
    return np.ascontiguousarray(pixels)


def read_depth(file: LazyImage, camera: str, frame: int) -> Float32[np.ndarray, "h w"]:
    """Depth along the optical axis in metres; 0 where unknown."""
    return samples(file, camera, frame)


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
        TypeError: the pixels are no array of 8 or 16 bits.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype not in (np.uint8, np.uint16):
        got = f"{type(pixels).__name__} of {getattr(pixels, 'dtype', 'no type')}"
        raise TypeError(f"an image file takes an array of uint8 or uint16, got a {got}; see to_bytes")
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
    check_suffix(path, IMAGE_SUFFIXES)
    write_atomic(path, image_bytes(pixels, path.suffix.lower(), parameters))


def image_size(file: LazyImage, camera: str, frame: int) -> tuple[int, int]:
    """Width and height of an image, pixels."""
    height, width = samples(file, camera, frame).shape[:2]
    return width, height


def samples(file: LazyImage, camera: str, frame: int, load: Callable[[], Any] | None = None) -> Any:
    """What `load` decodes; by default the samples as stored, see LazyImage.

    Raises:
        CaptureError: they cannot be decoded; it names the file, camera and frame.
    """
    try:
        return (load or file.pixels)()
    except FileNotFoundError:
        raise CaptureError("no such image", code="missing-image", file=file.path, camera=camera, frame=frame) from None
    except UnidentifiedImageError:
        empty = not file.path.stat().st_size
        what, hint = "not a readable image", "save it as JPEG, or as PNG or TIFF of 8 or 16 bits"
        if empty:
            what, hint = "an empty file instead of an image", "copy it again, or leave the frame out with `frames`"
        raise CaptureError(
            what, code="unreadable-image", file=file.path, camera=camera, frame=frame, hint=hint
        ) from None
    except (OSError, SyntaxError, ValueError, MemoryError, Image.DecompressionBombError) as error:
        what = f"not a readable image ({' '.join(str(error).split()).rstrip('.')})"
        raise CaptureError(what, code="unreadable-image", file=file.path, camera=camera, frame=frame) from None


def check_whole(file: LazyImage, camera: str, frame: int) -> None:
    """Decode a file whose end seems to be missing, which takes a look at its first and last bytes alone.

    Raises:
        CaptureError: it cannot be decoded; it names the file, camera and frame.
    """
    if not samples(file, camera, frame, lambda: seems_whole(file.path)):
        samples(file, camera, frame)


def _eight_bits(pixels: np.ndarray, file: LazyImage, camera: str) -> np.ndarray:
    """Samples in 0..255, converted from 1 or 16 bits."""
    if pixels.dtype == np.bool_:
        return pixels * np.uint8(255)
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype not in (np.uint16, np.int32) or pixels.min() < 0 or pixels.max() > WHITE:
        what = f"samples of type {pixels.dtype} from {pixels.min()} to {pixels.max()}"
        hint = "save them as 8 bits, or as 16 bits from 0 to 65535"
        raise CaptureError(what, code="unsupported-samples", file=file.path, camera=camera, hint=hint)
    white = file.white if isinstance(file, ImageFile) else WHITE
    if white is None:
        what = "16 bits a sample, but other images of the capture have 8"
        raise CaptureError(what, code="mixed-bits", file=file.path, camera=camera, hint="save all images alike")
    if white == WHITE:
        warn("images of 16 bits: reduced to 8 bits", code="sixteen-bit-images", file=file.path.parent, camera=camera)
    levels = np.rint(pixels / np.float32(white / 255))
    return np.minimum(levels, 255).astype(np.uint8)


def _alpha(pixels: np.ndarray) -> list[np.ndarray]:
    """The alpha channel, if there is one."""
    return [pixels[..., -1]] if pixels.ndim == 3 and pixels.shape[2] in (2, 4) else []
