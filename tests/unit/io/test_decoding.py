"""Samples come out of every kind of image file as they went in, or one line says why not."""

import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import refuses, warns
from PIL import Image, ImageCms

from posegaussian.errors import CaptureError, CaptureWarning
from posegaussian.io.images import DepthFile, ImageFile, read_image

HEIGHT, WIDTH = 40, 56
_Y, _X = np.indices((HEIGHT, WIDTH))
RGB = np.stack([4 * _X, 6 * _Y, 255 - 2 * _X - 2 * _Y], -1).astype(np.uint8)
DEEP = RGB * np.uint16(257)
ALPHA = (4 * _X + _Y).astype(np.uint8)


def read(path: Path) -> np.ndarray:
    return read_image(ImageFile(path), "00", 0)


def save(path: Path, pixels: np.ndarray, *parameters: int) -> Path:
    """Write RGB, with alpha or not, through OpenCV."""
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, order[pixels.shape[2]]), parameters)
    return path


def raw_tiff(path: Path, pixels: np.ndarray, *, photometric: int, planes: int = 1) -> Path:
    """A TIFF after its specification (TIFF 6.0): no compression; `planes` of 2: one plane a channel."""
    height, width, channels = pixels.shape
    data = (pixels if planes == 1 else np.moveaxis(pixels, 2, 0)).astype(pixels.dtype.newbyteorder("<")).tobytes()
    strips = 1 if planes == 1 else channels
    bits = 8 * pixels.dtype.itemsize
    tags: list[tuple[int, str, list[int]]] = [(256, "H", [width]), (257, "H", [height]), (258, "H", [bits] * channels)]
    tags += [(259, "H", [1]), (262, "H", [photometric]), (273, "I", []), (277, "H", [channels]), (278, "H", [height])]
    tags += [(279, "I", [len(data) // strips] * strips), (284, "H", [planes])]
    start = 8 + 2 + 12 * len(tags) + 4
    longer = sum(len(values) * struct.calcsize(kind) for _, kind, values in tags if len(values) > 2) + 4 * strips
    first = start + longer
    tags[5] = (273, "I", [first + k * len(data) // strips for k in range(strips)])
    entries, behind = b"", b""
    for tag, kind, values in tags:
        value = struct.pack(f"<{len(values)}{kind}", *values)
        if len(value) > 4:
            value, behind = struct.pack("<I", start + len(behind)), behind + value
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + value.ljust(4, b"\0")
    header = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + behind
    path.write_bytes(header.ljust(first, b"\0") + data)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_colours_of_16_bits_are_not_cut(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", DEEP ^ np.uint16(1))
    np.testing.assert_array_equal(ImageFile(path).pixels(), DEEP ^ np.uint16(1))
    with warns("sixteen-bit-images", camera="00", file=tmp_path):
        np.testing.assert_array_equal(read(path), RGB)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.filterwarnings("ignore:.*16 bits")
def test_alpha_of_16_bits_is_composited_on_black(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", np.dstack([DEEP, ALPHA * np.uint16(257)]))
    np.testing.assert_allclose(read(path), RGB * (ALPHA / 255.0)[..., None], atol=0.5 + 1e-3)


@pytest.mark.filterwarnings("ignore:.*16 bits", "ignore:.*grey images")
def test_a_tiff_with_the_big_end_first(tmp_path):
    Image.fromarray(DEEP[..., 0].byteswap().view(">u2")).save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        assert np.array(image).dtype == ">u2"
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), np.dstack([RGB[..., 0]] * 3))


@pytest.mark.filterwarnings("ignore:.*16 bits", "ignore:.*rotated upright")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_16_bits_are_turned_upright_like_8(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(RGB).save(tmp_path / "small.png", exif=exif)
    plain, tagged = (tmp_path / name for name in ("plain.png", "deep.png"))
    save(plain, DEEP)
    data, small = plain.read_bytes(), (tmp_path / "small.png").read_bytes()
    begin = small.index(b"eXIf") - 4
    chunk = small[begin : begin + 12 + int.from_bytes(small[begin : begin + 4], "big")]
    tagged.write_bytes(data[:33] + chunk + data[33:])  # behind the header
    np.testing.assert_array_equal(read(tagged), read(tmp_path / "small.png"))
    np.testing.assert_array_equal(ImageFile(tagged, upright=False).pixels(), DEEP)


COLOURS = {
    "palette.png": lambda image: image.quantize(256),
    "palette.tif": lambda image: image.quantize(256),
    "ycbcr.tif": lambda image: image.convert("YCbCr"),
    "cmyk.tif": lambda image: image.convert("CMYK"),
    "cmyk.jpg": lambda image: image.convert("CMYK"),
}


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.filterwarnings("ignore:.*CMYK")
def test_other_colours_become_rgb(tmp_path, name):
    COLOURS[name](Image.fromarray(RGB)).save(tmp_path / name, **({"quality": 100} if name.endswith("jpg") else {}))
    assert np.abs(read(tmp_path / name).astype(int) - RGB).mean() < 4  # 256 colours, chroma, or JPEG's rounding


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_said(tmp_path, suffix):
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / f"a{suffix}")
    with warns("cmyk-images", file=tmp_path):
        read(tmp_path / f"a{suffix}")


def test_transparent_colours_of_every_kind_become_black(tmp_path):
    image = Image.fromarray(RGB)
    palette = image.quantize(16)
    palette.save(tmp_path / "palette.png", transparency=palette.getpixel((0, 0)))
    image.save(tmp_path / "colour.png", transparency=tuple(RGB[0, 0].tolist()))
    for name in ("palette", "colour"):
        assert (read(tmp_path / f"{name}.png")[0, 0] == 0).all() and read(tmp_path / f"{name}.png").any()
    image.convert("L").save(tmp_path / "grey.png", transparency=int(np.asarray(image.convert("L"))[0, 0]))
    with warns("grey-images", camera="00"):
        assert (read(tmp_path / "grey.png")[0, 0] == 0).all()


def lab(path: Path) -> None:
    profiles = [ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")]
    found = ImageCms.profileToProfile(Image.fromarray(RGB), *profiles, outputMode="LAB")
    assert found is not None
    found.save(path)


def cut(path: Path) -> None:
    save(path, DEEP, cv2.IMWRITE_TIFF_COMPRESSION, 1)
    path.write_bytes(path.read_bytes()[: HEIGHT * WIDTH * 4])


NOT_READ = {
    "Lab": (lab, "unreadable-image"),
    "floats of one channel": (lambda path: cv2.imwrite(str(path), RGB[..., 0] / np.float32(255)), "unreadable-image"),
    "floats": (lambda path: cv2.imwrite(str(path), RGB / np.float32(255)), "unreadable-image"),
    "32 bits": (
        lambda path: Image.fromarray(DEEP[..., 0].astype(np.int32) * 200).save(path),
        "unsupported-samples",
    ),
    "a plane for each channel": (lambda path: raw_tiff(path, DEEP, photometric=2, planes=2), "unreadable-image"),
    "0 is white": (lambda path: raw_tiff(path, DEEP[..., :1], photometric=0), "unreadable-image"),
    "inks of 16 bits": (
        lambda path: raw_tiff(path, np.dstack([DEEP, DEEP[..., 0]]), photometric=5),
        "unreadable-image",
    ),
    "cut short": (cut, "unreadable-image"),
}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("write, code", NOT_READ.values(), ids=NOT_READ)
def test_what_no_decoder_reads_rightly_is_refused(tmp_path, write, code):
    write(tmp_path / "a.tif")
    with refuses(CaptureError, code, file=tmp_path / "a.tif", camera="00"):
        read(tmp_path / "a.tif")


@pytest.mark.filterwarnings("ignore:.*16 bits")
def test_the_tiff_of_these_tests_is_one(tmp_path):
    np.testing.assert_array_equal(read(raw_tiff(tmp_path / "a.tif", DEEP, photometric=2)), RGB)


def with_stray_bytes(count: int, marker: bytes = b"\xff\xd0") -> tuple[bytes, bytes]:
    """A JPEG with restart markers, and the same with zeros before one of its markers."""
    data = cv2.imencode(".jpg", RGB, [cv2.IMWRITE_JPEG_RST_INTERVAL, 3])[1].tobytes()
    place = data.rindex(marker)
    return data, data[:place] + bytes(count) + data[place:]


@pytest.mark.parametrize("marker", [b"\xff\xd0", b"\xff\xd9"], ids=["between", "at the end"])
def test_stray_bytes_in_a_jpeg_are_passed_over_with_a_warning(tmp_path, marker):
    clean, stray = with_stray_bytes(20, marker)
    (tmp_path / "clean.jpg").write_bytes(clean)
    (tmp_path / "a.jpg").write_bytes(stray)
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        expected = read(tmp_path / "clean.jpg")
    with warns("stray-jpeg-bytes", file=tmp_path):
        np.testing.assert_array_equal(read(tmp_path / "a.jpg"), expected)


@pytest.mark.parametrize("damage", ["many stray bytes", "no end", "no middle"])
def test_a_jpeg_that_lacks_data_is_refused(tmp_path, damage):
    clean, stray = with_stray_bytes(900)
    place = clean.index(b"\xff\xd1")
    data = {"many stray bytes": stray, "no end": clean[:-40], "no middle": clean[: place - 60] + clean[place:]}
    (tmp_path / "a.jpg").write_bytes(data[damage])
    with refuses(CaptureError, "unreadable-image", file=tmp_path / "a.jpg", camera="00"):
        read(tmp_path / "a.jpg")


def test_depths_in_a_tiff_with_the_big_end_first(tmp_path):
    steps = 10_000 + DEEP[..., 0] // 8
    Image.fromarray(steps.byteswap().view(">u2")).save(tmp_path / "a.tif")
    np.testing.assert_allclose(DepthFile(tmp_path / "a.tif").pixels(), steps / 1e4, rtol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_header_that_declares_more_pixels_than_the_data_hold(tmp_path, suffix):
    """Refused before anything of that size is allocated."""
    path = tmp_path / f"a{suffix}"
    Image.fromarray(RGB).save(path)
    data = bytearray(path.read_bytes())
    if suffix == ".png":
        struct.pack_into(">II", data, 16, 30_000, 5_000)
        struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    elif suffix == ".jpg":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, 5_000, 30_000)
    elif suffix == ".bmp":
        struct.pack_into("<ii", data, 18, 30_000, 5_000)
    else:
        (start,) = struct.unpack_from("<I", data, 4)
        for entry in range(start + 2, start + 2 + 12 * data[start], 12):
            if struct.unpack_from("<H", data, entry)[0] == 257:  # the height; the strips stay as they are
                struct.pack_into("<HII", data, entry + 2, 4, 1, 5_000)
    path.write_bytes(data)
    with refuses(CaptureError, "unreadable-image", file=path) as error:
        read(path)
    assert "5000 pixels" in error.value.what


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_an_image_of_one_colour_is_no_damaged_one(tmp_path, suffix, mode):
    """It is compressed as far as its format can."""
    if mode == "1" and suffix == ".jpg":
        mode = "L"
    options = {".jpg": {"optimize": True, "quality": 1}, ".tif": {"compression": "tiff_lzw"}}.get(suffix, {})
    Image.new(mode, (2000, 3000)).save(tmp_path / f"a{suffix}", **options)
    assert ImageFile(tmp_path / f"a{suffix}").pixels().shape[:2] == (3000, 2000)
