"""The values are those of the whole crops, whichever part of the person they hold."""

import numpy as np
import pytest
import torch

from posegaussian.evaluation import comparison, metrics
from posegaussian.evaluation.comparison import Comparison, load_image_metrics

PSNR, SSIM, FLIP = (load_image_metrics({"lpips_weights": None})[name] for name in ("psnr", "ssim", "flip"))
CROPS = {
    "everything": (slice(0, 150), slice(0, 140)),
    "all of the person": (slice(20, 120), slice(10, 110)),
    "the person's box": (slice(50, 90), slice(40, 80)),
    "through the person": (slice(55, 70), slice(10, 60)),
    "just beside the person": (slice(91, 150), slice(0, 140)),
    "black": (slice(110, 150), slice(100, 140)),
    "less than the reach": (slice(60, 71), slice(50, 61)),
    "at the image's border": (slice(0, 60), slice(0, 140)),
}


def person(top=50, left=40):
    image = torch.zeros(3, 150, 140)
    image[:, top : top + 40, left : left + 40] = torch.rand(3, 40, 40)
    return image


@pytest.mark.parametrize("crop", CROPS.values(), ids=CROPS)
@pytest.mark.parametrize("corner", [(50, 40), (0, 0), (110, 100)])
def test_the_values_are_those_of_the_crops(crop, corner):
    image, truth = person(*corner), person(*corner)
    compared = Comparison(image, truth)
    whole = image[:, *crop], truth[:, *crop]
    assert compared.value(PSNR, crop) == metrics.psnr(*whole)
    assert compared.value(SSIM, crop) == pytest.approx(metrics.ssim(*whole), abs=1e-7)
    assert compared.value(FLIP, crop) == pytest.approx(metrics.flip(*whole), abs=1e-9)


def test_one_pixel_reaches_less_far_than_assumed():
    truth = torch.zeros(3, 81, 81)
    image = truth.clone()
    image[:, 40, 40] = 1
    for values in (metrics.flip_map(image, truth), 1 - metrics.ssim_map(image, truth)):
        reached = np.abs(np.argwhere(values.numpy() != 0) - 40)
        assert 4 < reached.max() < comparison.REACH


def test_black_images_are_equal():
    compared = Comparison(torch.zeros(3, 40, 40), torch.zeros(3, 40, 40))
    assert compared.value(FLIP, (slice(0, 40), slice(0, 40))) == 0
    assert compared.value(SSIM, (slice(0, 40), slice(0, 40))) == 1
    assert np.isnan(compared.value(SSIM, (slice(0, 40), slice(0, 10))))
