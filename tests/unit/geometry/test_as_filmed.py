"""Images as filmed near a matte: within the band, and nowhere else."""

import pytest
import torch

from posegaussian.geometry.as_filmed import near_matte
from posegaussian.geometry.compositing import BAND

SIZE, RADIUS = 128, 30


@pytest.mark.parametrize("band", [BAND, 0.2])
def test_images_are_as_filmed_in_the_band_and_black_beyond(band):
    at = torch.arange(SIZE) + 0.5 - SIZE / 2
    away = (at.square() + at[:, None].square()).sqrt() - RADIUS
    mattes, images = (0.5 - away).clamp(0, 1).expand(2, -1, -1), torch.rand(2, 3, SIZE, SIZE) + 0.01
    near, width = near_matte(images, mattes, band), band * 2 * RADIUS
    assert torch.equal(near[..., away < width - 5], images[..., away < width - 5])
    assert not near[..., away > width + 5].any()


def test_without_a_person_all_is_black():
    assert not near_matte(torch.ones(1, 3, 32, 32), torch.zeros(1, 32, 32)).any()
