"""The guided filter against linear regression in every window."""

import numpy as np
import pytest
import torch

from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.device_edges import device_coverage, device_guided_filter
from posegaussian.preparation.mattes.guided_filter import guided_filter
from posegaussian.preparation.mattes.soft_edge import soft_coverage
from posegaussian.preparation.mattes.window import Window


def on_tensors(guide, values, radius, epsilon):
    tensors = torch.from_numpy(guide).movedim(-1, 0), torch.from_numpy(values)
    return device_guided_filter(*tensors, radius, epsilon).numpy()


both = pytest.mark.parametrize("filtered", [guided_filter, on_tensors])


def regression(guide, values, radius, epsilon):
    """The filter as in the paper, window by window: ridge regression, then the mean of all windows at a pixel."""
    height, width = values.shape
    pad = [(radius, radius)] * 2
    wide_guide, wide = np.pad(guide, [*pad, (0, 0)], mode="symmetric"), np.pad(values, pad, mode="symmetric")
    size, models = 2 * radius + 1, np.zeros((height, width, 4))
    for y in range(height):
        for x in range(width):
            colours = wide_guide[y : y + size, x : x + size].reshape(-1, 3)
            known = wide[y : y + size, x : x + size].ravel()
            centred = colours - colours.mean(0)
            slope = np.linalg.solve(
                centred.T @ centred / len(known) + epsilon * np.eye(3), centred.T @ (known - known.mean()) / len(known)
            )
            models[y, x] = [*slope, known.mean() - slope @ colours.mean(0)]
    models = np.pad(models, [*pad, (0, 0)], mode="symmetric")
    means = np.array([[models[y : y + size, x : x + size].mean((0, 1)) for x in range(width)] for y in range(height)])
    return (means[..., :3] * guide).sum(-1) + means[..., 3]


@both
def test_equals_regression_in_windows(filtered):
    rng = np.random.default_rng(0)
    guide = rng.random((13, 17, 3)).astype(np.float32)
    values = rng.random((13, 17)).astype(np.float32)
    found = filtered(guide, values, 2, 1e-2)
    np.testing.assert_allclose(found, regression(guide.astype(float), values, 2, 1e-2), atol=2e-4)


@both
def test_edges_move_to_those_of_the_guide(filtered):
    guide = np.zeros((20, 40, 3), np.float32)
    guide[:, 20:] = [0.8, 0.5, 0.2]
    blurred = np.clip((np.arange(40, dtype=np.float32) - 15) / 10, 0, 1)
    found = filtered(guide, np.tile(blurred, (20, 1)), 6, 1e-4)
    assert found[10, 19] < 0.35 and found[10, 20] > 0.65
    assert blurred[20] - blurred[19] < 0.11


@pytest.mark.parametrize("size", [48, 200], ids=["finer", "coarser"])
def test_coverage_from_a_device_is_that_of_the_cpu(size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (120, 90, 3), np.uint8)
    image[30:100, 20:60] //= 4
    zeros = np.zeros(33, np.float32)
    person = Person(
        score=1.0,
        points=np.zeros((33, 3), np.float32),
        visibility=zeros,
        presence=zeros,
        crop=np.array([45, 60, 120, 0], np.float32),
        next_crop=np.array([45, 60, 120, 0], np.float32),
        matte=np.zeros((256, 256), np.uint8),
        box=np.array([10, 10, 80, 110], np.float32),
    )
    window = Window.around(image, person, size)
    assert window is not None
    logits = rng.normal(0, 2, (window.height, window.width)).astype(np.float32)
    found = device_coverage(window, torch.from_numpy(image), torch.from_numpy(logits)).numpy()
    expected = soft_coverage(window, logits)
    assert found.shape == expected.shape and found.dtype == np.uint8
    difference = abs(found.astype(int) - expected)
    assert difference.max() <= 2 and (difference > 0).mean() < 0.02
