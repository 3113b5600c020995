"""Each metric against an independent computation."""

import math

import cv2
import flip_evaluator
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from posegaussian.evaluation import metrics
from posegaussian.evaluation.similarity import similarity


@pytest.fixture
def images():
    truth = torch.from_numpy(gaussian_filter(np.random.rand(3, 48, 70), (0, 2, 2))).float()
    truth = (truth - truth.min()) / (truth.max() - truth.min())
    image = (truth + 0.05 * torch.randn_like(truth)).clamp(0, 1)
    return image, truth


def test_psnr_of_known_errors():
    truth = torch.full((3, 20, 30), 0.5)
    assert metrics.psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-4)
    assert metrics.psnr(truth + 0.01 * torch.sign(torch.randn(3, 20, 30)), truth) == pytest.approx(40.0, abs=1e-3)
    assert metrics.psnr(truth, truth) == math.inf


def test_psnr_of_noise():
    truth = torch.full((3, 200, 200), 0.5, dtype=torch.float64)
    assert metrics.psnr(truth + 0.02 * torch.randn(truth.shape), truth) == pytest.approx(
        -20 * math.log10(0.02), abs=0.05
    )


def test_an_affine_change_of_colours_is_fitted_away(images):
    truth = 0.2 + 0.6 * images[1]
    truth[:, :10] = 0  # the background
    matrix = torch.tensor([[0.7, 0.1, 0.0], [0.05, 0.8, 0.05], [0.0, 0.2, 0.6]])
    image = (torch.einsum("ij,jhw->ihw", matrix, truth) + 0.05) * (truth > 0)
    corrected = metrics.color_corrected(image, truth)
    assert metrics.psnr(image, truth) < 28 < 90 < metrics.psnr(corrected, truth)
    assert corrected[:, :10].max() == 0
    assert (metrics.color_corrected(torch.zeros_like(truth), truth) == 0).all()
    grey = truth.mean(0, keepdim=True).expand(3, -1, -1)
    assert metrics.psnr(metrics.color_corrected(0.5 * grey, grey), grey) > 90, "grey has one colour to fit, not three"


def test_ssim_is_the_gaussian_window_one(images):
    """Wang et al.'s formula with scipy's filter."""
    x, y = (t.numpy().astype(np.float64) for t in images)

    def blur(values):
        return gaussian_filter(values, (0, 1.5, 1.5), truncate=5 / 1.5, mode="mirror")

    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    expected = ((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean()
    assert expected < 0.95
    assert metrics.ssim(*images) == pytest.approx(expected, abs=1e-5)


def test_ssim_of_equal_and_of_tiny_images(images):
    assert metrics.ssim(images[1], images[1]) == pytest.approx(1.0, abs=1e-6)
    assert metrics.ssim(torch.rand(3, 11, 11), torch.rand(3, 11, 11)) < 1
    assert math.isnan(metrics.ssim(torch.rand(3, 10, 40), torch.rand(3, 10, 40)))


def test_flip_equals_what_its_own_reader_makes_of_files(images, tmp_path):
    """The package reads the images itself: channel order, range, layout and colour space cannot be mistaken."""
    images = [(t * 255).round() / 255 for t in images]
    paths = [str(tmp_path / name) for name in ("image.png", "truth.png")]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, (image.permute(1, 2, 0).flip(-1) * 255).round().byte().numpy())
    expected = flip_evaluator.evaluate(paths[1], paths[0], "LDR")[1]
    assert expected > 0.01
    assert metrics.flip(*images) == pytest.approx(expected, abs=5e-5)


def test_flip_of_each_pixel_is_that_of_its_authors(images):
    """Also on black, at the border, and for dark and bright images."""
    image, truth = images
    truth = truth.clone()
    truth[:, :12], truth[:, :, 50:] = 0, 0
    for scale in (0.1, 0.5, 1.0):
        first, second = (np.ascontiguousarray((scale * each).permute(1, 2, 0).numpy()) for each in (truth, image))
        errors = flip_evaluator.evaluate(first, second, "LDR", inputsRGB=True, applyMagma=False)[0]
        expected = np.asarray(errors)[..., 0]
        found = metrics.flip_map(scale * image, scale * truth).numpy()
        assert expected.max() > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-3)
        assert found.mean() == pytest.approx(expected.mean(), abs=2e-5)


def test_ssim_is_that_of_the_training_losses(images):
    image, truth = images
    expected = similarity(image[None], truth[None])[0].mean(0)
    np.testing.assert_allclose(metrics.ssim_map(image, truth).numpy(), expected.numpy(), atol=1e-3)
    assert metrics.ssim(image, truth) == pytest.approx(float(expected.mean()), abs=1e-5)


def test_flip_of_equal_and_of_opposite_images(images):
    assert metrics.flip(images[1], images[1]) == 0
    assert metrics.flip(torch.zeros(3, 40, 40), torch.ones(3, 40, 40)) > 0.9


def test_disparity_errors_are_those_at_1024():
    truth = np.full((10,), 20.0, np.float32)
    found = truth + np.array([0.1] * 5 + [-0.5] * 5, np.float32)
    assert metrics.end_point_error(found, truth, 256) == pytest.approx((0.4 + 2.0) / 2, rel=1e-5)
    assert metrics.rate_below_one(found, truth, 256) == 0.5
    assert math.isnan(metrics.end_point_error(truth[:0], truth[:0], 256))
    assert math.isnan(metrics.rate_below_one(truth[:0], truth[:0], 256))
