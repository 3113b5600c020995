import math
from dataclasses import replace

import pytest

from posegaussian.config import TrainSettings
from posegaussian.training.schedule import cooldown_start, learning_rate


def test_the_learning_rate_warms_up_stays_and_cools_down():
    settings = replace(TrainSettings(), learning_rate=1e-3, cooldown=0.5, warm_up=5)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[0] == pytest.approx(2e-4)
    assert rates[4] == rates[50] == 1e-3
    assert rates[75] == pytest.approx(5e-4)
    assert 0 < rates[-1] <= 2.1e-5
    assert math.isfinite(learning_rate(0, 1, replace(settings, cooldown=0.0, warm_up=0)))


def test_only_the_cooldown_depends_on_the_number_of_steps():
    settings = replace(TrainSettings(), cooldown=0.25)
    start = cooldown_start(40, settings)
    assert start == 30
    short, long = ([learning_rate(step, steps, settings) for step in range(40)] for steps in (40, 400))
    assert short[: start + 1] == long[: start + 1] and short[start + 1] < long[start + 1]


def test_the_learning_rate_falls_with_time_where_the_budget_ends_first():
    settings = replace(TrainSettings(), learning_rate=1.0, cooldown=0.5, warm_up=0)
    assert learning_rate(10, 100, settings, time_used=0.4) == 1
    assert learning_rate(10, 100, settings, time_used=0.75) == pytest.approx(0.5)
    assert learning_rate(10, 100, settings, time_used=1.2) == 0
