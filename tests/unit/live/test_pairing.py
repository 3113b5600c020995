"""Pairs of frames: the nearest in time within the tolerance, each frame once, never backwards."""

import numpy as np

from posegaussian.live.pairing import Pairing, TimedFrame


def frame(time):
    return TimedFrame(time, lambda: np.zeros((2, 2, 3), np.uint8))


def pairs(arrivals, tolerance=0.02):
    """Times of the pairs that frames (camera, time) make, in the order of their arrival."""
    pairing = Pairing(("a", "b"), tolerance)
    found = [pairing.add(camera, frame(time)) for camera, time in arrivals]
    return [tuple(each.time for each in pair.frames) for pair in found if pair]


def test_cameras_of_one_rate_keep_their_partners():
    times = np.arange(20) / 30
    arrivals = sorted([("a", t) for t in times] + [("b", t + 0.012) for t in times], key=lambda each: each[1])
    found = pairs(arrivals)
    assert len(found) == 20
    np.testing.assert_allclose([b - a for a, b in found], 0.012)


def test_a_camera_whose_frames_arrive_late_is_waited_for():
    late = [("a", t / 30) for t in range(5)] + [("b", t / 30) for t in range(5)]
    assert pairs(late) == [(t / 30, t / 30) for t in range(5)]


def test_each_frame_is_used_once_and_time_does_not_run_backwards():
    rng = np.random.default_rng(1)
    frames = [(camera, time) for camera in "ab" for time in np.cumsum(rng.random(300) / 20)]
    found = np.array(pairs(sorted(frames, key=lambda each: each[1])))
    assert len(found) > 30
    assert (np.diff(found, axis=0) > 0).all()
    assert np.abs(found[:, 0] - found[:, 1]).max() <= 0.02


def test_frames_that_are_too_far_apart_make_no_pair_and_that_is_known():
    pairing = Pairing(("a", "b"), 0.02)
    assert pairing.add("a", frame(1.0)) is None and pairing.missed is None
    assert pairing.add("b", frame(1.05)) is None
    assert abs((pairing.missed or 0) - 0.05) < 1e-9
    assert pairing.add("a", frame(1.06)) is not None and pairing.missed is None


def test_the_order_of_the_cameras_is_kept():
    pairing = Pairing(("a", "b"), 0.02)
    pairing.add("b", frame(1.0))
    pair = pairing.add("a", frame(1.01))
    assert pair is not None
    assert [each.time for each in pair.frames] == [1.01, 1.0]
    assert pair.time == 1.0 and abs(pair.apart + 0.01) < 1e-9


def test_a_camera_that_starts_anew_is_paired_again():
    pairing = Pairing(("a", "b"), 0.02)
    pairing.add("a", frame(50.0))
    for camera in "ab":
        last = pairing.add(camera, frame(1.0))
    assert last is not None and last.time == 1.0


def test_memory_is_bounded():
    pairing = Pairing(("a", "b"), 0.02)
    frames = [frame(float(t)) for t in range(100)]
    for each in frames:
        pairing.add("a", each)
    assert sum(len(waiting) for waiting in pairing._waiting.values()) <= 8
