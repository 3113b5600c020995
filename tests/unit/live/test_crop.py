"""The crop follows the person: it stays while they are in it, and is made anew when they leave it or become small."""

import helpers
import numpy as np
import pytest

from posegaussian.config import RectifySettings
from posegaussian.live import crop
from posegaussian.live.crop import MARGIN, FollowingCrop

SIZE = (160, 128)
CAMERAS = {name: helpers.source_camera(helpers.lens(azimuth, size=SIZE)) for name, azimuth in (("a", -12), ("b", 12))}
IMAGES = {name: np.full((SIZE[1], SIZE[0], 3), 120, np.uint8) for name in CAMERAS}


def masks(left=60, top=30, width=30, height=70):
    """The same box in both images."""
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    mask[top : top + height, left : left + width] = 255
    return dict.fromkeys(CAMERAS, mask)


@pytest.fixture
def following():
    return FollowingCrop(CAMERAS, RectifySettings(size=(64, 64), margin=MARGIN), match_colors=False)


def numbers(following, *frames):
    return [following.plan(IMAGES, each).number for each in frames]


def test_a_person_within_the_margin_keeps_the_plan(following):
    first = following.plan(IMAGES, masks())
    assert first.number == 1
    assert following.plan(IMAGES, masks(62, 32)) is first and following.plan(IMAGES, masks(58, 27)) is first


def test_a_person_who_leaves_the_images_gets_a_new_plan(following):
    assert numbers(following, masks(), masks(110), masks(112), masks(40)) == [1, 2, 2, 3]
    plan = following.plan(IMAGES, masks(40)).plan
    for view in plan.views:
        corners = view.source.seen_from_here(np.array([(40.0, 30.0), (70.0, 100.0)]), view.camera)
        assert (corners > 0).all() and (corners < 64).all()


def test_raised_arms_make_room(following):
    assert numbers(following, masks(), masks(40, 10, 70, 90)) == [1, 2]


def test_somebody_who_crouches_for_a_moment_keeps_the_plan(following, monkeypatch):
    monkeypatch.setattr(crop, "_PATIENCE", 5)
    low = masks(65, 70, 20, 25)
    assert numbers(following, masks(), *[low] * 5, masks(), *[low] * 5) == [1] * 12
    assert numbers(following, *[low] * 3)[-1] == 2


def test_a_person_at_the_edge_of_the_cameras_does_not_get_a_plan_for_each_frame(following):
    edge = masks(0, 0, 40, 128)
    assert numbers(following, *[edge] * 4) == [1] * 4


def test_colours_are_matched_once(monkeypatch):
    calls, matched = [], crop.with_matched_colors
    monkeypatch.setattr(crop, "with_matched_colors", lambda *given: calls.append(1) or matched(*given))
    following = FollowingCrop(CAMERAS, RectifySettings(size=(64, 64), margin=MARGIN), match_colors=True)
    plans = [following.plan(IMAGES, each) for each in (masks(), masks(95))]
    assert [plan.number for plan in plans] == [1, 2] and len(calls) == 1
    colors = [{view.name: view.color for view in plan.plan.views} for plan in plans]
    for name in CAMERAS:
        np.testing.assert_array_equal(colors[0][name], colors[1][name])
