"""Samples of an image file as the file stores them.

Decoders lose things silently: Pillow cuts colours of 16 bits to 8 and hides what libjpeg says about damaged data,
OpenCV passes over an end that is missing, and both read some kinds of TIFF wrongly. What would be lost is an error.
"""

import math
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    PLANAR_CONFIGURATION,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILEBYTECOUNTS,
    TILEOFFSETS,
    TiffImageFile,
)

from posegaussian.errors import warn

_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: np.rot90(np.fliplr(pixels)),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(np.fliplr(pixels), -1),
    8: np.rot90,
}
"""What turns an image upright, by its EXIF orientation (EXIF 2.32, 4.6.4); 1 is upright."""
_MOST_STRAY_BYTES = 64
"""Stray bytes before a marker of a JPEG that are passed over: webcams add one to a few dozen. Chosen by hand."""
_HARMLESS = re.compile(
    r"Corrupt JPEG data: (\d+) extraneous bytes before marker 0xd\d"
    r"|Invalid SOS parameters for sequential JPEG"
    r"|Warning: unknown JFIF revision number .*"
)
"""Warnings of libjpeg after which no sample is missing (its jerror.h)."""
_GREY = ("I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of one channel of more than 8 bits, which it reads as they are."""
_COLOURS = re.compile(r"\W*(RGB|RGBX|RGBA|LA);16[BLN]\b")
"""Pillow's raw modes of colours of 16 bits that OpenCV reads rightly."""
_TAIL = 1 << 16
"""Bytes at the end of a file in which the last marker of a PNG or JPEG is looked for. Chosen by hand."""
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "MPO": b"\xff\xd9"}
"""Last markers by Pillow's names of formats."""
_SIZES = {"BMP": (2, 6, 0), "WEBP": (4, 8, 8)}
"""First and last byte of the size in a file's header, and the bytes that this size lacks."""
_TIFF_PARTS = (STRIPOFFSETS, STRIPBYTECOUNTS), (TILEOFFSETS, TILEBYTECOUNTS)
"""Tags with the places and the sizes of a TIFF's data."""
_MOST_SAMPLES = {"raw": 1, "zip": 1032, "jpeg": 1536}
"""Bytes of samples that a byte of a file can hold at most, by Pillow's names of codecs: deflate has this limit (zlib's
technical details), a JPEG has at least one bit for 64 samples of each of three channels (ITU-T T.81, without arithmetic
coding)."""
_BYTES = ("1", "L", "LA", "RGB", "RGBA")
"""Pillow's modes of 8 bits that need no conversion."""
_CONVERTED = ("P", "PA", "RGBX", "YCbCr", "CMYK")
"""Pillow's modes that it converts to one of `_BYTES`."""


def decode(path: Path, *, upright: bool = True) -> np.ndarray:
    """Samples of an image: h w, or h w channels (RGB, with alpha, or grey with alpha); bool, uint8, uint16 or int32.

    Args:
        path: of the file.
        upright: whether to apply an EXIF orientation, as OpenCV does.

    Raises:
        OSError, ValueError: the file cannot be decoded; the message says why.
    """
    with Image.open(path) as image:
        _refuse_missing_data(image, path.stat().st_size)
        bits, form = declared_bits(image), _form(image)  # known until Pillow loads the samples
        if upright and orientation(image) != 1:
            warn("images with an EXIF rotation: rotated upright", code="rotated-images", file=path.parent)
        if image.format == "JPEG":
            return _jpeg(path, image.mode, upright)
        if bits > 8:
            _refuse_odd_tiff(image)
        if bits > 8 and image.mode not in _GREY:
            return _deep_colours(path, image, form, orientation(image) if upright else 1)
        pixels = np.array(_in_known_colours(ImageOps.exif_transpose(image) if upright else image, path))
        return pixels.astype(pixels.dtype.newbyteorder("="))


