"""The person cut out of an image: the compiled estimate against the same formulas in NumPy and OpenCV."""

import cv2
import numpy as np
import pytest

from posegaussian.preparation.mattes.compositing import BACKGROUND_REACH, FALLBACK, PURITY, without_background


def formulas(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Premultiplied colours by `a F = I - (1 - a) B`, B being the weighted mean of the pixels nearby."""
    coverage = mask[..., None] / np.float32(255)
    side = 2 * BACKGROUND_REACH + 1
    weight = np.where(coverage < 1, (1 - coverage) ** PURITY, np.float32(0))
    means = [cv2.blur(each, (side, side)) for each in (weight[..., 0], weight * image)]
    background = (means[1] + FALLBACK * image) / (means[0][..., None] + FALLBACK)
    return np.where(mask[..., None] > 0, np.clip(image - (1 - coverage) * background, 0, coverage), 0)


@pytest.mark.parametrize("levels", [(0, 0, 0, 255, 255, 128, 7), (0, 255), (40, 255), (0, 60)])
@pytest.mark.parametrize("shape", [(31, 23), (64, 64), (4, 9)])
def test_colours_are_those_of_the_formulas(shape, levels):
    random = np.random.default_rng(1)
    image, mask = random.integers(0, 256, (*shape, 3)).astype(np.uint8), random.choice(levels, shape).astype(np.uint8)
    found = without_background(image, mask)
    np.testing.assert_allclose(found[..., :3], formulas(image * np.float32(1 / 255), mask), atol=1e-6)
    np.testing.assert_array_equal(found[..., 3], mask / np.float32(255))
    np.testing.assert_array_equal(without_background(image * np.float32(1 / 255), mask), found)
