"""Poses from a person who walks: projected landmarks with noise, and what does not determine the cameras."""

import cv2
import numpy as np
import pytest
from filmed_boards import TrueCamera
from helpers import refuses
from textured_scene import source_of

from posegaussian.errors import CalibrationError
from posegaussian.pose.person import LANDMARKS
from posegaussian.preparation.calibration.tracks import Tracks, place
from posegaussian.preparation.calibration.walker import calibrate_by_walker

HEIGHT, FRAMES = 1.75, 150
RIGS = {"four": (-34, -11, 11, 34), "two": (-25, 25)}


def rig(name):
    return {f"{i}": source_of(TrueCamera(a, focal=620, height=1.2 + 0.1 * i)) for i, a in enumerate(RIGS[name])}


def walker():
    """Landmarks of somebody who walks about and moves all limbs, metres; the eyes are where a body's eyes are."""
    random = np.random.default_rng(3)
    body = random.uniform([-0.3, -0.2, 0.2], [0.3, 0.2, 1.6], (33, 3))
    heights = {"eye": 0.936, "ankle": 0.039, "heel": 0.01, "foot_index": 0.01}
    for part, share in heights.items():
        for side, x in (("left", 0.08), ("right", -0.08)):
            body[LANDMARKS.index(f"{side}_{part}")] = [x, 0.0, share * HEIGHT]
    frames = []
    for k in range(FRAMES):
        swing = 0.04 * np.sin(0.4 * k + np.linspace(0, 6, 33))[:, None] * [1, 1, 0]
        frames.append(body + swing + [0.5 * np.sin(0.05 * k), 0.4 * np.cos(0.083 * k), 0])
    return np.stack(frames)


def trajectories(cameras, noise=3.0, seed=0):
    random, found = np.random.default_rng(seed), {}
    for name, camera in cameras.items():
        pixels = np.stack([camera.project(points) for points in walker()])
        pixels += random.normal(0, noise, pixels.shape) + random.normal(0, noise, (1, 33, 2))
        found[name] = np.concatenate([pixels, np.full((FRAMES, 33, 1), 0.9)], axis=2)
    return found


@pytest.mark.parametrize("name", RIGS)
def test_true_poses_come_back(name):
    true = rig(name)
    found = calibrate_by_walker(trajectories(true), true, HEIGHT)
    turn = sum(true[n].rotation.T @ found.cameras[n].rotation for n in true)
    left, _, right = np.linalg.svd(turn)
    turn = left @ right
    angles = [np.linalg.norm(cv2.Rodrigues(true[n].rotation @ turn @ found.cameras[n].rotation.T)[0]) for n in true]
    points = np.random.default_rng(1).uniform([-0.5, -0.5, 0], [0.5, 0.5, 1.8], (200, 3))
    rows = [{n: camera.project(point[None])[0] for n, camera in true.items()} for point in points]
    epipolar = np.median(place(Tracks.of(list(true), rows, dict.fromkeys(true, 1.0)), found.cameras).residuals())
    print(f"{np.degrees(max(angles)):.3f} degrees, epipolar {epipolar:.2f} px, kept back {found.residual:.2f} px")
    assert np.degrees(max(angles)) < 0.5 and epipolar < 2
    assert found.residual == pytest.approx(6, abs=3)
    # Up, the floor and the scale come from the person.
    assert np.degrees(np.arccos(turn[2, 2])) < 1
    for n, camera in true.items():
        assert found.cameras[n].centre[2] == pytest.approx(camera.centre[2], rel=0.06)


def test_what_does_not_determine_the_cameras_is_named():
    true = rig("four")
    seen = trajectories(true)
    blind = {**seen, "2": seen["2"] * [1, 1, 0]}
    with refuses(CalibrationError, "no-shared-views", camera="2"):
        calibrate_by_walker(blind, true, HEIGHT)
    random = np.random.default_rng(0)
    other = {
        n: points + [*random.uniform(-200, 200, 2), 0] * random.normal(size=(FRAMES, 33, 1))
        for n, points in seen.items()
    }
    with refuses(CalibrationError, "contradicting-views"):
        calibrate_by_walker(other, true, HEIGHT)
