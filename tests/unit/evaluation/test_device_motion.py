"""Motion errors as a GPU computes them, computed on the CPU: NumPy and OpenCV are the independent reference."""

import cv2
import numpy as np
import pytest
import torch

from posegaussian.evaluation.device_motion import MotionErrors, errors_of
from posegaussian.evaluation.temporal import ImageMotion, Motion


def frames_of(steps, seed, noise=0.0):
    """A textured disc that moves and grows a little, on black."""
    random = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(random.integers(0, 255, (192, 160, 3)).astype(np.uint8), (0, 0), 2.5)
    found = []
    for shift in steps:
        matrix = np.array([[1 + 0.002 * shift, 0, shift], [0, 1, 0.5 * shift]])
        levels = cv2.warpAffine(texture, matrix, (160, 192)).astype(float) + random.normal(0, noise, texture.shape)
        y, x = np.mgrid[:192, :160]
        shown = np.hypot(x - 70 - shift, (y - 96 - 0.5 * shift) / 1.5) < 45
        found.append((levels.clip(1, 255) * shown[..., None]).astype(np.uint8))
    return tuple(found)


def test_they_are_those_of_the_cpu():
    truth = frames_of((0, 2.3), seed=0)
    images = [frames_of((0, 2.3), seed=0, noise=9), frames_of((0, 1.0), seed=0)]
    (found,) = errors_of(*(torch.from_numpy(frame) for frames in (truth, *images) for frame in frames))
    for values, frames in zip(found.tolist(), images, strict=True):
        expected = ImageMotion(Motion(*frames), Motion(*truth)).errors
        errors = MotionErrors(*values)
        assert expected.flow > 0.01
        assert expected.squares > 1000
        assert errors.flow == pytest.approx(expected.flow, rel=1e-4)
        assert errors.squares == pytest.approx(expected.squares, rel=1e-4)
        assert errors.pixels == pytest.approx(expected.pixels, rel=1e-4)


def test_nobody_has_no_pixels():
    black = torch.zeros(64, 64, 3, dtype=torch.uint8)
    (found,) = errors_of(*[black] * 4)
    assert found.tolist() == [[0, 0, 0]]
