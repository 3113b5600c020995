"""Shapes of things: rounded solids, and tubes along paths; vertices and faces, counter-clockwise seen from outside."""

import numpy as np
from jaxtyping import Float, Int

from posegaussian.synthetic.clothing.drape import tube
from posegaussian.synthetic.mesh.surface import Surface

Mesh = tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"]]

STEP = 0.015
"""Longest edge of solids, metres; mesh colours have samples every millimetre on edges of up to 24 mm."""


def solid(half: np.ndarray | list, power: float) -> Mesh:
    """A superellipsoid |x/a|^p + |y/b|^p + |z/c|^p = 1 about the origin: an ellipsoid for 2, nearly a box for 12.

    Args:
        half: a, b, c; half of the size, metres.
        power: p.
    """
    half = np.asarray(half, float)
    points, faces, count = [], [], 0
    for axis, sign in np.ndindex(3, 2):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        sides = [int(np.ceil(2 * half[i] / STEP)) + 1 for i in (u, v)]
        # Equal angles, so that round solids have even cells.
        s, t = (np.tan(np.linspace(-np.pi / 4, np.pi / 4, n)) for n in sides)
        cube = np.empty((*sides, 3))
        cube[..., axis], cube[..., u], cube[..., v] = 2 * sign - 1, s[:, None], t[None]
        points.append(cube.reshape(-1, 3))
        row, column = np.meshgrid(np.arange(sides[0] - 1), np.arange(sides[1] - 1), indexing="ij")
        a = (count + row * sides[1] + column).ravel()
        quads = np.concatenate(
            [np.stack([a, a + sides[1], a + 1], 1), np.stack([a + 1, a + sides[1], a + sides[1] + 1], 1)]
        )
        faces.append(quads if sign else quads[:, ::-1])
        count += len(points[-1])
    cube = np.concatenate(points)
    return half * cube / (abs(cube) ** power).sum(1, keepdims=True) ** (1 / power), np.concatenate(faces)


def rod(path: Float[np.ndarray, "n 3"], radius: Float[np.ndarray, "n"] | float) -> Mesh:
    """A tube of twelve sides along a path of two points or more; where the radius falls to 0 it is closed. Metres."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.empty_like(along)
    last = np.eye(3)[abs(along[0]).argmin()]
    for i, axis in enumerate(along):  # carried along the path without twisting
        last = last - (last @ axis) * axis
        last = across[i] = last / np.linalg.norm(last)
    angle = 2 * np.pi * np.arange(12) / 12
    ring = np.cos(angle)[:, None] * across[:, None] + np.sin(angle)[:, None] * np.cross(along, across)[:, None]
    radius = np.broadcast_to(radius, len(path))
    return (path[:, None] + radius[:, None, None] * ring).reshape(-1, 3), tube(len(path), 12)[:, ::-1]


def capped(path: Float[np.ndarray, "n 3"], radius: float) -> Mesh:
    """A tube of one radius with closed ends."""
    path = path[[0, *range(len(path)), -1]] + 0.0
    path[0] -= 1e-4 * (path[2] - path[1]) / np.linalg.norm(path[2] - path[1])
    path[-1] += 1e-4 * (path[-2] - path[-3]) / np.linalg.norm(path[-2] - path[-3])
    return rod(path, np.array([0.0, *[radius] * (len(path) - 2), 0.0]))


def placed(mesh: Mesh, pose: Float[np.ndarray, "3 4"], weights: Float[np.ndarray, "b"]) -> Surface:
    """A rigid surface.

    Args:
        mesh: in the thing's own axes, where its texture is defined, too.
        pose: from these axes to rest axes.
        weights: skinning weights of all its vertices.
    """
    points, faces = mesh
    rest = points @ pose[:, :3].T + pose[:, 3]
    return Surface(points, rest, np.tile(weights, (len(points), 1)), faces)


def at(place: np.ndarray | list) -> Float[np.ndarray, "3 4"]:
    """The pose of a thing that is moved only."""
    return np.column_stack([np.eye(3), np.asarray(place, float)])


def joined(*meshes: Mesh) -> Mesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(points) for points, _ in meshes[:-1])])
    faces = [each + start for (_, each), start in zip(meshes, starts, strict=True)]
    return np.concatenate([points for points, _ in meshes]), np.concatenate(faces)
