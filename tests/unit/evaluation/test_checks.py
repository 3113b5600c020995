"""Checks of pairs, against rows, delays and colours that are known."""

import numpy as np
import pytest
from rectified_disc import write_captures

from posegaussian.evaluation.checks import color_change, pair_checks, time_offset
from posegaussian.io import store

FRAMES = np.arange(12)


def rows(times):
    """Rows of three joints that move up and down, pixels, in views of these times."""
    return 500 + 40 * np.sin(0.8 * times[:, None] + np.arange(3.0))


def seen(late: float, noise: float = 0.0):
    """Differences and means of the rows of two views, the right one late and its rows shifted by a calibration."""
    random = np.random.default_rng(0)
    left, right = rows(FRAMES), rows(FRAMES - late) + 3.0
    right = right + noise * random.standard_normal(right.shape)
    return left - right, (left + right) / 2


@pytest.mark.parametrize("late", [0.0, 0.3, -0.5])
def test_a_late_camera_is_found_by_joints_that_move(late):
    found = time_offset(*seen(late), FRAMES)
    assert found is not None
    assert found[0] == pytest.approx(late, abs=0.15 * abs(late) + 1e-9)


def test_noise_is_in_the_standard_error():
    found = time_offset(*seen(0.0, noise=4.0), FRAMES)
    assert found is not None
    assert abs(found[0]) < 3 * found[1]
    assert found[1] == pytest.approx(4.0 / np.sqrt(30 * 0.5) / (40 * np.sin(0.8)), rel=0.4)


def test_nobody_moves_or_too_few_frames_say_nothing_about_time():
    still = np.full((12, 3), 7.0)
    assert time_offset(np.zeros((12, 3)), still, FRAMES) is None
    assert time_offset(*(each[:3] for each in seen(0.3)), FRAMES[:3]) is None
    assert time_offset(*seen(0.3), np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20])) is None


def test_a_gain_changes_colours():
    assert color_change(np.eye(3, 4)) == pytest.approx(0, abs=1e-6)
    brighter = np.diag([1.0, 1.0, 1.2]) @ np.eye(3, 4)
    assert color_change(brighter) == pytest.approx(1.2 ** (1 / 2.4) - 1, abs=0.01)


def test_a_pair_of_a_store(tmp_path):
    rectified, heatmaps = write_captures(tmp_path)
    with store.open_checked(rectified, store.RECTIFIED) as source, store.open_checked(heatmaps, store.HEATMAPS) as pose:
        found = pair_checks(source, pose, 0)
        without = pair_checks(source, None, 0)
    assert found.names == ("00", "01")
    assert found.joints == pytest.approx(0.9)
    assert found.rows == pytest.approx(0, abs=1e-3), "both views have the joints in the same rows"
    assert (without.joints, without.rows, without.late) == (None, None, None)