def seems_whole(path: Path) -> bool:
    """Whether nothing is missing at the end of an image file, as far as that is seen without decoding it.

    Raises:
        OSError, SyntaxError, ValueError: it is no image.
    """
    with Image.open(path) as image, path.open("rb") as file:
        size = path.stat().st_size
        if isinstance(image, TiffImageFile):
            tags = [[np.atleast_1d(image.tag_v2.get(tag, ())) for tag in pair] for pair in _TIFF_PARTS]
            return all((places + sizes <= size).all() for places, sizes in tags if len(places) == len(sizes))
        if image.format in _SIZES:
            first, last, more = _SIZES[image.format]
            return int.from_bytes(file.read(last)[first:], "little") + more <= size
        file.seek(max(size - _TAIL, 0))
        return _ENDS.get(str(image.format), b"") in file.read()


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 is upright."""
    return image.getexif().get(ExifTags.Base.Orientation, 1)


def declared_bits(image: Image.Image) -> int:
    """Bits of a sample, as the header declares them."""
    if isinstance(image, TiffImageFile):
        return max(image.tag_v2.get(BITSPERSAMPLE, (1,)))
    return 16 if ";16" in _form(image) else 8


def _refuse_missing_data(image: Image.Image, size: int) -> None:
    """Raise a ValueError for an image whose header declares more pixels than its file of `size` bytes can hold.

    Decoders would allocate what the header declares first, and leave what is missing in some kinds of TIFF black.
    """
    tiles = getattr(image, "tile", [])
    bits = 1 if image.mode in ("1", "L", "P") else 8 * len(image.getbands())  # grey and indices may have less than 8
    least = image.width * image.height * bits / 8
    boxes = [box for _, box, *_ in tiles] if isinstance(image, TiffImageFile) else []
    covered = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    if (tiles and least > _MOST_SAMPLES.get(tiles[0][0], math.inf) * size) or (
        boxes and covered < image.width * image.height
    ):
        raise ValueError(f"damaged: its header declares {image.width} x {image.height} pixels, its data hold fewer")


def _form(image: Image.Image) -> str:
    """Pillow's raw mode, which describes how the file stores its samples, in a text that may hold more."""
    tiles = getattr(image, "tile", [])
    return str(tiles[0][3]) if tiles else ""


def _in_known_colours(image: Image.Image, path: Path) -> Image.Image:
    """The image as one of the kinds that `decode` returns."""
    if image.mode in _GREY:
        return image
    if image.mode in ("L", "RGB") and image.has_transparency_data:  # one colour is transparent
        return image.convert(image.mode + "A" if image.mode == "RGB" else "LA")
    if image.mode in _BYTES:
        return image
    if image.mode not in _CONVERTED:
        raise ValueError(f"its samples are of the kind {image.mode}: save it as RGB or grey of 8 or 16 bits")
    if image.mode == "CMYK":
        _warn_of_cmyk(path)
    return image.convert() if image.mode in ("P", "PA") else image.convert("RGB")


def _warn_of_cmyk(path: Path) -> None:
    warn("CMYK images: converted to RGB without a colour profile", code="cmyk-images", file=path.parent)


def _deep_colours(path: Path, image: Image.Image, form: str, turned: int) -> np.ndarray:
    """Samples of several channels of 16 bits, which Pillow would cut to 8, decoded by OpenCV."""
    if not _COLOURS.match(form):
        raise ValueError(f"{declared_bits(image)} bits in the form {form}: save it as RGB of 8 or 16 bits")
    image.load()  # Pillow raises for an end that is missing, which OpenCV leaves black
    with _captured_stderr() as complaints:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise OSError(" ".join(complaints) or "damaged")
    order = cv2.COLOR_BGRA2RGBA if image.has_transparency_data else cv2.COLOR_BGR2RGB
    pixels = cv2.cvtColor(pixels[..., : 4 if image.has_transparency_data else 3], order)
    return _UPRIGHT[turned](pixels) if turned in _UPRIGHT else pixels


def _refuse_odd_tiff(image: Image.Image) -> None:
    """Raise a ValueError for a TIFF of more than 8 bits in a form that neither Pillow nor OpenCV reads rightly."""
    if isinstance(image, TiffImageFile):
        if image.tag_v2.get(PLANAR_CONFIGURATION, 1) != 1:
            raise ValueError("a TIFF of 16 bits with one plane a channel: save it with interleaved channels")
        if image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:
            raise ValueError("a TIFF of 16 bits in which 0 is white: save it with 0 as black")


def _jpeg(path: Path, mode: str, upright: bool) -> np.ndarray:
    """Samples of a JPEG, decoded by OpenCV, since Pillow hides libjpeg's warnings about damaged data."""
    flags = cv2.IMREAD_ANYCOLOR if upright else cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
    with _captured_stderr() as complaints:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    if pixels is None or not all(map(_is_harmless, complaints)):
        raise OSError(" ".join(complaints) or "damaged")
    if complaints:
        what = "JPEG files with stray bytes between their data: nothing is missing, they are read as they are"
        warn(what, code="stray-jpeg-bytes", file=path.parent)
    if mode == "CMYK":
        _warn_of_cmyk(path)
    return pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _is_harmless(complaint: str) -> bool:
    found = _HARMLESS.fullmatch(complaint)
    return found is not None and int(found[1] or 0) <= _MOST_STRAY_BYTES


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
