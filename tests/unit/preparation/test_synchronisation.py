"""Time offsets: from projected points of a body that moves, and from one sound that several cameras hear."""

import numpy as np
import pytest
from filmed_boards import TrueCamera
from textured_scene import source_of

from posegaussian.preparation.sound import sound_offsets
from posegaussian.preparation.synchronisation import landmark_offsets

CAMERAS = {f"{i}": source_of(TrueCamera(angle)) for i, angle in enumerate((-34, -11, 11, 34))}
LATE = {"0": 0.0, "1": 2.3, "2": -4.6, "3": 0.5}
FPS, RATE = 30.0, 16000


def trajectories(late, frames=90, motion=1.0, noise=4.0, drift=0.0, seed=0):
    """Landmarks that swing, with noise and an error of each landmark and camera that stays."""
    random = np.random.default_rng(seed)
    rest = random.uniform([-0.3, -0.2, 0.2], [0.3, 0.2, 1.7], (33, 3))
    size, phase = motion * random.uniform(0, 0.12, (33, 3)), random.uniform(0, 6, (33, 3))
    speed = random.uniform(3, 8, (33, 3))
    found = {}
    for name, camera in CAMERAS.items():
        number = np.arange(frames)
        times = (number - late[name] - (drift * number / frames if name == "2" else 0)) / FPS
        points = rest + size * np.sin(speed * times[:, None, None] + phase)
        pixels = np.stack([camera.project(each) for each in points])
        pixels += random.normal(0, noise, pixels.shape) + random.normal(0, 4, (1, 33, 2))
        found[name] = np.concatenate([pixels, np.full((frames, 33, 1), 0.9)], axis=2)
    return found


def test_late_cameras_are_measured_to_a_part_of_a_frame():
    found = landmark_offsets(trajectories(LATE), CAMERAS)
    for name, late in LATE.items():
        offset = found[name]
        assert offset is not None and offset.drift is None
        assert offset.frames == pytest.approx(late, abs=max(0.1, 3 * offset.deviation))
        assert offset.whole == round(late)


def test_a_person_who_stands_still_gives_no_answer():
    found = landmark_offsets(trajectories(LATE, frames=200, motion=0.0), CAMERAS)
    assert [found[name] for name in "123"] == [None, None, None]


def test_cameras_that_see_nobody_give_no_answer():
    seen = trajectories(LATE)
    seen["3"][..., 2] = 0
    found = landmark_offsets(seen, CAMERAS)
    assert found["3"] is None and found["1"] is not None


def test_few_frames_give_no_answer():
    assert landmark_offsets(trajectories(LATE, frames=10), CAMERAS)["1"] is None


def test_drift_is_told_from_an_offset():
    found = landmark_offsets(trajectories(LATE, frames=240, drift=3.0), CAMERAS)
    assert found["2"] is not None and found["2"].drift == pytest.approx(1.5, abs=0.3)
    assert found["1"] is not None and found["1"].drift is None
    assert "drifts" in found["2"].line()


def heard(late, seconds=15.0, noise=0.05, rate_error=0.0):
    """Claps, from three seconds after the first one on."""
    random = np.random.default_rng(0)
    sound = np.zeros(int(RATE * (seconds + 10)))
    for start in random.integers(0, len(sound) - 4000, 40):
        sound[start : start + 4000] += random.normal(0, 1, 4000) * np.exp(-np.arange(4000) / 600)
    times = 3 * RATE + np.arange(int(RATE * seconds)) * (1 - rate_error) - late * RATE
    others = np.random.default_rng(int(1e4 * abs(late)) + 1)
    return (np.interp(times, np.arange(len(sound)), sound) + others.normal(0, noise, len(times))).astype(np.float32)


def test_sound():
    noise = np.random.default_rng(9).normal(0, 1, 15 * RATE).astype(np.float32)
    sounds = {"a": heard(0), "b": heard(0.1034), "c": heard(-1.5), "noise": noise, "silent": None}
    found = sound_offsets(sounds, RATE, FPS)
    assert found["b"] is not None and found["b"].frames == pytest.approx(0.1034 * FPS, abs=0.01)
    assert found["c"] is not None and found["c"].whole == -45
    assert found["noise"] is None and found["silent"] is None


def test_sound_that_drifts():
    found = sound_offsets({"a": heard(0), "b": heard(0.2), "c": heard(0.2, rate_error=0.0025)}, RATE, FPS)
    assert found["b"] is not None and found["b"].drift is None
    assert found["c"] is None or found["c"].drift is not None
