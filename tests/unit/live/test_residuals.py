"""Residuals of the calibration: known row offsets are measured, noise is not, and growth is a warning."""

import numpy as np
import pytest
import torch

from posegaussian.live.residuals import ResidualWatch, row_offset
from posegaussian.types import Camera, StereoPair

SIZE = 512


def pair(offset=0.0, noise=0.0, seed=0, score=0.9):
    """A pair whose left joints lie lower by `offset` pixels."""
    rng = np.random.default_rng(seed)
    keypoints = np.repeat(rng.uniform(100, 400, (1, 1, 17, 2)), 2, axis=1)
    keypoints[0, 0, :, 1] += offset
    keypoints += noise * rng.standard_normal(keypoints.shape)
    camera = Camera(torch.eye(3).repeat(1, 2, 1, 1), torch.eye(4).repeat(1, 2, 1, 1), SIZE, SIZE)
    images = torch.zeros(1, 2, 3, SIZE, SIZE)
    scores = torch.full((1, 2, 17), score)
    return StereoPair(images, images[:, :, :1], camera, keypoints=torch.from_numpy(keypoints).float(), scores=scores)


def test_the_offset_of_rows_is_measured_at_1024_pixels():
    assert row_offset(pair(1.5)) == pytest.approx(3.0, abs=1e-3)
    assert row_offset(pair(-1.5)) == pytest.approx(-3.0, abs=1e-3)


def test_joints_that_are_not_seen_count_nothing():
    assert row_offset(pair(1.5, score=0.3)) is None


def watch(offsets, noise=3.0):
    found = ResidualWatch()
    for seed, offset in enumerate(offsets):
        found.add(pair(offset, noise, seed))
    return found.residual()


def test_the_first_frames_say_how_well_the_calibration_fits():
    assert watch([1.0] * 10).first is None
    assert watch([1.0] * 40).first == pytest.approx(2.0, abs=0.8)


def test_a_camera_that_is_knocked_is_noticed_and_noise_is_not():
    assert not watch([0.5] * 300).moved
    assert watch([0.5] * 60 + [2.5] * 60).moved
    assert watch([0.5] * 60 + [-1.5] * 60).moved
