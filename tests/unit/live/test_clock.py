"""Clocks of cameras: drift is followed, jitter is not, and a camera without a clock is believed on arrival."""

import numpy as np
import pytest

from posegaussian.live.clock import CameraClock


def played(drift, jitter, seconds=60, fps=30, offset=1000.0):
    """Errors of the mapped times of a stream, seconds: the camera's clock runs fast by `drift`."""
    rng, clock = np.random.default_rng(0), CameraClock()
    taken = np.arange(0, seconds, 1 / fps)
    errors = []
    for time in taken:
        arrival = time + jitter * rng.random() ** 2
        errors.append(clock.time(offset + (1 + drift) * time, arrival) - time)
    return np.array(errors)


def test_without_jitter_times_are_exact():
    assert np.abs(played(0, 0)).max() < 1e-9


@pytest.mark.parametrize("drift", [-200e-6, 200e-6])
def test_drift_and_jitter_leave_milliseconds(drift):
    errors = played(drift, 0.04)
    assert np.abs(errors[300:]).max() < 4e-3  # 200 ppm over the window of 10 s are 2 ms; a believed clock drifts by 12
    assert np.abs(errors[-300:]).max() < 1.2 * np.abs(errors[300:600]).max()  # and they do not grow


def test_a_frame_is_never_from_the_future():
    clock = CameraClock()
    assert clock.time(5.0, 100.0) == 100.0
    assert clock.time(5.1, 100.05) == pytest.approx(100.05)  # it came sooner after its stamp than the first
    assert clock.time(5.2, 100.3) == pytest.approx(100.15)


def test_without_stamps_the_arrival_counts():
    assert CameraClock().time(None, 7.5) == 7.5


def test_a_camera_that_starts_anew_is_mapped_anew():
    clock = CameraClock()
    clock.time(3600.0, 10.0)
    assert clock.time(0.0, 11.0) == 11.0
