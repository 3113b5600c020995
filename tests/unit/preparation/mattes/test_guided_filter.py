"""The guided filter against linear regression in every window."""

import numpy as np

from posegaussian.preparation.mattes.guided_filter import guided_filter


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


def test_equals_regression_in_windows():
    rng = np.random.default_rng(0)
    guide = rng.random((13, 17, 3)).astype(np.float32)
    values = rng.random((13, 17)).astype(np.float32)
    found = guided_filter(guide, values, 2, 1e-2)
    np.testing.assert_allclose(found, regression(guide.astype(float), values, 2, 1e-2), atol=2e-4)


def test_edges_move_to_those_of_the_guide():
    guide = np.zeros((20, 40, 3), np.float32)
    guide[:, 20:] = [0.8, 0.5, 0.2]
    blurred = np.clip((np.arange(40, dtype=np.float32) - 15) / 10, 0, 1)
    found = guided_filter(guide, np.tile(blurred, (20, 1)), 6, 1e-4)
    assert found[10, 19] < 0.35 and found[10, 20] > 0.65
    assert blurred[20] - blurred[19] < 0.11
