"""Pictures of another size than their calibration: what is repaired, and where a known pixel goes."""

from pathlib import Path

import helpers
import numpy as np
import pytest

from posegaussian.captures.calibration import Calibration, checked_camera
from posegaussian.errors import CalibrationError

MADE = 272, 480
"""Width and height that the intrinsics are for."""
PIXEL = np.array([200.5, 100.5, 1.0])
"""A place in such a picture."""


def calibration() -> Calibration:
    matrix = np.array([[400.0, 0, 136], [0, 400, 240], [0, 0, 1]])
    return Calibration(matrix, np.zeros(5), np.eye(3), np.zeros(3), Path("calib.toml"), MADE)


def seen_at(picture: np.ndarray) -> np.ndarray:
    """Where the camera of such pictures sees the point that the calibrated camera sees at PIXEL."""
    point = np.linalg.solve(calibration().matrix, PIXEL)
    return (checked_camera(calibration(), "00", picture).intrinsics @ point)[:2]


def grey(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 120, np.uint8)


def test_the_same_size_changes_nothing():
    np.testing.assert_allclose(seen_at(grey(*MADE)), PIXEL[:2], atol=1e-9)


@pytest.mark.parametrize("size, bars", [((170, 480), (0, 90)), ((400, 480), (64, 0))])
def test_black_bars_are_left_out(size, bars):
    fit = min(size[0] / MADE[0], size[1] / MADE[1])
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[bars[1] : size[1] - bars[1], bars[0] : size[0] - bars[0]] = 120
    with helpers.warns("letterboxed-images", file="calib.toml", camera="00"):
        np.testing.assert_allclose(seen_at(picture), fit * PIXEL[:2] + bars, atol=0.51)


def test_a_resized_picture_scales_the_intrinsics():
    with helpers.warns("scaled-intrinsics", file="calib.toml", camera="00"):
        np.testing.assert_allclose(seen_at(grey(136, 240)), PIXEL[:2] / 2, atol=1e-9)


def test_a_codecs_padding_lies_at_the_right_and_below():
    with helpers.warns("padded-images", file="calib.toml", camera="00"):
        np.testing.assert_allclose(seen_at(grey(270, 480)), PIXEL[:2], atol=1e-9)


def test_another_shape_is_refused():
    with helpers.refuses(CalibrationError, "wrong-image-size", file="calib.toml", camera="00"):
        seen_at(grey(480, 272))
