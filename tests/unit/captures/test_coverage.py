"""Coverage from mask files of every kind that programs write: the person is a disc, known by its formula."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import refuses
from PIL import Image

from posegaussian.captures.masks import ResizedMask, read_mask
from posegaussian.errors import CaptureError
from posegaussian.io.images import AlphaMask, ImageFile

SIZE = 96
DAVIS = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
"""The first colours of the palette of DAVIS, which SAM 2, XMem and Cutie write."""


def disc(soft: float = 1.5, radius: float = 24, x: float = 48) -> np.ndarray:
    """Coverage 0..1 of a disc; `soft` pixels of edge."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    return np.clip(0.5 + (radius - np.hypot(columns - x, rows - 48)) / soft, 0, 1)


MATTE = np.rint(255 * disc()).astype(np.uint8)
INSIDE = disc() >= 0.5
BINARY = np.where(INSIDE, 255, 0).astype(np.uint8)
COLORS = np.random.default_rng(0).integers(20, 256, (SIZE, SIZE, 3), dtype=np.uint8)
BANDS = np.where(INSIDE, 1 + 20 * (np.arange(SIZE)[:, None] // 8), 0).astype(np.uint8)
"""Body parts, numbered 61 to 161."""


def save(
    path: Path, pixels: np.ndarray, mode: str | None = None, palette: list[int] | None = None, **options
) -> ImageFile:
    if pixels.ndim == 3 and pixels.dtype == np.uint16:  # Pillow has no such mode
        assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA))
        return ImageFile(path)
    image = Image.fromarray(pixels) if mode is None else Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
    if palette is not None:
        image.putpalette(palette)
    image.save(path, **options)
    return ImageFile(path)


def read(file, label=None) -> np.ndarray:
    mask = read_mask(file, "00", 7, label)
    assert mask.dtype == np.uint8
    return mask


def refused(code: str, file, label=None) -> str:
    with refuses(CaptureError, code, file=file.path, camera="00", frame=7) as error:
        read(file, label)
    return str(error.value)


