"""Cameras that fill 10, 12 or 14 of 16 bits are scaled to white, all images of a capture alike."""

import warnings
from pathlib import Path

import cv2
import helpers
import layouts
import numpy as np
import pytest

from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CaptureError, CaptureWarning

SIZE = (40, 32)


@pytest.fixture
def capture(tmp_path) -> Path:
    root = tmp_path / "capture"
    helpers.write_sphere_capture(root, 3, SIZE, depths=False, samples=1, background=255)
    return root


def deepen(path: Path, bits: int, gain: float = 1.0, suffix: str = ".png") -> None:
    """Store an image of 8 bits in the low bits of 16."""
    pixels = cv2.imread(str(path))
    assert pixels is not None
    path.unlink()
    levels = np.rint(pixels / 255.0 * gain * (2**bits - 1)).astype(np.uint16)
    assert cv2.imwrite(str(path.with_suffix(suffix)), levels)


def images(root: Path, frames: FrameRange | None = None) -> dict[tuple[str, int], np.ndarray]:
    capture = read_capture(root, frames=frames)
    return {(name, frame): capture.image(name, frame) for name in capture.cameras for frame in capture.frames}


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_low_bits_of_16_are_read_as_what_they_are(capture, bits, suffix):
    expected = images(capture)
    for path in capture.glob("images/*/*"):
        deepen(path, bits, suffix=suffix)
    with helpers.warns("low-bits", file=capture):
        found = images(capture)
    for place, image in expected.items():
        np.testing.assert_array_equal(found[place], image)


def test_all_16_bits_stay_as_they_are(capture):
    expected = images(capture)
    for path in capture.glob("images/*/*"):
        deepen(path, 16)
    with helpers.warns("sixteen-bit-images"):
        found = images(capture)
    for place, image in expected.items():
        np.testing.assert_array_equal(found[place], image)


@pytest.mark.parametrize("dark", ["images/*/000001.png", "images/*/000000.png", "images/01/*.png"])
@pytest.mark.filterwarnings("ignore:.*its samples end")
def test_a_dark_frame_or_camera_stays_dark(capture, dark):
    for path in capture.glob("images/*/*"):
        deepen(path, 12, gain=0.1 if path.match(dark) else 1.0)
    with helpers.warns("low-bits"):
        found = images(capture)
    for (name, frame), image in found.items():
        assert (image.max() > 250) != Path(f"images/{name}/{frame:06d}.png").match(dark)


def test_a_camera_that_may_have_fewer_bits_is_named(capture):
    for path in capture.glob("images/*/*"):
        deepen(path, 10 if path.parent.name == "01" else 12)
    with helpers.warns("dim-camera", camera="01"), helpers.warns("low-bits"):
        read_capture(capture)


def test_the_range_of_frames_does_not_matter(capture):
    for path in capture.glob("images/*/*"):
        deepen(path, 12, gain=1.0 if path.name == "000002.png" else 0.1)
    with warnings.catch_warnings(action="ignore", category=CaptureWarning):
        every, first = images(capture), images(capture, FrameRange(0, 1))
    for place, image in first.items():
        np.testing.assert_array_equal(image, every[place])


def test_images_of_8_bits_beside_those_of_12_stay_as_they_are(capture):
    expected = images(capture)
    for path in (capture / "images/01").iterdir():
        deepen(path, 12)
    with warnings.catch_warnings(action="ignore", category=CaptureWarning):
        found = images(capture)
    for place, image in expected.items():
        np.testing.assert_array_equal(found[place], image)


def test_the_background_is_scaled_like_the_images(capture):
    (capture / "backgrounds").mkdir()
    for path in capture.glob("images/*/000000.png"):
        (capture / "backgrounds" / f"{path.parent.name}.png").write_bytes(path.read_bytes())
    for path in [*capture.glob("images/*/*"), *capture.glob("backgrounds/*")]:
        deepen(path, 12)
    with warnings.catch_warnings(action="ignore", category=CaptureWarning):
        found = read_capture(capture)
        background = found.background("00")
        assert background is not None
        np.testing.assert_array_equal(background, found.image("00", 0))


def test_a_damaged_frame_that_is_not_asked_for_does_not_matter(capture):
    for path in capture.glob("images/*/*"):
        deepen(path, 12)
    (capture / "images/00/000002.png").write_bytes(b"damaged")
    with helpers.warns("low-bits"):
        read_capture(capture, frames=FrameRange(0, 1))


def test_other_layouts_share_the_rule(tmp_path):
    root = layouts.write_nerfstudio(tmp_path)
    with warnings.catch_warnings(action="ignore", category=CaptureWarning):
        expected = images(root)
        top = max(int(image.max()) for image in expected.values())
        for path in root.glob("images/*/*"):
            deepen(path, 12, gain=255 / top)
        found = images(root)
    for place, image in expected.items():
        np.testing.assert_allclose(found[place], image * (255 / top), atol=1)


def test_a_first_frame_of_8_bits_before_others_of_12(capture):
    expected = images(capture)
    for path in capture.glob("images/*/*"):
        if path.stem != "000000":
            deepen(path, 12)
    with helpers.warns("low-bits", file=capture):
        found = images(capture)
    for place, image in expected.items():
        np.testing.assert_array_equal(found[place], image)


def test_a_deep_frame_that_was_not_looked_at_is_refused(tmp_path):
    root = tmp_path / "capture"
    helpers.write_sphere_capture(root, 7, SIZE, depths=False, samples=1)
    deepen(root / "images/01/000001.png", 12)  # of seven frames, 0, 2, 3, 4 and 6 are looked at
    capture = read_capture(root)
    capture.image("01", 2)
    with helpers.refuses(CaptureError, "mixed-bits", file=root / "images/01/000001.png", camera="01"):
        capture.image("01", 1)
