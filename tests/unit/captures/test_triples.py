"""Cameras between two others, on rigs whose angles are known."""

import helpers
import numpy as np
import pytest

from posegaussian.captures.triples import find_triples, narrowest, widest_gap

PERSON = np.asarray(helpers.CENTRE, float)


def rig(**azimuths: float | tuple[float, float]):
    """Cameras by name at angles in degrees, or at (azimuth, elevation), around the balloon person."""
    places = {name: at if isinstance(at, tuple) else (at, 0.0) for name, at in azimuths.items()}
    lenses = {name: helpers.lens(azimuth, elevation=above) for name, (azimuth, above) in places.items()}
    return {name: helpers.source_camera(lens) for name, lens in lenses.items()}


def triples(cameras, widest: float = 90.0):
    return find_triples(cameras, PERSON, widest)


def test_the_middle_one_of_three_lies_between_the_others():
    (only,) = triples(rig(a=0, b=20, c=50))
    assert only.cameras == ("a", "c", "b")
    assert (only.angle, only.nearest) == (pytest.approx(50), pytest.approx(20))
    assert only.name == "a-c_b"


def test_two_cameras_and_a_third_one_far_above_leave_nothing_to_hold_out():
    assert triples(rig(a=0, b=40)) == []
    assert triples(rig(a=0, b=20, c=60), widest=50.0) == []
    assert len(triples(rig(a=-20, b=20, c=(0, 14)))) == 1
    assert triples(rig(a=-20, b=20, c=(0, 25))) == []
    assert triples(rig(a=0, b=1, c=40)) == [], "b shows nearly what a shows"


def test_a_ring_is_measured_all_around_and_by_angle():
    ring = rig(**{f"c{i:02d}": 22.5 * i for i in range(16)})
    found = triples(ring, widest=91.0)
    assert len(found) == 48, "16 cameras, pairs of 45, 67.5 and 90 degrees"
    assert [round(each.angle, 1) for each in found[:3]] == [45.0, 67.5, 90.0]
    assert {each.camera for each in narrowest(found)} == set(ring)
    assert all(each.angle == pytest.approx(45) for each in narrowest(found))


@pytest.mark.parametrize(("azimuths", "gap"), [((0, 90, 180, 270), 90), ((0, 30, 60), 300), ((0,), 360)])
def test_the_widest_gap_of_a_rig(azimuths, gap):
    cameras = rig(**{f"c{angle}": angle for angle in azimuths})
    assert widest_gap(cameras, PERSON) == pytest.approx(gap)
