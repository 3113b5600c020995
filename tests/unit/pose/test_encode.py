"""Gaussian maps and PCK against values worked out by hand."""

import math

import pytest
import torch

from posegaussian.pose.encode import gaussian_maps, pck


def test_the_peak_is_the_score_at_the_joint():
    keypoints, scores = torch.zeros(1, 17, 2), torch.zeros(1, 17)
    keypoints[0, 3] = torch.tensor([22.0, 14.0])  # the centre of column 5, row 3
    scores[0, 3] = 0.75
    maps = gaussian_maps(keypoints, scores, 48, 64)
    assert maps.shape == (1, 17, 12, 16)
    assert maps[0, 3, 3, 5] == 0.75
    assert maps[0, 3].argmax() == 3 * 16 + 5
    torch.testing.assert_close(maps[0, 3, 4, 7], torch.tensor(0.75 * math.exp(-(1 + 4) / 8)))
    assert maps[0, :3].abs().max() == 0


def test_centroid_and_integral_are_those_of_a_gaussian():
    generator = torch.Generator().manual_seed(0)
    keypoints = 120 + 16 * torch.rand(2, 3, 17, 2, generator=generator, dtype=torch.float64)
    maps = gaussian_maps(keypoints, torch.ones(2, 3, 17, dtype=torch.float64), 256, 240, stride=2, sigma=3.0)
    centres = 2 * (torch.arange(128, dtype=torch.float64) + 0.5)
    total = maps.sum((-1, -2))
    x = (maps.sum(-2) * centres[:120]).sum(-1) / total
    y = (maps.sum(-1) * centres).sum(-1) / total
    torch.testing.assert_close(torch.stack([x, y], dim=-1), keypoints, atol=1e-6, rtol=0)
    torch.testing.assert_close(total, torch.full_like(total, 2 * math.pi * 9), rtol=1e-6, atol=0)


def test_maps_can_be_differentiated():
    keypoints = torch.full((17, 2), 20.0, requires_grad=True)
    gaussian_maps(keypoints, torch.ones(17), 32, 32)[:, 2, 2].sum().backward()
    assert (keypoints.grad < 0).all()


def test_pck_counts_visible_joints_within_the_threshold():
    truth = torch.zeros(1, 17, 2)
    predicted = torch.zeros(1, 17, 2)
    predicted[0, :4, 0] = 4.99  # the box's diagonal is 100: within 5 pixels
    predicted[0, 4:10, 1] = 5.01
    boxes = torch.tensor([[10.0, 20.0, 70.0, 100.0]])
    visible = torch.ones(1, 17, dtype=torch.bool)
    assert pck(predicted, truth, visible, boxes) == pytest.approx(11 / 17)
    visible[0, 4:9] = False
    assert pck(predicted, truth, visible, boxes) == pytest.approx(11 / 12)
    assert pck(predicted, truth, visible, boxes, threshold=0.06) == 1.0
    assert math.isnan(pck(predicted, truth, torch.zeros_like(visible), boxes))
