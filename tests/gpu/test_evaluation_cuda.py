"""Metrics on a GPU: those of the CPU."""

import numpy as np
import pytest
import torch

from posegaussian.evaluation.filters import separable
from posegaussian.evaluation.metrics import flip_map, ssim_map
from posegaussian.evaluation.temporal import motions

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def ripples(shift, speed=0.3):
    y, x = np.mgrid[:256, :256]
    waves = 120 + 60 * np.sin(speed * (x - shift)) * np.cos(0.2 * y)
    grey = np.where(np.hypot(x - shift - 128, y - 128) < 90, waves, 0)
    return np.stack([grey, 0.9 * grey, 0.8 * grey], -1).astype(np.uint8)


def test_motion_errors():
    """The second call replays the graph of the first."""
    for shift in (0, 3):
        truth = ripples(shift), ripples(shift + 2)
        images = [(ripples(shift), ripples(shift + 1)), (ripples(shift, 0.29), ripples(shift + 2, 0.31))]
        expected, found = (motions(truth, images, device) for device in ("cpu", "cuda"))
        for ours, theirs in zip(found, expected, strict=True):
            assert theirs.errors.flow > 0.05
            assert theirs.errors.squares > 1000
            np.testing.assert_allclose(ours.errors, theirs.errors, rtol=1e-3)


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_filters(padding):
    image, line = torch.rand(3, 301, 217), torch.linspace(0.1, 1, 21, dtype=torch.float64)
    expected, found = (separable(each, line, line.flip(0), padding) for each in (image, image.cuda()))
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("metric", [ssim_map, flip_map])
def test_maps(metric):
    image, truth = (torch.from_numpy(ripples(0, speed)).movedim(-1, 0) / 255 for speed in (0.3, 0.31))
    expected, found = metric(image, truth), metric(image.cuda(), truth.cuda())
    assert expected.std() > 0.01
    assert float((found.cpu() - expected).abs().max()) < 2e-3
    assert float(found.mean()) == pytest.approx(float(expected.mean()), rel=1e-4)
