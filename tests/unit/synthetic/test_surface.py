"""Surfaces: cuts and subdivision against closed forms."""

import numpy as np
import pytest

from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.mesh.surface import Surface, join, subdivide


def square(side=8):
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, side)] * 2), axis=-1).reshape(-1, 2)
    points = np.column_stack([grid, np.zeros(len(grid))])
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    faces = np.concatenate(
        [np.stack([corner, corner + 1, corner + side], 1), np.stack([corner + 1, corner + side + 1, corner + side], 1)]
    )
    return Surface(points, points, np.ones((len(points), 1)), faces)


def area(surface):
    a, b, c = (surface.rest[surface.faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)[:, 2].sum() / 2


def test_cut_leaves_exactly_the_positive_part():
    whole = square()
    field = 0.55 - whole.canonical @ [0.5, 0.5, 0]
    part, rest = whole.cut(field), whole.cut(-field)
    assert area(part) == pytest.approx(1 - 0.9**2 / 2)
    assert area(part) + area(rest) == pytest.approx(1)
    assert (0.55 - part.canonical @ [0.5, 0.5, 0]).min() == pytest.approx(0, abs=1e-12)
    assert area(join([part, rest])) == pytest.approx(1)


def test_subdivision_rounds_a_sphere():
    octahedron = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    ball = Surface(octahedron, octahedron, np.ones((6, 1)), np.array(faces))
    ball = subdivide(ball, 1.0).surface
    assert len(ball.faces) == 32 and len(ball.rest) == 18
    radius = np.linalg.norm(ball.rest, axis=1)
    assert radius.max() == pytest.approx(1) and radius.min() > 0.97 * 0.85
    assert np.einsum("fc,fc->f", vertex_normals(ball.rest, ball.faces), ball.rest).min() > 0.7
