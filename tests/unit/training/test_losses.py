import pytest
import torch

from posegaussian.evaluation.similarity import similarity
from posegaussian.training.losses.disparity import end_point_error, sequence_loss
from posegaussian.training.losses.image import box_psnr, gradient_loss, image_loss
from posegaussian.training.losses.temporal import temporal_change
from posegaussian.training.losses.uncertain import certain_colors, uncertain_pixels


def test_only_known_disparities_count():
    truth = torch.zeros(1, 2, 4, 4)
    valid = torch.zeros_like(truth)
    valid[0, 0, 0, :2] = 1
    guess = torch.full_like(truth, 99.0)
    guess[0, 0, 0, 0], guess[0, 0, 0, 1] = 1.0, -2.0
    assert end_point_error(guess, truth, valid) == 1.5
    assert end_point_error(guess, truth, 0 * valid) == 0


def test_later_estimates_count_more():
    truth, valid = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2)
    gamma = 0.9 ** (15 / 2)
    loss = sequence_loss((truth + 1, truth + 2, truth + 4), truth, valid)
    assert torch.allclose(loss, torch.tensor(gamma**2 + 2 * gamma + 4))


def test_equal_images_cost_nothing_and_errors_count_by_the_persons_area():
    target, mask = torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    target = target + 0.5 * mask
    assert image_loss(target, target, mask) < 1e-6
    off = target + 0.1 * mask
    small = image_loss(off, target, mask)
    assert 0.08 <= small < 0.3
    wide = torch.nn.functional.pad(mask, (32, 32, 32, 32))
    padded, aim = (torch.nn.functional.pad(x, (32,) * 4) for x in (off, target))
    assert torch.allclose(image_loss(padded, aim, wide), small, rtol=1e-3)


def test_psnr_inside_the_box():
    target, mask = torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 20)
    mask[0, 0, 5, 4], mask[0, 0, 14, 9] = 1, 1
    image = torch.ones_like(target)
    image[..., 5:15, 4:10] = 0.1
    assert box_psnr(image, target, mask).item() == pytest.approx(20.0, abs=1e-3)


def test_only_a_change_of_the_error_costs():
    known = torch.ones(4, 1, 2, 2)
    steady = torch.tensor([1.0, 1.0, -2.0, -2.0])[:, None, None, None].expand(4, 1, 2, 2)
    assert temporal_change(steady, known, frames=2) == 0
    assert temporal_change(steady, known, frames=4) == 1
    assert temporal_change(steady, known, frames=1) == 0
    half = known.clone()
    half[1, :, 0] = 0
    changing = torch.arange(4.0)[:, None, None, None] * torch.tensor([[5.0], [1.0]]).expand(2, 2)
    assert temporal_change(changing, half, frames=2) == pytest.approx((1 * 4 + 5 * 2) / 6)


def test_gradients_are_compared_at_three_scales():
    target, mask = torch.zeros(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    assert gradient_loss(target + 0.3, target, mask) < 1e-6
    ramp = 0.1 * torch.arange(16.0).expand(1, 3, 16, 16)
    expected = sum(0.1 * 2**s * (16 / 2**s - 1) / (16 / 2**s) for s in range(3)) / 3
    assert gradient_loss(ramp, target, mask).item() == pytest.approx(expected, rel=1e-4)


def test_similarity_is_that_of_torchmetrics():
    from torchmetrics.functional.image import structural_similarity_index_measure

    random = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 40, 33, generator=random)
    image = (target + 0.2 * torch.randn(target.shape, generator=random)).clamp(0, 1)
    image[:, :, :12], target[:, :, :12] = 0, 0
    image.requires_grad_(True)
    _, reference = structural_similarity_index_measure(image, target, data_range=1.0, return_full_image=True)
    ours = similarity(image, target)
    assert torch.allclose(ours, reference, atol=2e-5) and ours.min() < 0.9
    gradients = [torch.autograd.grad(values.sum(), image)[0] for values in (ours, reference)]
    assert torch.allclose(gradients[0], gradients[1], atol=1e-4 * float(gradients[1].abs().max()))


def test_pixels_near_an_edge_are_uncertain():
    mask = torch.zeros(2, 1, 40, 40)
    mask[0, :, 10:30, 10:30] = 1
    mask[1, :, 10:30, 10:30] = 1
    mask[1, :, 20, 20] = 0.5
    found = uncertain_pixels(mask, 0.1)
    expected = torch.zeros(40, 40, dtype=torch.bool)
    expected[8:32, 8:32] = True
    expected[12:28, 12:28] = False
    assert (found[0, 0] == expected).all(), "2 pixels on either side: a tenth of 20"
    assert found[1, 0, 20, 20]
    assert not uncertain_pixels(mask[:1], 0.0).any(), "no band, no soft pixel"


def test_views_are_not_compared_where_the_edge_is_uncertain():
    target, mask = torch.zeros(1, 3, 40, 40), torch.zeros(1, 1, 40, 40)
    mask[..., 10:30, 10:30] = 1
    wrong = target.clone()
    wrong[..., 9:11, 10:30] = 1  # an edge that is off by a pixel
    assert certain_colors(wrong, target, mask, 0.0) is wrong
    assert (certain_colors(wrong, target, mask, 0.1) == target).all()
    wrong[..., 20, 20] = 1
    assert certain_colors(wrong, target, mask, 0.1).sum() == 3, "within the person it counts"
