"""Where the person stands, and which cameras are neighbours."""

import numpy as np

from posegaussian.geometry.rig import nearest_point, nearest_points, neighbours, view_angles


def ring(*degrees: float) -> np.ndarray:
    turns = np.radians(degrees)
    return np.stack([np.cos(turns), np.sin(turns), 0 * turns], 1)


def test_rays_that_meet():
    point = np.array([0.3, -1.0, 2.0])
    origins = np.random.default_rng(0).normal(size=(4, 3))
    np.testing.assert_allclose(nearest_point(origins, 3 * (point - origins)), point, atol=1e-12)


def test_skew_rays_meet_halfway():
    origins = np.array([[0.0, 0, 0], [0, 0, 1]])
    directions = np.array([[1.0, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(nearest_point(origins, directions), [0, 0, 0.5], atol=1e-12)


def test_points_from_weighted_lines():
    """Two lines meet at each point; a third one that misses it has no weight, or is unknown."""
    origins = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    points = np.array([[0.3, 0.2, 2.0], [-0.1, 0.5, 3.0]])
    lines = points - origins[:, None]
    lines[2, 0], lines[2, 1] = [1, 0, 0], np.nan
    weights = np.array([[1.0, 1], [0.5, 2], [0, 1]])
    np.testing.assert_allclose(nearest_points(origins, lines, weights), points, atol=1e-12)
    # With its weight, the third line counts as in the function for a single point.
    np.testing.assert_allclose(nearest_points(origins, lines)[0], nearest_point(origins, lines[:, 0]), atol=1e-12)


def test_points_that_are_not_known():
    origins = np.array([[0.0, 0, 0], [1, 0, 0]])
    parallel = np.tile([0.0, 0, 1], (2, 1, 1))
    assert np.isnan(nearest_points(origins, parallel)).all()
    meeting = np.array([[1.0, 1, 1], [0, 1, 1]])[:, None]
    assert np.isnan(nearest_points(origins, meeting, np.array([[1.0], [0]]))).all()
    np.testing.assert_allclose(nearest_points(origins, meeting), [[1, 1, 1]], atol=1e-12)


def test_angles_do_not_depend_on_distance():
    centres = ring(0, 22.5, 90, 180) * np.array([[2.0], [3], [1], [5]]) + 7
    np.testing.assert_allclose(view_angles(np.full(3, 7.0), centres)[0], [0, 22.5, 90, 180], atol=1e-9)


def test_neighbours_on_an_arc_and_on_a_ring():
    arc = view_angles(np.zeros(3), ring(20, -20, 0))
    assert neighbours(arc, 90.0) == [(0, 2), (1, 2)]
    full = view_angles(np.zeros(3), ring(*range(0, 360, 45)))
    assert neighbours(full, 90.0) == [(0, 1), (0, 7), *((i, i + 1) for i in range(1, 7))]


def test_opposite_cameras_are_no_neighbours():
    assert neighbours(view_angles(np.zeros(3), ring(0, 120)), 90.0) == []
