"""The flow in torch operations: OpenCV is the independent reference."""

import cv2
import numpy as np
import pytest
import torch

from posegaussian.evaluation.farneback import farneback
from posegaussian.evaluation.optical_flow import optical_flow


def textured(height, width, seed=0):
    noise = np.random.default_rng(seed).integers(0, 255, (height, width)).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def flows_of(previous, current):
    """There and back."""
    images = torch.from_numpy(np.stack([previous, current])).float()
    return farneback(images, [(0, 1), (1, 0)]).movedim(1, -1).numpy()


@pytest.mark.parametrize(("height", "width"), [(256, 320), (129, 203), (60, 90), (40, 33)])
def test_the_flow_of_torch_is_that_of_opencv(height, width):
    """Sizes that halve exactly and others; the pyramids have 4, 3, 1 and 1 levels, and pixels leave the image."""
    previous = textured(height, width)
    matrix = np.array([[1.01, 0.02, 1.5], [-0.02, 0.99, 2.5]])
    current = np.asarray(cv2.warpAffine(previous, matrix, (width, height), borderMode=cv2.BORDER_REFLECT))
    both = flows_of(previous, current)
    for found, (first, second) in zip(both, [(previous, current), (current, previous)], strict=True):
        expected = cv2.calcOpticalFlowFarneback(first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0)
        assert np.linalg.norm(expected, axis=-1).mean() > 1
        assert np.abs(found - expected).max() < 1e-3


def test_a_person_who_fills_a_part_of_the_image_moves_as_in_torch():
    frames = []
    for shift in (0, 3):
        frames.append(np.zeros((256, 256), np.uint8))
        frames[-1][60:200, 90 + shift : 150 + shift] = textured(140, 60, seed=1)
    whole, _ = flows_of(*frames)
    found = optical_flow(*frames)
    assert found[90:170, 105:140, 0].mean() == pytest.approx(3, abs=0.3)
    assert np.abs(found - whole).max() < 1e-3