EXACT = {
    "matte": (MATTE, MATTE),
    "0 and 255": (BINARY, BINARY),
    "0 and 1": (BINARY // 255, BINARY),
    "0 and 7": (BINARY // 255 * 7, BINARY),
    "1 bit": (INSIDE, BINARY),
    "grey in three channels": (np.dstack([MATTE] * 3), MATTE),
    "16 bits": (MATTE.astype(np.uint16) * 257, MATTE),
    "16 bits, two levels": (INSIDE.astype(np.uint16) * 65535, BINARY),
    "16 bits, 0 and 1": (INSIDE.astype(np.uint16), BINARY),
    "16 bits, 0 and 300": (INSIDE.astype(np.uint16) * 300, BINARY),
    "8 bits in 16": (MATTE.astype(np.uint16), MATTE),
    "cut-out": (np.dstack([COLORS * INSIDE[..., None], MATTE]), MATTE),
    "cut-out with the colours left": (np.dstack([COLORS, MATTE]), MATTE),
    "grey and alpha": (np.dstack([COLORS[..., 0], MATTE]), MATTE),
    "matte with an opaque alpha channel": (np.dstack([MATTE] * 3 + [MATTE * 0 + 255]), MATTE),
    "red on black": (np.dstack([MATTE, MATTE * 0, MATTE * 0]), MATTE),
    "dark red on black": (np.dstack([BINARY // 255 * 128, BINARY * 0, BINARY * 0]), BINARY),
    "red on opaque black": (np.dstack([MATTE, MATTE * 0, MATTE * 0, MATTE * 0 + 255]), MATTE),
    "body parts": (BANDS, BINARY),
    "8 bits of alpha in 16": (np.dstack([COLORS.astype(np.uint16) * 257, MATTE.astype(np.uint16)]), MATTE),
}


@pytest.mark.parametrize("kind", EXACT)
def test_coverage_is_exact(kind, tmp_path):
    pixels, expected = EXACT[kind]
    np.testing.assert_array_equal(read(save(tmp_path / "m.png", pixels)), expected)


def test_soft_colours_are_stretched(tmp_path):
    dark = np.rint(disc() * 128).astype(np.uint8)
    for pixels in (dark, np.dstack([dark, dark * 0, dark * 0])):
        found = read(save(tmp_path / "m.png", pixels))
        assert abs(found.astype(int) - MATTE).max() <= 2


def test_12_bits_in_16(tmp_path):
    found = read(save(tmp_path / "m.png", np.rint(disc() * 4095).astype(np.uint16)))
    assert abs(found.astype(int) - MATTE).max() <= 1


def test_the_levels_of_video(tmp_path):
    found = read(save(tmp_path / "m.png", np.rint(16 + disc() * 219).astype(np.uint8)))
    assert abs(found.astype(int) - MATTE).max() <= 1


@pytest.mark.parametrize("pixels", [BINARY, np.dstack([BINARY] * 3), MATTE], ids=["grey", "colour", "matte"])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_jpeg_noise_is_taken_off(pixels, quality, tmp_path):
    found = read(save(tmp_path / "m.jpg", pixels, quality=quality)).astype(int)
    far = cv2.dilate(BINARY, np.ones((25, 25))) == 0, cv2.erode(BINARY, np.ones((25, 25))) == 255
    assert (found[far[0]] == 0).all() and (found[far[1]] == 255).all()
    assert ((found >= 128) != INSIDE).sum() < 0.1 * INSIDE.sum()
    np.testing.assert_array_equal(read(save(tmp_path / "again.png", found.astype(np.uint8))), found)


def test_jpeg_noise_in_a_png_is_no_label(tmp_path):
    save(tmp_path / "m.jpg", BINARY, quality=50)
    decoded = np.array(Image.open(tmp_path / "m.jpg"))
    assert (decoded[decoded < 20] > 0).sum() > 0
    np.testing.assert_array_equal(read(save(tmp_path / "m.png", decoded)), decoded)


def test_red_on_black_as_jpeg(tmp_path):
    found = read(save(tmp_path / "m.jpg", np.dstack([BINARY, BINARY * 0, BINARY * 0]), quality=90))
    assert ((found >= 128) != INSIDE).sum() < 0.1 * INSIDE.sum()


PALETTES = {
    "DAVIS": (INSIDE, DAVIS),
    "third index": (INSIDE * 3, DAVIS),
    "black last": (np.where(INSIDE, 0, 1), [255, 0, 0, 0, 0, 0]),
    "white first": (np.where(INSIDE, 0, 1), [255, 255, 255, 0, 0, 0]),
    "all colours black": (INSIDE, [0, 0, 0, 0, 0, 0]),
    "body parts": (BANDS // 20 * INSIDE, [0, 0, 0, *np.random.default_rng(1).integers(1, 256, 60)]),
}


@pytest.mark.parametrize("kind", PALETTES)
def test_palettes(kind, tmp_path):
    indices, palette = PALETTES[kind]
    file = save(tmp_path / "m.png", indices.astype(np.uint8), "P", [int(value) for value in palette])
    np.testing.assert_array_equal(read(file), BINARY)


def test_a_palette_of_greys_is_a_matte(tmp_path):
    greys = np.repeat(np.arange(256)[::-1], 3).tolist()
    np.testing.assert_array_equal(read(save(tmp_path / "m.png", 255 - MATTE, "P", greys)), MATTE)


def test_a_palette_with_transparency_is_a_cut_out(tmp_path):
    file = save(tmp_path / "m.png", INSIDE.astype(np.uint8), "P", [9, 9, 9, 90, 60, 30], transparency=bytes([0, 255]))
    np.testing.assert_array_equal(read(file), BINARY)
    np.testing.assert_array_equal(AlphaMask(file.path).pixels(), BINARY)


TWO = np.where(disc(x=20, radius=14) >= 0.5, 1, np.where(disc(x=70, radius=18) >= 0.5, 2, 0)).astype(np.uint8)
"""Two people, labelled 1 and 2."""
GREEN_AND_RED = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)[TWO]


@pytest.mark.parametrize(
    ("pixels", "mode", "palette", "names"),
    [
        (TWO, None, None, ["0", "1", "2"]),
        (TWO.astype(np.uint16) * 1000, None, None, ["0", "1000", "2000"]),
        (TWO, "P", DAVIS, ["1 (#800000)", "2 (#008000)"]),
        (GREEN_AND_RED, None, None, ["#000000", "#800000", "#008000"]),
        (np.where(TWO == 2, np.uint8(255), TWO * 15), None, None, ["15", "255"]),
        (np.where(TWO == 2, np.uint8(255), TWO), None, None, ["1: ", "255"]),
        (np.where(TWO == 1, np.uint8(1), np.where(TWO == 2, 128, 0).astype(np.uint8)), None, None, ["1: ", "128"]),
    ],
    ids=["numbers", "16 bits", "palette", "colours", "void 255", "1 and void 255", "1 and 128"],
)
def test_several_labels_are_refused_until_one_is_named(pixels, mode, palette, names, tmp_path):
    file = save(tmp_path / "m.png", pixels, mode, palette)
    said = refused("several-labels", file)
    assert [name for name in [*names, "mask_label", "--mask-label"] if name not in said] == []


@pytest.mark.parametrize(
    ("pixels", "mode", "palette", "label"),
    [
        (TWO, None, None, 2),
        (TWO, "P", DAVIS, 2),
        (TWO, "P", DAVIS, "#008000"),
        (GREEN_AND_RED, None, None, "#008000"),
        (np.dstack([GREEN_AND_RED, TWO * 0 + 255]), None, None, "#008000"),
        (TWO * 60, None, None, "#787878"),
        (np.dstack([TWO] * 3), None, None, 2),
        (TWO.astype(np.uint16) * 1000, None, None, 2000),
        (255 - BINARY, None, None, 0),
    ],
)
def test_a_named_label_is_the_person(pixels, mode, palette, label, tmp_path):
    expected = BINARY if label == 0 else np.where(TWO == 2, 255, 0)
    np.testing.assert_array_equal(read(save(tmp_path / "m.png", pixels, mode, palette), label), expected)


def test_any_label(tmp_path):
    for pixels in (TWO, GREEN_AND_RED, COLORS * (TWO > 0)[..., None]):
        np.testing.assert_array_equal(read(save(tmp_path / "m.png", pixels), "any"), np.where(TWO > 0, 255, 0))


def test_label_0_inverts(tmp_path):
    np.testing.assert_array_equal(read(save(tmp_path / "m.png", 255 - MATTE), 0), MATTE)
    np.testing.assert_array_equal(read(save(tmp_path / "m.png", TWO), 0), np.where(TWO == 0, 255, 0))


@pytest.mark.parametrize("label", [9, "#123456"])
def test_a_label_that_is_not_there(label, tmp_path):
    said = refused("empty-mask", save(tmp_path / "m.png", TWO), label)
    assert str(label) in said and "2: " in said


def test_what_is_no_mask(tmp_path):
    rows = np.mgrid[:SIZE, :SIZE][0]
    relief = np.where(INSIDE, 2000 + 4 * rows, 0).astype(np.uint16)
    blurred = cv2.GaussianBlur(COLORS, (0, 0), 2)
    for pixels in (COLORS, COLORS * INSIDE[..., None], blurred, cv2.GaussianBlur(COLORS[..., 0], (0, 0), 2), relief):
        refused("not-a-mask", save(tmp_path / "m.png", pixels))


def test_a_scene_with_labels_everywhere_is_no_body(tmp_path):
    scene = 1 + np.add(*np.mgrid[:SIZE, :SIZE] // 16).astype(np.uint8)
    refused("several-labels", save(tmp_path / "m.png", scene))


def test_an_opaque_alpha_channel_is_no_mask(tmp_path):
    save(tmp_path / "i.png", np.dstack([COLORS, MATTE * 0 + 255]))
    assert "opaque" in refused("opaque-alpha", AlphaMask(tmp_path / "i.png"))


def test_a_resized_mask_is_read_before_it_is_resized(tmp_path):
    file = ResizedMask(save(tmp_path / "m.png", TWO, "P", DAVIS), (2 * SIZE, 2 * SIZE))
    expected = cv2.resize(np.where(TWO == 2, 255, 0).astype(np.uint8), (2 * SIZE, 2 * SIZE))
    np.testing.assert_array_equal(read(file, 2), expected)


def test_feathered_masks_stay_as_they_are(tmp_path):
    for sigma in (1, 2, 3):
        soft = cv2.GaussianBlur(BINARY, (0, 0), sigma)
        np.testing.assert_array_equal(read(save(tmp_path / "m.png", soft)), soft)
