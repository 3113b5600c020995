"""Maps land where the box transform says, to a tenth of a pixel."""

import numpy as np
import pytest

from posegaussian.pose.heatmaps import STRIDE, resample_maps


def gaussian(rows, columns, x, y, sigma=2.0):
    down, across = np.mgrid[:rows, :columns]
    return np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * sigma**2))


def centroid(placed):
    """In image pixels, centres at +0.5."""
    down, across = STRIDE * (np.mgrid[: placed.shape[0], : placed.shape[1]] + 0.5)
    return np.array([(across * placed).sum(), (down * placed).sum()]) / placed.sum()


@pytest.mark.parametrize(("width", "height"), [(256, 256), (640, 384), (388, 1020)])
@pytest.mark.parametrize("extent", [0.31, 0.74, 0.97])
def test_a_gaussian_of_the_box_frame_lands_at_its_pixel(width, height, extent):
    rng = np.random.default_rng(1)
    for _ in range(10):
        rows, columns = 64, 48
        pitch = np.full(2, extent * min(width / columns, height / rows))
        room = np.array([width, height]) - pitch * [columns, rows]
        first = rng.uniform(0, room) + pitch / 2
        cell = rng.uniform([10, 10], [columns - 11, rows - 11])
        placed = resample_maps(gaussian(rows, columns, *cell)[None], first, pitch, width, height)
        assert placed.shape == (1, height // STRIDE, width // STRIDE)
        np.testing.assert_allclose(centroid(placed[0]), first + pitch * cell, atol=0.1)


def test_equal_grids_copy():
    maps = np.random.default_rng(0).random((3, 16, 12))
    placed = resample_maps(maps, np.array([2.0, 2.0]), np.array([4.0, 4.0]), 48, 64)
    np.testing.assert_allclose(placed, maps, atol=1e-6)


def test_linear_between_samples_and_zero_beyond():
    maps = np.tile(np.arange(1.0, 5.0), (1, 8, 1))
    placed = resample_maps(maps, np.array([4.0, 2.0]), np.array([8.0, 4.0]), 64, 32)
    # Cell centres lie at 2, 6, 10, ...; the samples 1, 2, 3, 4 at 4, 12, 20, 28.
    expected = [0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 3.0, 1.0] + [0.0] * 7
    np.testing.assert_allclose(placed[0], np.tile(expected, (8, 1)), atol=1e-6)


def test_nothing_falls_between_samples_when_the_map_is_finer():
    maps = np.zeros((1, 64, 64))
    maps[0, 31, 30] = 1.0
    placed = resample_maps(maps, np.array([100.5, 60.5]), np.array([1.0, 1.0]), 256, 256)
    np.testing.assert_allclose(placed.sum(), 1 / STRIDE**2, rtol=1e-6)
    np.testing.assert_allclose(centroid(placed[0]), [130.5, 91.5], atol=1e-4)
