"""Dark images made brighter."""

import numpy as np
import pytest
import torch

from posegaussian.pose.brightness import brightened


def image(brightness, seed=0):
    """One image of this mean brightness, with colours."""
    values = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(seed)) + 0.1
    return brightness * values / values.mean()


def test_images_that_are_not_dark_stay_as_they_are():
    images = torch.stack([image(0.11), image(0.5)])
    assert torch.equal(brightened(images), images)


def test_dark_images_become_brighter_each_by_its_own_gain():
    images = torch.stack([image(0.02), image(0.05), image(0.3)])
    found = brightened(images)
    np.testing.assert_allclose(found.mean((1, 2, 3)), [0.1, 0.1, 0.3], rtol=1e-5)
    np.testing.assert_allclose(found[0] / images[0], 5.0, rtol=1e-5)


def test_the_gain_is_at_most_eight():
    np.testing.assert_allclose(brightened(image(0.001)[None]).mean(), 0.008, rtol=1e-5)


def test_black_pixels_do_not_count():
    framed = torch.zeros(1, 3, 60, 30)
    framed[0, :, 20:40] = image(0.2)
    assert torch.equal(brightened(framed), framed)


def test_white_is_the_limit():
    lamp = image(0.02)
    lamp[:, 0, 0] = 0.9
    assert brightened(lamp[None]).max() == 1


@pytest.mark.parametrize("value", [0.0, 1e-30])
def test_a_black_image_stays_black(value):
    assert brightened(torch.full((1, 3, 4, 4), value)).max() < 1e-20
