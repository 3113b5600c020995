"""What limits pairs and which to use, from numbers that are made up."""

import math

import pytest

from posegaussian.captures.triples import Triple
from posegaussian.evaluation.assessment import MeasuredTriple, advise, by_angle, is_late, limits, triple_limits
from posegaussian.evaluation.checks import PairChecks


def checks(**values) -> PairChecks:
    known = {"mattes": 0.97, "joints": 0.8, "features": 1.0, "rows": 5.0, "color": 0.1, "late": (0.05, 0.02)}
    return PairChecks(names=("a", "b"), **(known | values))


def measured(angle: float, psnr: float = 25.0, warp: float = 15.0, pair=("a", "b"), **values) -> MeasuredTriple:
    numbers = {("m", "bbox", "psnr"): psnr, ("plane_warp", "bbox", "psnr"): warp, ("m", "bbox", "cc_psnr"): psnr + 0.2}
    return MeasuredTriple(Triple(pair, "c", angle, angle / 2), numbers, checks(), **values)


def test_nothing_stands_out():
    assert limits(checks(), 30.0) == []
    assert limits(None, 30.0) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features": 4.0}, "calibration: rows differ by 4.0 px"),
        ({"features": None, "rows": 15.0}, "calibration or joints: rows of joints differ by 15 px"),
        ({"mattes": 0.8}, "mattes: confidence 0.80"),
        ({"joints": 0.1}, "joints: mean score 0.10"),
        ({"late": (-0.6, 0.1)}, "time: b is 0.6 frames early"),
    ],
)
def test_each_check_is_named_alone(change, words):
    (found,) = limits(checks(**change), 30.0)
    assert found.startswith(words)


def test_joints_are_allowed_larger_errors_than_features():
    assert limits(checks(features=None, rows=8.0), 30.0) == []


def test_wide_pairs_and_colours_are_named():
    assert limits(checks(), 75.0, color_gain=2.0) == ["angle: 75 degrees", "colours: 2.0 dB"]
    assert triple_limits(measured(75.0), "m") == ["angle: 75 degrees"]
    assert triple_limits(measured(50.0), "m") == ["the angle alone: 50 degrees"]


def test_a_delay_counts_beyond_its_error():
    assert is_late(0.5, 0.1)
    assert not is_late(0.5, 0.2)
    assert not is_late(0.2, 0.01)


def test_numbers_by_angle_leave_out_what_was_not_measured():
    rows = by_angle([measured(20.0, 26.0), measured(28.0, 24.0), measured(50.0, 20.0), measured(51.0, math.nan)], "m")
    assert [(row.low, row.high, row.count, row.angle, row.psnr) for row in rows] == [
        (15, 30, 2, 24, 25),
        (45, 60, 1, 50, 20),
    ]


def test_pairs_are_advised_by_their_own_number_or_by_their_angle():
    triples = [measured(20.0, 26.0), measured(50.0, 20.0, 19.5, pair=("c", "d"))]
    pairs = [(("b", "a"), 20.0), (("e", "f"), 35.0), (("c", "d"), 50.0), (("g", "h"), 70.0)]
    own, between, poor, wide = advise(pairs, triples, "m")
    assert (own.expected, own.measured, own.use) == (26, True, True)
    assert (between.expected, between.measured, between.use) == (23, False, True)
    assert (poor.use, poor.why) == (False, "no better than a plain warp of a source by 1 dB")
    assert not wide.use


def test_without_numbers_the_angle_decides():
    narrow, wide = advise([(("a", "b"), 30.0), (("a", "c"), 61.0)], [], "m")
    assert math.isnan(narrow.expected)
    assert narrow.use and not wide.use


def test_a_pair_that_cannot_be_rectified_is_not_used():
    broken = MeasuredTriple(Triple(("a", "b"), "c", 30.0, 15.0), {}, None, "it cannot be rectified")
    (found,) = advise([(("a", "b"), 30.0)], [broken], "m")
    assert (found.use, found.why) == (False, "it cannot be rectified")
