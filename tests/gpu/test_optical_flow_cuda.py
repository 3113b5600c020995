"""Optical flow as a CUDA graph: that of OpenCV on the CPU."""

import numpy as np
import pytest
import torch

from posegaussian.evaluation.optical_flow import optical_flow

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def test_the_flow_is_that_of_the_cpu():
    y, x = np.mgrid[:256, :256]
    frames = []
    for shift in (0, 2, 3):
        ripples = 120 + 60 * np.sin(0.3 * (x - shift)) * np.cos(0.2 * y)
        frames.append(np.where(np.hypot(x - shift - 128, y - 128) < 90, ripples, 0).astype(np.uint8))
    for pair in (frames[:2], frames[1:]):  # the second call replays the graph of the first
        expected = optical_flow(*pair)
        assert np.linalg.norm(expected, axis=-1)[100:150, 100:150].mean() > 0.5
        assert np.abs(optical_flow(*pair, "cuda") - expected).max() < 1e-2
