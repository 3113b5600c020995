"""Robust costs: squares near zero, what they come to far away, and weights that are their slopes."""

import numpy as np
import pytest

from posegaussian.preparation.calibration.robust_costs import (
    bounded_cost,
    bounded_weights,
    soft_cost,
    soft_weights,
)

PAIRS = [(soft_cost, soft_weights), (bounded_cost, bounded_weights)]


@pytest.mark.parametrize(("cost", "weights"), PAIRS)
def test_costs_are_squares_near_zero(cost, weights):
    np.testing.assert_allclose(cost(np.array([0.0, 1e-3]), 2.0), [0, 1e-6], rtol=1e-6)
    assert weights(np.zeros(1), 2.0) == 1


@pytest.mark.parametrize(("cost", "weights"), PAIRS)
def test_weights_are_the_slopes_of_the_costs(cost, weights):
    """Iteratively reweighted least squares: the slope of the cost is that of weight times square."""
    lengths, step = np.array([0.3, 1.0, 2.0, 7.0]), 1e-6
    slopes = (cost(lengths + step, 2.0) - cost(lengths - step, 2.0)) / (2 * step)
    np.testing.assert_allclose(weights(lengths, 2.0) * 2 * lengths, slopes, rtol=1e-6)


def test_far_errors_cost_linearly_or_no_more_than_the_bound():
    far = np.array([1e3, 2e3])
    np.testing.assert_allclose(np.divide(*soft_cost(far, 2.0)[::-1]), 2, rtol=1e-2)
    np.testing.assert_allclose(bounded_cost(far, 2.0), 4, rtol=1e-4)
    assert bounded_cost(np.array([2.0]), 2.0) == pytest.approx(2)
