"""Rectified images as pairs: the person on black, or as filmed for networks to which masks are a hint."""

import numpy as np
import torch

from posegaussian.config import NetworkSettings
from posegaussian.data.rectified import stereo_pair
from posegaussian.geometry.compositing import person_on_black
from posegaussian.types import Camera


def test_a_pair_is_as_filmed_or_on_black():
    random = np.random.default_rng(0)
    images = random.integers(1, 256, (2, 32, 48, 3), dtype=np.uint8)
    masks = np.zeros((2, 32, 48), np.uint8)
    masks[:, 8:24, 16:32], masks[:, 8:24, 32] = 255, 100
    cameras = Camera(torch.eye(3).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1), 48, 32)
    black, filmed = (stereo_pair(images, masks, cameras, filmed=filmed) for filmed in (False, True))
    as_bytes = [(255 * pair.images[0].permute(0, 2, 3, 1)).round().byte().numpy() for pair in (black, filmed)]
    np.testing.assert_array_equal(as_bytes[0], person_on_black(images, masks))
    np.testing.assert_array_equal(as_bytes[1], images)
    assert torch.equal(black.masks, filmed.masks)


def test_only_networks_that_take_masks_as_a_hint_want_filmed_images():
    assert NetworkSettings(matte="hint").filmed and not NetworkSettings().filmed
