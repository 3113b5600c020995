"""Bounding boxes and centroids of masks."""

import numpy as np

from posegaussian.geometry.masks import bounding_box, centroid, is_person


def test_the_bounding_box_has_the_edges_of_the_person_s_pixels():
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9, 12:20] = 255
    mask[0, 0] = 127
    assert bounding_box(is_person(mask)) == (12, 5, 20, 9)


def test_an_empty_mask_has_no_box():
    assert bounding_box(is_person(np.full((20, 30), 127, np.uint8))) is None


def test_the_centroid_counts_pixel_centres_at_half():
    inside = np.zeros((4, 6), bool)
    inside[1, 2] = True
    np.testing.assert_array_equal(centroid(inside), [2.5, 1.5])
    inside[3, 5] = True
    np.testing.assert_array_equal(centroid(inside), [4, 2.5])
