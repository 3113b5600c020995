"""Crops, to the pixel."""

import pytest
import torch

from posegaussian.evaluation.crops import crop


def scene(height, width, rows, columns):
    mask = torch.zeros(height, width)
    mask[slice(*rows), slice(*columns)] = 1.0
    return mask.expand(3, -1, -1) * 0.5, mask


def test_full_is_everything():
    assert crop("full", *scene(40, 30, (5, 6), (7, 8))) == (slice(0, 40), slice(0, 30))


def test_bbox_is_the_box_of_half_covered_pixels():
    truth, mask = scene(40, 30, (5, 26), (7, 19))
    mask[4, 10], mask[26, 10], mask[10, 19] = 0.4, 0.5, 0.49
    assert crop("bbox", truth, mask) == (slice(5, 27), slice(7, 19))


@pytest.mark.parametrize(
    "rows, columns, expected",
    [
        ((100, 900), (400, 600), ((0, 1000), (250, 750))),  # the middle of 100..900 is 500
        ((112, 912), (300, 701), ((12, 1012), (251, 751))),  # an odd width: one pixel more on the right
        ((0, 200), (0, 10), ((0, 1000), (0, 500))),  # shifted into the image
        ((900, 1024), (1000, 1024), ((24, 1024), (524, 1024))),
        ((2, 1024), (100, 800), ((13, 1013), (200, 700))),  # larger than the window
    ],
)
def test_ghg_window_at_1024(rows, columns, expected):
    truth, _ = scene(1024, 1024, rows, columns)
    nobody = torch.zeros(1024, 1024)
    assert crop("ghg", truth, nobody) == (slice(*expected[0]), slice(*expected[1]))


def test_ghg_scales_with_the_height_and_sees_what_is_not_black():
    truth, mask = scene(256, 256, (30, 230), (100, 140))
    assert crop("ghg", truth, mask) == (slice(5, 255), slice(58, 183))
    truth[0, :, 220] = 1 / 255  # one red column, beyond the mask
    assert crop("ghg", truth, mask) == (slice(3, 253), slice(98, 223))
    narrow, mask = scene(512, 200, (10, 500), (20, 30))
    assert crop("ghg", narrow, mask) == (slice(5, 505), slice(0, 200))


def test_no_person_and_unknown_crops():
    truth, mask = torch.zeros(3, 20, 20), torch.zeros(20, 20)
    assert crop("bbox", truth, mask) is None
    assert crop("ghg", truth, mask) is None
    with pytest.raises(ValueError, match="unknown crop 'box'"):
        crop("box", truth + 1, mask + 1)
