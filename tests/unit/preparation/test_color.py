"""Colour matching, on a painted wall that two cameras see through exact homographies, with gains that are known."""

from pathlib import Path

import cv2
import h5py
import helpers
import numpy as np
import pytest

from posegaussian.captures.reading import read_capture
from posegaussian.config import RectifySettings
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.preparation.color import apply_gain, estimate_gains, srgb_to_linear

GAINS = {"00": (0.9, 0.75, 0.6), "01": (0.7, 0.8, 0.95), "02": (0.85, 0.7, 0.8)}
SIZE = (320, 256)


def wall() -> np.ndarray:
    """Blobs of all colours, linear light."""
    rng, picture = np.random.default_rng(3), np.full((600, 600, 3), 0.3, np.float32)
    for _ in range(900):
        centre, radius = rng.integers(0, 600, 2), int(rng.integers(6, 22))
        cv2.circle(picture, (int(centre[0]), int(centre[1])), radius, tuple(rng.uniform(0.08, 0.8, 3).tolist()), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1.0)


def srgb(light: np.ndarray) -> np.ndarray:
    """Linear light as 8 bits, spelled out once more."""
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve.clip(0, 1)).astype(np.uint8)


def write_wall(root: Path, azimuths: dict[str, float]) -> None:
    """The wall x = 0 (y and z within 1 m of the centre), each camera with its own gain; the masks leave a margin."""
    picture = wall()
    corners = np.array([(0, -1, 1), (0, 1, 1), (0, 1, -1), (0, -1, -1)], dtype=float) + helpers.CENTRE
    lenses = {name: helpers.lens(azimuth, size=SIZE, zoom=1.6) for name, azimuth in azimuths.items()}
    for name, lens in lenses.items():
        seen = lens.project(corners).astype(np.float32)
        turn = cv2.getPerspectiveTransform(np.array([(0, 0), (599, 0), (599, 599), (0, 599)], np.float32), seen)
        for kind, values in (("images", picture * np.float32(GAINS[name])), ("masks", np.ones((600, 600), np.float32))):
            drawn = cv2.warpPerspective(values, turn, SIZE, flags=cv2.INTER_AREA)
            (root / kind / name).mkdir(parents=True)
            drawn = srgb(drawn)[..., ::-1] if kind == "images" else np.rint(255 * drawn).astype(np.uint8)
            if kind == "masks":
                drawn = np.pad(drawn[4:-4, 4:-4], 4)  # no person covers the border of an image
            cv2.imwrite(str(root / kind / name / "000000.png"), drawn)
    helpers.write_calibration(root, lenses)


@pytest.mark.parametrize("azimuths", [(-11, 11), (-25, 5)])
def test_known_gains_are_recovered(tmp_path, azimuths):
    write_wall(tmp_path / "c", dict(zip(GAINS, azimuths, strict=False)))
    gains = estimate_gains(read_capture(tmp_path / "c"), [("00", "01")], [0])
    expected = np.array(GAINS["01"]) / np.array(GAINS["00"])
    np.testing.assert_allclose(gains["00"] / gains["01"], expected, rtol=0.02)
    np.testing.assert_allclose(gains["00"] * gains["01"], 1, atol=1e-9)


def test_gains_spread_over_a_chain_of_pairs(tmp_path):
    write_wall(tmp_path / "c", {"00": -20, "01": 0, "02": 20})
    gains = estimate_gains(read_capture(tmp_path / "c"), [("00", "01"), ("01", "02")], [0])
    for first, second in (("00", "01"), ("01", "02"), ("00", "02")):
        expected = np.array(GAINS[second]) / np.array(GAINS[first])
        np.testing.assert_allclose(gains[first] / gains[second], expected, rtol=0.02)


def test_a_gain_can_be_undone():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    gain = np.array([0.8, 1.0, 1.1])
    light = srgb_to_linear(np.rint(apply_gain(levels, gain)).astype(np.uint8)) / gain
    kept = (levels < 240) & (levels > 20)
    assert abs(srgb(light).astype(int) - levels)[kept].max() <= 2
    np.testing.assert_allclose(apply_gain(levels, np.ones(3)), levels, atol=1e-3)


def test_rectified_pictures_match_and_the_file_tells_the_gains(tmp_path):
    write_wall(tmp_path / "c", {"00": -11, "01": 11})
    pictures, gains = {}, {}
    for color in ("off", "auto"):
        rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(128, 128), color=color))
        with h5py.File(tmp_path / "c.h5") as file:
            pictures[color], masks = file["sources/images"][0, 0], file["sources/masks"][0, 0]
            gains[color] = file["sources/original/gains"][0]
    np.testing.assert_array_equal(gains["off"], 1)
    expected = np.array(GAINS["01"]) / np.array(GAINS["00"])
    np.testing.assert_allclose(gains["auto"][0] / gains["auto"][1], expected, rtol=0.02)

    def mismatch(images: np.ndarray) -> float:
        means = [srgb_to_linear(image)[mask == 255].mean(0) for image, mask in zip(images, masks, strict=True)]
        return float(abs(means[0] / means[1] - 1).max())

    assert mismatch(pictures["off"]) > 0.2
    assert mismatch(pictures["auto"]) < 0.03


def test_rendered_captures_keep_their_colours(tmp_path):
    helpers.write_sphere_capture(tmp_path / "c", frames=1, size=(64, 48), samples=1)
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(48, 48)))
    with h5py.File(tmp_path / "c.h5") as file:
        np.testing.assert_array_equal(file["sources/original/gains"], 1)
        np.testing.assert_array_equal(file["targets/gains"], 1)


def test_cameras_that_share_nothing_keep_their_colours(tmp_path):
    write_wall(tmp_path / "c", {"00": -11, "01": 11})
    for name in ("00", "01"):
        cv2.imwrite(str(tmp_path / f"c/images/{name}/000000.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    gains = estimate_gains(read_capture(tmp_path / "c"), [("00", "01")], [0])
    np.testing.assert_array_equal(np.stack(list(gains.values())), 1)
