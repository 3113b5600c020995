"""Windows, the soft visual hull of a ball, and evidence of differences: against exact geometry."""

import cv2
import numpy as np
import pytest
from ball_rig import CENTRE, RIG, SIZE, around, disc, views

from posegaussian.preparation.mattes.difference import difference_evidence
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.soft_hull import LIMIT, SoftHull
from posegaussian.preparation.mattes.window import padded_box


def test_boxes_are_cut_off_at_the_image():
    assert padded_box(np.array([10.0, 20, 60, 120]), 0.1, 100, 80) == (0, 10, 70, 100)
    assert padded_box(np.array([90.0, 20, 120, 60]), 0.1, 100, 80) is None


def test_a_window_shows_the_coarse_matte_where_the_image_has_it():
    mask = disc(RIG["a"])
    window = around(RIG["a"], mask)
    assert max(window.width, window.height) == 300
    expected = window.resampled(window.person.image_matte(*mask.shape))
    assert abs(window.coarse.astype(int) - expected).mean() < 2
    assert (window.coarse > 127)[window.resampled(255 * mask.astype(np.uint8)) > 250].mean() > 0.97


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_the_hull_of_a_ball_holds_its_disc_and_little_else(names):
    windows, logits = views({name: disc(RIG[name]) for name in names})
    for name, evidence in SoftHull({name: RIG[name] for name in names}).evidence(windows, logits).items():
        person = logits[name] > 0
        assert (evidence.strict[person] > 0).mean() > 0.995
        assert evidence.others == len(names) - 1
        outside = cv2.distanceTransform((~person).astype(np.uint8), cv2.DIST_L2, 5) > 45  # 13 cm
        if len(names) == 4:
            assert (evidence.strict[outside] < 0).mean() > 0.9  # the hull of three discs has corners


def test_what_one_camera_adds_is_not_in_the_hull_of_the_others():
    masks = {name: disc(RIG[name]) for name in RIG}
    elsewhere = disc(RIG["a"], CENTRE + np.array([0, 0, 0.62]), 0.12)
    masks["a"] |= elsewhere
    windows, logits = views(masks)
    evidence = SoftHull(RIG).evidence(windows, logits)["a"]
    added = windows["a"].resampled(255 * elsewhere.astype(np.uint8)) > 250
    assert (evidence.strict[added] < 0).all() and (evidence.lenient[added] < 0).all()


def test_of_four_cameras_one_may_miss_the_person():
    masks = {name: disc(RIG[name]) for name in RIG}
    windows, logits = views(masks)
    logits["b"] = np.full_like(logits["b"], -LIMIT)
    evidence = SoftHull(RIG).evidence(windows, logits)["a"]
    person = logits["a"] > 0
    assert (evidence.strict[person] < 0).mean() > 0.99
    assert (evidence.lenient[person] > 0).mean() > 0.99


def test_one_camera_alone_knows_nothing_of_others():
    windows, logits = views({"a": disc(RIG["a"])})
    evidence = SoftHull({"a": RIG["a"]}).evidence(windows, logits)["a"]
    assert not evidence.strict.any() and evidence.others == 0


def test_a_change_of_exposure_is_no_difference_but_another_colour_is():
    rng = np.random.default_rng(0)
    scene = (120 + 30 * cv2.resize(rng.random((6, 8, 3)), SIZE, interpolation=cv2.INTER_CUBIC)).astype(np.uint8)
    mask = disc(RIG["a"])
    image = np.clip(scene * 1.1 + rng.normal(0, 1, scene.shape), 0, 255).astype(np.uint8)
    image[mask] = (200, 60, 40)
    window = around(RIG["a"], mask, image)
    found = difference_evidence(window, Scene(scene))
    person = window.resampled(255 * mask.astype(np.uint8))
    assert (found.colour[person > 250] > 1).mean() > 0.99
    assert (found.colour[person < 5] < 0).mean() > 0.95
    assert (found.lightness[person < 5] < 0).mean() > 0.95
