"""Noise is smooth, spread and seeded."""

import numpy as np

from posegaussian.synthetic.mesh.textures import noise


def test_noise_is_smooth_spread_and_seeded():
    points = np.random.default_rng(0).uniform(-1, 1, (4000, 3))
    values = noise(points, 0.05, 3)
    assert values.min() > -1 and values.max() < 1 and values.std() > 0.2 and abs(values.mean()) < 0.05
    assert abs(noise(points + 1e-7, 0.05, 3) - values).max() < 1e-4
    assert abs(np.corrcoef(values, noise(points, 0.05, 4))[0, 1]) < 0.1
