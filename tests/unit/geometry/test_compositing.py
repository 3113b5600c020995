"""The person on black, against layers that are known: a disc of one colour over a background of another."""

import cv2
import numpy as np
import pytest

from posegaussian.geometry import compositing
from posegaussian.geometry.compositing import BAND, band_around, person_on_black, with_background

PERSON = np.array([180.0, 90, 40])


def disc(radius: float, size: int = 48, softness: float = 1.0) -> np.ndarray:
    """Coverage of a disc in the middle, in [0, 1]."""
    y, x = np.mgrid[:size, :size] + 0.5 - size / 2
    return np.clip((radius - np.hypot(x, y)) / softness + 0.5, 0, 1)


def filmed(coverage: np.ndarray, background: np.ndarray) -> np.ndarray:
    cover = coverage[..., None]
    return np.rint(cover * PERSON + (1 - cover) * background).astype(np.uint8)


@pytest.mark.parametrize("background", [(0, 0, 0), (255, 255, 255), (20, 140, 230)])
@pytest.mark.parametrize("softness", [1.0, 3.0])
def test_the_background_of_soft_pixels_is_removed(background, softness):
    coverage = disc(14, softness=softness)
    mask = np.rint(255 * coverage).astype(np.uint8)
    alone = person_on_black(filmed(coverage, np.array(background, float)), mask)
    soft = (mask > 0) & (mask < 255)
    truth = coverage[..., None] * PERSON
    assert abs(alone - truth)[soft].max() < 12
    assert np.sqrt(((alone - truth)[soft] ** 2).mean()) < 4
    assert (alone <= mask[..., None]).all()
    np.testing.assert_array_equal(alone[mask == 255], filmed(coverage, np.zeros(3))[mask == 255])


@pytest.mark.parametrize("softness", [1.0, 12.0])
def test_what_was_put_before_a_background_is_found_again_to_the_bit(softness):
    rng = np.random.default_rng(1)
    mask = np.rint(255 * disc(14, softness=softness)).astype(np.uint8)
    mask[:9, :9] = rng.integers(0, 256, (9, 9))
    mask[40:, 30:] = np.maximum(mask[40:, 30:], 1)  # without background nearby
    person = np.minimum(rng.integers(0, 256, (48, 48, 3), np.uint8), mask[..., None])
    filmed = rng.integers(0, 256, (48, 48, 3), np.uint8)
    image = with_background(person, filmed, mask)
    np.testing.assert_array_equal(person_on_black(image, mask), person)
    np.testing.assert_array_equal(image[mask == 0], filmed[mask == 0])
    np.testing.assert_array_equal(image[mask == 255], person[mask == 255])


def test_soft_pixels_stay_as_filmed_where_the_person_was_cut_out_rightly():
    coverage, background = disc(14, softness=2.0), np.array([20.0, 140, 230])
    mask, image = np.rint(255 * coverage).astype(np.uint8), filmed(coverage, background)
    person = np.rint(coverage[..., None] * PERSON).astype(np.uint8)
    assert abs(with_background(person, image, mask).astype(int) - image).max() <= 1


def test_a_wide_soft_edge_stays_as_filmed_where_no_background_is_near():
    mask = np.rint(255 * disc(14, softness=12.0)).astype(np.uint8)
    rng = np.random.default_rng(2)
    person, image = (
        np.minimum(rng.integers(0, 256, (48, 48, 3), np.uint8), mask[..., None]),
        filmed(disc(9), PERSON / 2),
    )
    alone = (cv2.boxFilter((mask == 0).astype(np.uint8), cv2.CV_32S, (7, 7), normalize=False) == 0) & (mask < 255)
    found, exact = with_background(person, image, mask, exact=False), with_background(person, image, mask)
    assert alone.sum() > 100
    np.testing.assert_array_equal(found[alone], image[alone])
    np.testing.assert_array_equal(found[~alone], exact[~alone])


def test_what_is_far_from_soft_pixels_does_not_matter():
    coverage = disc(14)
    mask = np.rint(255 * coverage).astype(np.uint8)
    image = filmed(coverage, np.array([90.0, 200, 10]))
    black_beyond = np.where(band_around(mask)[..., None], image, 0).astype(np.uint8)
    assert (black_beyond != image).any()
    np.testing.assert_array_equal(person_on_black(black_beyond, mask), person_on_black(image, mask))


def test_batches_are_images_one_by_one_and_borders_need_no_margin():
    rng = np.random.default_rng(0)
    images, masks = (rng.integers(0, 256, (2, 3, 17, 19, *rest), np.uint8) for rest in ((3,), ()))
    masks[0, 0] = np.where(masks[0, 0] > 127, 255, 0)
    alone = person_on_black(images, masks)
    np.testing.assert_array_equal(alone[1, 2], person_on_black(images[1, 2], masks[1, 2]))
    np.testing.assert_array_equal(alone[0, 0], np.where(masks[0, 0][..., None] > 0, images[0, 0], 0))


@pytest.mark.parametrize("shape", [(17, 19), (40, 2), (1, 9), (64, 64)])
def test_without_numba_the_bytes_are_the_same(shape, monkeypatch):
    rng = np.random.default_rng(3)
    images, masks = rng.integers(0, 256, (4, *shape, 3), np.uint8), rng.choice([0, 0, 0, 1, 90, 254, 255], (4, *shape))
    masks[3] = rng.choice([5, 255], shape)  # no background anywhere
    compiled = person_on_black(images, masks.astype(np.uint8))
    monkeypatch.setattr(compositing, "_kernels", lambda: None)
    np.testing.assert_array_equal(compiled, person_on_black(images, masks.astype(np.uint8)))


def test_no_person_no_band():
    assert not person_on_black(np.full((8, 9, 3), 200, np.uint8), np.zeros((8, 9), np.uint8)).any()
    assert not band_around(np.zeros((8, 9), np.uint8)).any()


def test_the_band_is_a_share_of_the_persons_height():
    mask = np.zeros((400, 200), np.uint8)
    mask[50:350, 90:110] = 255
    columns = np.flatnonzero(band_around(mask)[200])
    assert (90 - columns[0], columns[-1] - 109) == (39, 39)


def test_the_band_is_all_that_lies_within_a_distance():
    """OpenCV's distance transform is the reference."""
    mask = np.zeros((300, 200), np.uint8)
    for centre, axes, angle in (((60, 90), (20, 70), 20), ((130, 220), (9, 60), -35), ((4, 295), (3, 3), 0)):
        cv2.ellipse(mask, centre, axes, angle, 0, 360, 200, -1)
    rows = np.flatnonzero(mask.any(1))
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert (band_around(mask) == (distance <= BAND * (rows[-1] + 1 - rows[0]))).all()
