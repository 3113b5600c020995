"""Images for display: crops, colours, and where things are drawn."""

import numpy as np
import pytest

from posegaussian.report import color_maps, images
from posegaussian.report.tables import without_paths


def test_box_is_that_of_the_mask_with_its_margin_and_aspect():
    mask = np.zeros((100, 200), np.uint8)
    mask[20:60, 80:100] = 255
    assert images.box_around(mask, margin=0.0) == images.Box(80, 20, 100, 60)
    box = images.box_around(mask, aspect=2.0, margin=0.1)
    assert (box.right - box.left) == 2 * (box.bottom - box.top) == 96
    assert images.box_around(np.zeros_like(mask)) == images.Box(0, 0, 200, 100)


def test_a_crop_is_black_beyond_the_image():
    image = np.full((4, 6, 3), 9, np.uint8)
    part = images.padded_crop(image, images.Box(-2, 1, 8, 7))
    assert part.shape == (6, 10, 3)
    assert (part[:3, 2:8] == 9).all() and part.sum() == 3 * 6 * 9 * 3
    assert (images.padded_crop(image, images.Box(1, 1, 3, 2)) == image[1:2, 1:3]).all()


def test_heatmaps_glow_where_their_joint_is():
    maps = np.zeros((17, 8, 8), np.float16)
    maps[3, 2, 5] = 1
    over = images.heatmap_overlay(np.full((32, 32, 3), 100, np.uint8), maps).astype(int)
    plain = np.rint(0.6 * 100)
    y, x = np.argwhere(np.abs(over - plain).sum(-1) > 150).mean(0)
    assert (y, x) == pytest.approx((4 * 2.5 - 0.5, 4 * 5.5 - 0.5), abs=0.1)
    assert (over[20:, :10] == plain).all()


def test_colours_end_at_the_limits_and_at_the_mask():
    disparity = np.array([[-3.0, 0.0, 5.0, 9.0, 5.0]], np.float32)
    mask = np.array([[255, 255, 255, 255, 0]], np.uint8)
    colours = color_maps.disparity_colours(disparity, mask, (0.0, 5.0))
    assert (colours[0, 0] == colours[0, 1]).all() and (colours[0, 2] == colours[0, 3]).all()
    assert (colours[0, 4] == 0).all() and (colours[0, 2] != colours[0, 1]).any()
    assert color_maps.disparity_limits(disparity, np.zeros_like(mask)) == (0.0, 1.0)


def test_flip_colours_are_dark_where_images_agree():
    truth = np.full((40, 40, 3), 120, np.uint8)
    image = truth.copy()
    image[:, 25:] = (255, 0, 0)
    error = color_maps.flip_colours(image, truth).sum(-1)
    assert error[:, :10].max() < 20 < 200 < error[:, 30:].min()


def test_an_image_row_has_one_height():
    red, blue = np.zeros((50, 25, 3), np.uint8), np.zeros((100, 100, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    sheet = images.image_row([red, blue], ["one", "two"], height=80, gap=10)
    assert sheet.shape[1] == 10 + 40 + 10 + 80 + 10
    assert (sheet[50, 30] == (255, 0, 0)).all() and (sheet[50, 100] == (0, 0, 255)).all()
    assert sheet[95:].max() > 150, "no caption"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no a.pth in /home/me/weights", "no a.pth in weights"),
        ('"weights": "/srv/x/net.safetensors"', '"weights": "net.safetensors"'),
        ("results/models/demo: 3 / 4, and/or", "results/models/demo: 3 / 4, and/or"),
    ],
)
def test_absolute_paths_shrink_to_their_last_part(text, expected):
    assert without_paths(text) == expected
