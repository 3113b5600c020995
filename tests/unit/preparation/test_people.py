"""People of one frame in all cameras: analytic people, as networks that know the truth would see them."""

import numpy as np
import pytest
from people_oracle import HIPS, TORSO, Oracle, camera, landmarks

from posegaussian.pose.person import LANDMARKS
from posegaussian.preparation.association import Association
from posegaussian.preparation.people import find_people, projected_crop, rig_centre

NEAR = 0.005
"""The middle of two points in an image is not the image of their middle: metres."""
CAMERAS = {f"c{index}": camera(40 * index) for index in range(4)}
PAIR = {name: CAMERAS[name] for name in ("c0", "c1")}
IMAGES = {name: Oracle.image(index) for index, name in enumerate(CAMERAS)}


def find(oracle, *arguments, cameras=CAMERAS):
    return find_people({name: IMAGES[name] for name in cameras}, cameras, oracle, *arguments)


def place(found):
    """Where the person is, metres."""
    assert found.position is not None
    return found.position


def test_the_person_stands_where_the_rays_meet():
    found = find(Oracle(CAMERAS, [landmarks(0.1, -0.2)]))
    assert list(found.views) == list(CAMERAS) and not found.others and not found.alone
    np.testing.assert_allclose(
        Association(CAMERAS).seen(found.views).torso, [[0.1, -0.2, 0.9], [0.1, -0.2, 1.4]], atol=NEAR
    )
    np.testing.assert_allclose(rig_centre(CAMERAS), [0, 0, 1], atol=1e-9)


def test_the_person_nearest_to_the_centre_is_followed():
    people = [landmarks(0.9, 0.6), landmarks(0.1, 0.0, 1.1), landmarks(-0.6, 0.2, 0.9)]
    oracle = Oracle(CAMERAS, people)
    found = find(oracle)
    np.testing.assert_allclose(place(found)[:2], [0.1, 0], atol=NEAR)
    assert [round(float(other.position[0]), 2) for other in found.others] == [-0.6, 0.9]
    second = find(oracle, None, 2)
    np.testing.assert_allclose(place(second)[:2], [-0.6, 0.2], atol=NEAR)
    assert find(oracle, None, 4).person is None and len(find(oracle, None, 4).others) == 3


def test_the_person_is_followed_although_another_comes_nearer():
    first = find(Oracle(CAMERAS, [landmarks(0.3, 0.1)]))
    oracle = Oracle(CAMERAS, [landmarks(0.0, 0.0, 1.1), landmarks(0.35, 0.12)])
    second = find(oracle, first)
    np.testing.assert_allclose(place(second)[:2], [0.35, 0.12], atol=NEAR)
    assert [kind for kind, _ in oracle.calls] == ["measure"]  # all four at once, and the detector is not needed


def test_a_camera_that_misses_the_person_is_shown_where_they_are():
    oracle = Oracle(CAMERAS, [landmarks(0.6, 0.6)], blind={("c2", 0)})
    assert list(find(oracle).views) == list(CAMERAS)
    assert oracle.calls[-1] == ("measure", ["c2"]) and len(oracle.calls) == 5  # twice in whole images


def test_the_person_at_the_centre_is_found_although_the_detector_sees_only_others():
    people = [landmarks(0.0, 0.1), landmarks(-0.9, 0.9)]
    found = find(Oracle(CAMERAS, people, blind={(name, 0) for name in CAMERAS}))
    np.testing.assert_allclose(place(found)[:2], [0, 0.1], atol=NEAR)
    assert len(found.others) == 1


def test_the_person_is_found_whom_a_camera_shows_only_after_another_is_painted_over():
    people = [landmarks(0.0, 0.1), landmarks(-0.9, 0.9)]
    found = find(Oracle(CAMERAS, people, behind={("c0", 0): 1, ("c1", 0): 1}), cameras=PAIR)
    np.testing.assert_allclose(place(found)[:2], [0, 0.1], atol=NEAR)
    assert len(found.others) == 1 and not found.alone


def test_nobody_is_painted_over_where_one_person_stands_alone_near_the_centre():
    oracle = Oracle(CAMERAS, [landmarks(0.3, 0.1)])
    find(oracle)
    assert [kind for kind, _ in oracle.calls] == ["locate", "measure"]
    oracle = Oracle(CAMERAS, [landmarks(0.6, 0.1)])
    find(oracle)
    assert [kind for kind, _ in oracle.calls] == ["locate", "measure"] * 2


def test_the_person_is_not_another_into_whose_image_the_crop_has_moved():
    person, other = landmarks(0.0, 0.1), landmarks(-0.5, 0.45)
    first = find(Oracle(CAMERAS, [person]), cameras=PAIR)
    second = find(Oracle(CAMERAS, [person, other], behind={("c0", 0): 1, ("c1", 0): 1}), first, cameras=PAIR)
    np.testing.assert_allclose(place(second)[:2], [0, 0.1], atol=NEAR)
    assert len(second.others) == 1


