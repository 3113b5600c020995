"""Crops: where they lie, and what they show of images whose values are known everywhere."""

import numpy as np
import pytest
import torch
from people_oracle import from_image

from posegaussian.pose.detectors.blazepose.crops import (
    Crops,
    box_crops,
    cell_centres,
    resample_crop,
    sample_crop,
    upright_crops,
)


def crop(x=40.0, y=40.0, side=24.0, degrees=0.0) -> Crops:
    return Crops(torch.tensor([x, y]), torch.tensor(side), torch.tensor(np.radians(degrees), dtype=torch.float32))


def test_the_body_stands_upright_in_its_crop():
    hips, top = torch.tensor([[50.0, 60.0], [50.0, 60.0]]), torch.tensor([[50.0, 40.0], [70.0, 60.0]])
    crops = upright_crops(hips, top)
    torch.testing.assert_close(crops.side, torch.tensor([50.0, 50.0]))  # 2 x 1.25 x 20
    torch.testing.assert_close(crops.angle, torch.tensor([0.0, np.pi / 2]), check_dtype=False)  # head to the right
    shares = from_image(crops, torch.stack([hips, top], dim=1))
    torch.testing.assert_close(shares, torch.tensor([[[0.5, 0.5], [0.5, 0.1]]]).expand(2, -1, -1))


def test_positions_invert():
    crops = upright_crops(torch.rand(5, 2) * 90, torch.rand(5, 2) * 90)
    points = torch.rand(5, 7, 2) * 100
    torch.testing.assert_close(crops.to_image(from_image(crops, points)), points, atol=1e-3, rtol=0)


def test_a_box_is_framed_by_its_longer_side():
    crops = box_crops(torch.tensor([[10.0, 20.0, 30.0, 100.0]]), padding=1.5)
    torch.testing.assert_close(crops.centre, torch.tensor([[20.0, 60.0]]))
    torch.testing.assert_close((crops.side, crops.angle), (torch.tensor([120.0]), torch.tensor([0.0])))


@pytest.mark.parametrize(("side", "degrees"), [(24.0, 0.0), (24.0, 30.0), (16.0, -100.0), (48.0, 0.0), (48.0, 20.0)])
def test_a_slope_stays_a_slope(side, degrees):
    """Interpolation is exact on an image whose values grow linearly; so are averages of its cells."""
    y, x = torch.meshgrid(torch.arange(80) + 0.5, torch.arange(100) + 0.5, indexing="ij")
    image = torch.stack([2 * x, 3 * y, x + y]).round().to(torch.uint8)
    frame = crop(side=side, degrees=degrees)
    found = 255 * sample_crop(image, frame, 16, "zeros")
    x, y = frame.to_image(cell_centres(16, 16)).T.reshape(2, 16, 16)
    torch.testing.assert_close(found, torch.stack([2 * x, 3 * y, x + y]), atol=0.51, rtol=0)  # of 8 bits


def test_fine_stripes_are_averaged():
    image = torch.zeros(3, 128, 128, dtype=torch.uint8)
    image[:, :, ::2] = 200
    found = 255 * sample_crop(image, crop(64.0, 64.0, 120.0), 30, "zeros")
    torch.testing.assert_close(found, torch.full_like(found, 100), atol=1.0, rtol=0)


@pytest.mark.parametrize(("outside", "value"), [("zeros", 0.0), ("border", 1.0)])
def test_beyond_the_image(outside, value):
    image = torch.full((3, 20, 20), 255, dtype=torch.uint8)
    found = sample_crop(image, crop(0.0, 10.0, 16.0), 16, outside)
    assert (found[:, :, 9:] == 1).all() and (found[:, :, :7] == value).all()
    assert (sample_crop(image, crop(-90.0, 10.0, 16.0), 8, outside) == value).all()


@pytest.mark.parametrize("degrees", [0.0, 45.0, -100.0])
@pytest.mark.parametrize(
    ("x", "y", "side"),
    [
        (40.0, 40.0, 24.0),
        (60.0, 50.0, 40.0),
        (70.0, 40.0, 61.5),
        (0.0, 10.0, 200.0),
        (95.0, 75.0, 33.0),
        (-90.0, 9.0, 16.0),
    ],
)
def test_products_with_matrices_give_the_same_crop(x, y, side, degrees):
    image = torch.randint(0, 256, (3, 80, 100), dtype=torch.uint8)
    frame = crop(x, y, side, degrees)
    found, expected = resample_crop(image, frame, 20), sample_crop(image, frame, 20, "border")
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)


def test_centres_of_cells():
    torch.testing.assert_close(cell_centres(1, 2), torch.tensor([[0.25, 0.5], [0.75, 0.5]]))
