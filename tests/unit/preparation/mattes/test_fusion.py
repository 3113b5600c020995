"""Fused evidence, and what is kept of it."""

import numpy as np
import pytest

from posegaussian.preparation.mattes.difference import DifferenceEvidence
from posegaussian.preparation.mattes.fusion import NAMES, WEIGHTS, Evidence, fuse
from posegaussian.preparation.mattes.soft_edge import HELD, YIELD, anchored, keep_person
from posegaussian.preparation.mattes.soft_hull import LIMIT, HullEvidence


def full(value):
    """A map of one value."""
    return np.full((6, 8), value, np.float32)


def test_every_combination_of_evidence_has_weights():
    assert set(WEIGHTS) == {(others, scene) for others in range(4) for scene in (False, True)}
    assert {len(weights) for weights in WEIGHTS.values()} == {len(NAMES)}


@pytest.mark.parametrize("others", [0, 1, 2, 3, 5])
def test_fused_log_odds_are_the_weighted_sum(others):
    hull = HullEvidence(full(-2.0), full(1.0), others)
    bias, network, strict, lenient, *_ = WEIGHTS[min(others, 3), False]
    expected = bias + 0.7 * network - 2 * strict + lenient
    np.testing.assert_allclose(fuse(Evidence(full(0.7), hull)), expected, rtol=1e-5)


def test_weights_have_the_sign_of_what_they_weigh():
    for (others, _), weights in WEIGHTS.items():
        hull = {count: HullEvidence(full(value), full(value), others) for count, value in ((0, -LIMIT), (1, LIMIT))}
        assert weights[1] > 0.5
        if others:
            assert (fuse(Evidence(full(0.0), hull[0])) <= fuse(Evidence(full(0.0), hull[1]))).all()
    changed = Evidence(full(0.0), HullEvidence(full(0.0), full(0.0), 0), DifferenceEvidence(full(3.0), full(3.0)))
    same = Evidence(full(0.0), HullEvidence(full(0.0), full(0.0), 0), DifferenceEvidence(full(-3.0), full(-3.0)))
    assert (fuse(changed) > fuse(same) + 1).all()


def figure():
    """Log-odds of a person with a foot apart, and a coarse matte that knows both."""
    logits = np.full((100, 100), -4, np.float32)
    logits[5:85, 20:70] = 4
    logits[90:94, 23:30] = 2
    return logits, np.where(logits > 0, 255, 0).astype(np.uint8)


def test_pieces_that_the_coarse_matte_does_not_know_are_dropped():
    logits, coarse = figure()
    piece = logits.copy()
    piece[90:93, 90:93] = 3
    kept = keep_person(piece, coarse)
    assert kept[90:93, 90:93].max() < -5
    assert (kept[logits > 0] == logits[logits > 0]).all()


def test_haze_far_from_the_person_is_dropped():
    logits, coarse = figure()
    hazy = logits.copy()
    hazy[40, 70:] = -0.5
    kept = keep_person(hazy, coarse)
    assert kept[40, 70] == np.float32(-0.5) and kept[40, 80:].max() < -5


def test_the_coarse_matte_holds_where_it_is_sure_and_far_from_its_edge():
    logits, coarse = figure()
    wrong = np.clip(-logits, -6, 0.9 * HELD / YIELD)
    near = np.ones(coarse.shape, bool)
    held = anchored(wrong, coarse, near)
    assert held[45, 45] > 0 and held[45, 95] < 0
    np.testing.assert_array_equal(held[45, 68:72], wrong[45, 68:72])
    unsure = np.where(coarse > 0, 200, 60).astype(np.uint8)
    np.testing.assert_array_equal(anchored(wrong, unsure, near), wrong)


def test_what_is_clear_outside_of_the_coarse_matte_stays():
    logits, coarse = figure()
    logits[40:50, 80:95] = 1.1 * HELD / (YIELD - 1)  # a box held out
    np.testing.assert_array_equal(
        anchored(logits, coarse, np.ones(coarse.shape, bool))[40:50, 80:95], logits[40:50, 80:95]
    )


def test_the_coarse_matte_holds_nothing_far_from_the_bones():
    logits, coarse = figure()
    near = np.zeros(coarse.shape, bool)
    near[:, :50] = True
    wrong = np.minimum(-logits, 0.9 * HELD / YIELD)
    held = anchored(wrong, coarse, near)
    assert held[45, 45] > 0 and held[45, 60] == wrong[45, 60] and held[45, 95] < 0