def test_a_person_who_has_left_is_not_another_and_may_come_back_elsewhere():
    person, other = landmarks(0.2, 0.1), landmarks(-0.7, 0.6)
    found = find(Oracle(CAMERAS, [person, other]))
    for _ in range(3):
        found = find(Oracle(CAMERAS, [other]), found)
        assert found.person is None and len(found.others) == 1
        np.testing.assert_allclose(place(found)[:2], [0.2, 0.1], atol=NEAR)
    found = find(Oracle(CAMERAS, [other, landmarks(0.9, -0.6)]), found)
    np.testing.assert_allclose(place(found)[:2], [0.9, -0.6], atol=NEAR)


def test_the_person_who_comes_back_beside_another_is_not_taken_for_them():
    person, other = landmarks(0.2, 0.1), landmarks(-0.7, 0.6)
    found = find(Oracle(CAMERAS, [other]), find(Oracle(CAMERAS, [person, other])))
    assert found.person is None
    found = find(Oracle(CAMERAS, [other, landmarks(-0.7, 0.25)]), found)
    np.testing.assert_allclose(place(found)[:2], [-0.7, 0.25], atol=NEAR)


def test_another_person_who_takes_the_place_at_the_centre_is_followed_after_a_while():
    found = find(Oracle(CAMERAS, [landmarks(0.2, 0.1), landmarks(-0.7, 0.6)]))
    for frame in range(40):
        found = find(Oracle(CAMERAS, [landmarks(-0.7 + 0.02 * min(frame, 30), 0.6 - 0.02 * min(frame, 30))]), found)
        assert (found.person is None) == (frame < 30)


def test_a_camera_in_which_nobody_is_has_no_view():
    found = find(Oracle(CAMERAS, [landmarks()], gone={("c1", 0)}))
    assert list(found.views) == ["c0", "c2", "c3"]


def test_a_camera_that_disagrees_has_no_view_and_its_detection_is_alone():
    found = find(Oracle(CAMERAS, [landmarks()], moved={"c3": np.array([60.0, 60])}))
    assert list(found.views) == ["c0", "c1", "c2"] and list(found.alone) == ["c3"]
    np.testing.assert_allclose(place(found)[:2], [0, 0], atol=NEAR)


def test_views_of_people_whose_rays_meet_crosswise_are_told_apart_by_size():
    places = [0.6 * np.array([np.cos(angle), np.sin(angle)]) for angle in np.radians([80, -40])]  # mirrored at 20
    tall, small = (landmarks(*place) for place in places)
    free = [index for index, name in enumerate(LANDMARKS) if name not in TORSO]
    hips = small[HIPS].mean(0)
    small[free] = hips + 0.3 * (small[free] - hips)
    small[:, 2] += 0.03  # where the error of c1 makes the torsos of both meet
    found = find(Oracle(PAIR, [tall, small], moved={"c1": np.array([0.0, 4])}), cameras=PAIR)
    stand = [place(found), *(other.position for other in found.others)]
    assert sorted(tuple(np.round(each[:2], 1)) for each in stand) == sorted(tuple(np.round(each, 1)) for each in places)


def test_a_poster_in_one_camera_is_alone():
    poster = CAMERAS["c0"].project(landmarks(-1.2, 0.4))
    found = find(Oracle(CAMERAS, [landmarks()], flat={"c0": [poster]}))
    assert list(found.views) == list(CAMERAS) and {name: len(views) for name, views in found.alone.items()} == {"c0": 1}


def test_two_cameras_that_disagree_see_nobody_in_common():
    found = find(Oracle(PAIR, [landmarks()], moved={"c1": np.array([0.0, 80])}), cameras=PAIR)
    assert found.person is None and list(found.alone) == ["c0", "c1"] and found.position is None


def test_a_person_who_is_lost_is_looked_for_where_they_were():
    first = find(Oracle(CAMERAS, [landmarks(0.5, 0.3)]))
    nobody = find(Oracle(CAMERAS, []), first)
    assert nobody.person is None
    np.testing.assert_allclose(place(nobody), place(first))
    back = find(Oracle(CAMERAS, [landmarks(0.0, 0.0, 1.1), landmarks(0.6, 0.3)]), nobody)
    np.testing.assert_allclose(place(back)[:2], [0.6, 0.3], atol=NEAR)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_projected_crop_is_the_one_that_the_camera_would_choose(name):
    oracle = Oracle(CAMERAS, [landmarks(0.2, 0.1)])
    views = dict(find(oracle).views)
    expected = views.pop(name).next_crop
    crop = projected_crop(Association(CAMERAS).seen(views), CAMERAS, name)
    np.testing.assert_allclose(crop[:2], expected[:2], atol=0.5)
    np.testing.assert_allclose(crop[3], expected[3], atol=0.02)


def test_a_person_behind_a_camera_has_no_crop_there():
    person = Association(CAMERAS).seen(find(Oracle(CAMERAS, [landmarks()])).views)
    behind = {**CAMERAS, "near": camera(20, radius=-0.5)}
    assert np.isnan(projected_crop(person, behind, "near")).all()
