"""Metres, up and floor from a person whose landmarks are known."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import refuses
from walking_person import rig

from posegaussian.errors import CalibrationError
from posegaussian.pose.person import LANDMARKS
from posegaussian.preparation.calibration.persons_world import in_persons_world

HEIGHT = 1.8
UNIT = 2.5
"""Units of the cameras in a metre."""


def person(bend):
    """A body that stands, or bends the knees by some radians; heights by Drillis and Contini (1966)."""
    ankle, knee, hip, shoulder, eye = (share * HEIGHT for share in (0.039, 0.285, 0.53, 0.818, 0.936))
    forward = np.array([0, -np.sin(bend), np.cos(bend)])
    places = {"ankle": np.array([0, 0, ankle])}
    places["knee"] = places["ankle"] + (knee - ankle) * forward
    places["hip"] = places["knee"] + (hip - knee) * forward * [1, -1, 1]
    places["shoulder"], places["eye"] = (places["hip"] + [0, 0, each - hip] for each in (shoulder, eye))
    places |= {"heel": np.array([0, 0.05, 0]), "foot_index": np.array([0, -0.15, 0])}
    points = np.full((1, 33, 3), np.nan)
    for part, place in places.items():
        for side, x in (("left", 0.1), ("right", -0.1)):
            points[0, LANDMARKS.index(f"{side}_{part}")] = place + np.array([x, 0, 0])
    return points


def cameras():
    """A rig in units of its own."""
    found = {}
    for name, camera in rig("two").items():
        pose = camera.world_to_camera.copy()
        pose[:3, 3] *= UNIT
        found[name] = replace(camera, world_to_camera=pose)
    return found


@pytest.mark.parametrize("bend", [0.0, 0.6])
def test_knees_that_are_bent_do_not_change_the_scale(bend):
    true, found = rig("two"), in_persons_world(cameras(), UNIT * person(bend), HEIGHT)
    base = [np.linalg.norm(each["0"].centre - each["1"].centre) for each in (found, true)]
    # The constant is that of a detector, 0.8 % below that of a body.
    assert base[0] == pytest.approx(base[1], rel=0.01)
    for name, camera in true.items():
        assert found[name].centre[2] == pytest.approx(camera.centre[2], rel=0.02)


def test_a_person_whose_feet_are_never_seen_stands_on_the_ankles():
    points = person(0.0)
    points[:, [LANDMARKS.index(f"{s}_{p}") for s in ("left", "right") for p in ("heel", "foot_index")]] = np.nan
    found = in_persons_world(cameras(), UNIT * points, HEIGHT)
    for name, camera in rig("two").items():
        assert found[name].centre[2] == pytest.approx(camera.centre[2] - 0.039 * HEIGHT, rel=0.02)


def test_a_person_who_is_never_seen_whole_is_refused():
    points = person(0.0)
    points[:, LANDMARKS.index("left_knee")] = np.nan
    with refuses(CalibrationError, "no-upright-person"):
        in_persons_world(cameras(), points, HEIGHT)
