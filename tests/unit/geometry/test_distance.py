"""Distances to masks: against SciPy's exact transform, and to edges that are known."""

import pytest
import torch
from scipy.ndimage import distance_transform_edt

from posegaussian.geometry.distance import distance_to, signed_distance, within


def disc(size, radius, samples=8):
    """Coverage of a disc in the middle of an image."""
    at = (torch.arange(size * samples) + 0.5) / samples - size / 2
    inside = (at.square() + at[:, None].square()).sqrt() < radius
    return inside.float().unflatten(0, (size, samples)).unflatten(2, (size, samples)).mean((1, 3))[None]


def test_distances_are_exact_within_the_reach():
    inside = torch.rand(2, 40, 50, generator=torch.Generator().manual_seed(0)) > 0.97
    found = distance_to(inside, 9)
    for mask, distance in zip(inside, found, strict=True):
        exact = torch.from_numpy(distance_transform_edt(~mask.numpy())).float()
        torch.testing.assert_close(distance, exact.clamp_max(10))


def test_signed_distances_are_those_of_the_disc():
    masks, radius = disc(64, 20.3), 20.3
    at = torch.arange(64) + 0.5 - 32
    truth = radius - (at.square() + at[:, None].square()).sqrt()
    error = (signed_distance(masks, 8)[0] - truth)[truth.abs() < 7.5].abs()
    assert error.max() < 0.6 and error.mean() < 0.2


def test_the_ramp_of_a_pixel_is_the_mask():
    masks = disc(48, 13.7)
    assert torch.equal((0.5 + signed_distance(masks, 4)).clamp(0, 1), masks)
    assert signed_distance(torch.zeros(1, 8, 8), 3).max() < -3 and signed_distance(torch.ones(1, 8, 8), 3).min() > 3


@pytest.mark.parametrize("side", [40, 129])
def test_what_lies_within_a_reach(side):
    inside = torch.rand(3, side, side + 7) < 0.003
    reach = torch.tensor([0.0, 5.0, 9.4])
    found = within(inside, reach, 10)
    assert (found == (distance_to(inside, 12) <= reach[:, None, None])).all()
    assert not within(torch.zeros(1, 20, 20, dtype=torch.bool), torch.tensor([3.0]), 3).any()
