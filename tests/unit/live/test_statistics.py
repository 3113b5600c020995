"""Rates and medians of the last seconds."""

import pytest

from posegaussian.live.statistics import Meter


def meter(times, value=lambda time: 0.0):
    found = Meter()
    for time in times:
        found.add(time, value(time))
    return found


def test_a_steady_rate():
    assert meter([0.1 * n for n in range(50)]).rate(4.95) == pytest.approx(10)


def test_the_rate_of_what_has_stopped_falls_to_nothing():
    stopped = meter([0.1 * n for n in range(50)])
    assert stopped.rate(9.8) == pytest.approx(5, rel=0.05)
    assert stopped.rate(30.0) == 0


def test_old_values_are_forgotten():
    found = meter([float(n) for n in range(100)], lambda time: time)
    assert found.median(99.0) == 94.5  # of 90 to 99
    assert found.median(1000.0) is None and Meter().rate(0.0) == 0
