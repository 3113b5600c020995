"""Poses refined by features of the room: a textured scene, a wall that repeats itself, a room without features."""

import numpy as np
import pytest
from filmed_boards import TrueCamera
from textured_scene import photographed, source_of, turned
from walking_person import HEIGHT, RIGS, largest_turn, rig, trajectories

from posegaussian.preparation.calibration.feature_tracks import Features
from posegaussian.preparation.calibration.room import refine_by_room
from posegaussian.preparation.calibration.tracks import Tracks
from posegaussian.preparation.calibration.walker import calibrate_by_walker


@pytest.fixture(scope="module")
def photographs():
    cameras = {
        f"{i}": TrueCamera(a, focal=620, height=1.2 + 0.1 * i, lens=(0.0,) * 4) for i, a in enumerate(RIGS["four"])
    }
    images = {n: np.repeat(photographed(camera)[..., None], 3, axis=2) for n, camera in cameras.items()}
    return {n: source_of(camera) for n, camera in cameras.items()}, images


def test_features_make_poses_exact(photographs):
    true, images = photographs
    seen = {n: points[::3] for n, points in trajectories(true).items()}
    landmarks = calibrate_by_walker(seen, true, HEIGHT)
    found = calibrate_by_walker(seen, true, HEIGHT, [{n: Features.of(image) for n, image in images.items()}])
    before, after = (largest_turn(true, each.cameras)[1] for each in (landmarks, found))
    print(f"{before:.3f} degrees by landmarks, {after:.3f} with features, {found.features:.2f} px")
    assert landmarks.features is None
    assert found.features < 0.3
    assert after < min(0.06, before / 3)


def test_a_room_without_features_changes_nothing(photographs):
    true, images = photographs
    seen = {n: points[::3] for n, points in trajectories(true).items()}
    empty = [{n: Features.of(np.full_like(image, 90)) for n, image in images.items()}]
    found, expected = (calibrate_by_walker(seen, true, HEIGHT, frames) for frames in (empty, ()))
    assert found.features is None
    for n, camera in expected.cameras.items():
        np.testing.assert_array_equal(found.cameras[n].world_to_camera, camera.world_to_camera)


def test_a_wall_that_repeats_itself_is_not_shifted():
    """Most matches show a wall that is shifted by a brick in one image: they agree, but landmarks contradict them."""
    true = rig("two")
    random = np.random.default_rng(0)
    wall, room = (
        random.uniform(low, high, (count, 3))
        for low, high, count in (([-2, 2.9, 0], [2, 3, 2.5], 700), ([-1, -0.8, 0], [1, 1.5, 2], 300))
    )
    person = random.uniform([-0.5, -0.5, 0], [0.5, 0.5, 1.8], (500, 3))
    brick = np.array([0.35, 0, 0.2])
    frame = {}
    names = random.normal(size=(1000, 128))
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    for n, shift in (("0", 0 * brick), ("1", brick)):
        pixels = true[n].project(np.concatenate([wall + shift, room])) + random.normal(0, 0.2, (1000, 2))
        frame[n] = Features(pixels, names.astype(np.float32))
    rows = [{n: true[n].project(point[None])[0] + random.normal(0, 2, 2) for n in true} for point in person]
    landmarks = Tracks.of(list(true), rows, dict.fromkeys(true, 4.0))
    start = {"0": true["0"], "1": turned(true["1"], 3.0, 1.0)}
    found = refine_by_room([frame], start, landmarks, 0.0)
    assert found is not None
    print(f"{largest_turn(true, start)[1]:.3f} -> {largest_turn(true, found[0])[1]:.3f} degrees")
    assert largest_turn(true, found[0])[1] < 0.1


def test_what_two_far_cameras_alone_see_is_not_believed():
    """Most matches show a wall that is shifted by 4 cm in one image: near enough for landmarks."""
    true = rig("four")
    random = np.random.default_rng(0)
    room = random.uniform([-1, -0.8, 0], [1, 1.5, 2], (300, 3))
    wall = random.uniform([-1, 1.4, 0], [1, 1.5, 2], (700, 3))
    person = random.uniform([-0.5, -0.5, 0], [0.5, 0.5, 1.8], (500, 3))
    names = random.normal(size=(1000, 128)).astype(np.float32)
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    frame = {}
    for n in true:
        shown = np.concatenate([room, wall + np.array([0, 0, 0.04 * (n == "2")])])[: 1000 if n in "02" else 300]
        pixels = true[n].project(shown) + random.normal(0, 0.2, (len(shown), 2))
        frame[n] = Features(pixels, names[: len(shown)])
    rows = [{n: true[n].project(point[None])[0] + random.normal(0, 4, 2) for n in true} for point in person]
    start = {**true, "0": turned(true["0"], 3.0, 1.0)}
    found = refine_by_room([frame], start, Tracks.of(list(true), rows, dict.fromkeys(true, 4.0)), 0.0)
    assert found is not None
    print(f"{largest_turn(true, start)[1]:.3f} -> {largest_turn(true, found[0])[1]:.3f} degrees")
    assert largest_turn(true, found[0])[1] < 0.06


def test_features_that_contradict_the_person_are_not_used():
    """All matches show the wall that repeats itself: the poses stay those of the landmarks."""
    true = rig("two")
    random = np.random.default_rng(0)
    wall = random.uniform([-2, 2.0, 0], [2, 3, 2.5], (700, 3))
    names = random.normal(size=(700, 128))
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    frame = {
        n: Features(true[n].project(wall + shift), names.astype(np.float32))
        for n, shift in (("0", [0, 0, 0]), ("1", [0.35, 0, 0.2]))
    }
    seen = {n: points[::3] for n, points in trajectories(true).items()}
    found, expected = (calibrate_by_walker(seen, true, HEIGHT, frames) for frames in ([frame], ()))
    assert found.features is None
    for n, camera in expected.cameras.items():
        np.testing.assert_array_equal(found.cameras[n].world_to_camera, camera.world_to_camera)
