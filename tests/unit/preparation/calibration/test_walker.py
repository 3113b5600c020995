"""Poses from a person who walks: projected landmarks with noise, and what does not determine the cameras."""

import numpy as np
import pytest
from helpers import refuses
from walking_person import FRAMES, HEIGHT, RIGS, largest_turn, rig, trajectories

from posegaussian.errors import CalibrationError
from posegaussian.pose.person import LANDMARKS
from posegaussian.preparation.calibration.tracks import Tracks, place
from posegaussian.preparation.calibration.walker import calibrate_by_walker, calibrate_lenses_by_walker


@pytest.mark.parametrize("name", RIGS)
def test_true_poses_come_back(name):
    true = rig(name)
    found = calibrate_by_walker(trajectories(true), true, HEIGHT)
    turn, angle = largest_turn(true, found.cameras)
    points = np.random.default_rng(1).uniform([-0.5, -0.5, 0], [0.5, 0.5, 1.8], (200, 3))
    rows = [{n: camera.project(point[None])[0] for n, camera in true.items()} for point in points]
    epipolar = np.median(place(Tracks.of(list(true), rows, dict.fromkeys(true, 1.0)), found.cameras).residuals())
    print(f"{angle:.3f} degrees, epipolar {epipolar:.2f} px, kept back {found.residual:.2f} px")
    assert angle < 0.5 and epipolar < 2
    assert found.residual == pytest.approx(6, abs=3)
    # Up, the floor and the scale come from the person.
    assert np.degrees(np.arccos(turn[2, 2])) < 1
    for n, camera in true.items():
        assert found.cameras[n].centre[2] == pytest.approx(camera.centre[2], rel=0.06)


def test_focal_lengths_come_back():
    true = rig("four")
    sizes = {n: (camera.width, camera.height) for n, camera in true.items()}
    found = calibrate_lenses_by_walker(trajectories(true), sizes, HEIGHT)
    focal = [found.cameras[n].intrinsics[0, 0] / true[n].intrinsics[0, 0] for n in true]
    print(f"{largest_turn(true, found.cameras)[1]:.3f} degrees, focal lengths {np.round(focal, 3)}")
    assert largest_turn(true, found.cameras)[1] < 1
    assert focal == pytest.approx([1, 1, 1, 1], rel=0.05)


def test_two_cameras_do_not_tell_focal_lengths():
    true = rig("two")
    with refuses(CalibrationError, "undetermined-focal-length", camera="0"):
        calibrate_lenses_by_walker(trajectories(true), {n: (c.width, c.height) for n, c in true.items()}, HEIGHT)


def test_what_does_not_determine_the_cameras_is_named():
    true = rig("four")
    seen = trajectories(true)
    blind = {**seen, "2": seen["2"] * [1, 1, 0]}
    with refuses(CalibrationError, "no-shared-views", camera="2"):
        calibrate_by_walker(blind, true, HEIGHT)
    third = np.arange(FRAMES) * 3 // FRAMES  # cameras 0 and 1 see the person, then 1 and 2, then 2 and 3
    pairs = {n: points * [1, 1, 0] for n, points in seen.items()}
    for n, points in pairs.items():
        both = (third == int(n)) | (third == int(n) - 1)
        points[both, :, 2] = seen[n][both, :, 2]
    with refuses(CalibrationError, "no-shared-views") as caught:
        calibrate_by_walker(pairs, true, HEIGHT)
    assert "where three cameras see them" in str(caught.value)
    random = np.random.default_rng(0)
    other = {
        n: points + [*random.uniform(-200, 200, 2), 0] * random.normal(size=(FRAMES, 33, 1))
        for n, points in seen.items()
    }
    with refuses(CalibrationError, "contradicting-views"):
        calibrate_by_walker(other, true, HEIGHT)


def test_a_person_who_is_never_seen_whole_is_told():
    """Eyes and feet in frames of their own: nothing tells how tall the person is."""
    true = rig("four")
    seen = {n: points.copy() for n, points in trajectories(true).items()}
    for points in seen.values():
        points[::2, : LANDMARKS.index("mouth_left"), 2] = 0
        points[1::2, LANDMARKS.index("left_ankle") :, 2] = 0
    with refuses(CalibrationError, "no-upright-person"):
        calibrate_by_walker(seen, true, HEIGHT)
