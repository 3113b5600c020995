"""Ambient occlusion: the share of a uniform sky that each vertex sees past the rest of the body."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int64
from numba import njit

from posegaussian.synthetic.mesh.scanlines import rasterize_scanlines

DIRECTIONS = 64
"""Number of depth maps, spread evenly over the sphere of directions; chosen by hand."""
MAP_SIZE = 256
"""Width and height of each depth map, pixels; chosen by hand: pixels of about 8 mm."""
_CAMERA_DISTANCE = 40.0
"""Distance of the cameras, metres: their rays are nearly parallel."""
_BIAS = 0.006
"""Points are lifted off the surface by this along the normal before the depth test, metres, so that no surface hides
itself; about a pixel of a depth map."""


def ambient_occlusion(
    vertices: Float[np.ndarray, "v 3"], normals: Float[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"]
) -> Float32[np.ndarray, "v"]:
    """Cosine-weighted share of the directions in which nothing hides a vertex, 0..1."""
    middle = (vertices.min(0) + vertices.max(0)) / 2
    reach = np.linalg.norm(vertices - middle, axis=1).max() * 1.02
    placed, lifted = vertices - middle, vertices + _BIAS * normals - middle
    open_, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in fibonacci_sphere(DIRECTIONS):
        right = np.cross(direction, [0.0, 1, 0] if abs(direction[2]) > 0.9 else [0.0, 0, 1])
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(direction, right), -direction])
        _, depth = rasterize_scanlines(_seen(placed, frame, reach)[None], faces, MAP_SIZE, MAP_SIZE)
        weight = np.maximum(normals @ direction, 0)
        open_ += weight * _free(_seen(lifted, frame, reach), depth[0])
        total += weight
    return (open_ / np.maximum(total, 1e-9)).astype(np.float32)


@njit(cache=True)
@no_type_check
def _seen(points, frame, reach):
    """x and y in pixels and inverse depth of points, seen from afar along the last row of a frame."""
    found = np.empty((len(points), 3), np.float32)
    for i in range(len(points)):
        x, y, z = points[i]
        depth = frame[2, 0] * x + frame[2, 1] * y + frame[2, 2] * z + _CAMERA_DISTANCE
        for axis in range(2):
            across = frame[axis, 0] * x + frame[axis, 1] * y + frame[axis, 2] * z
            found[i, axis] = MAP_SIZE / 2 * (1 + across / depth * _CAMERA_DISTANCE / reach)
        found[i, 2] = 1 / depth
    return found


@njit(cache=True)
@no_type_check
def _free(probes, depth):
    """Whether nothing lies before probes in a depth map."""
    free = np.empty(len(probes), np.bool_)
    for i in range(len(probes)):
        column = min(max(int(probes[i, 0]), 0), MAP_SIZE - 1)
        row = min(max(int(probes[i, 1]), 0), MAP_SIZE - 1)
        free[i] = depth[row, column] == 0 or 1 / probes[i, 2] <= depth[row, column] + _BIAS
    return free


def fibonacci_sphere(count: int) -> Float[np.ndarray, "n 3"]:
    """Unit directions spread evenly over the sphere."""
    step = np.arange(count) + 0.5
    height, angle = 1 - 2 * step / count, np.pi * (1 + 5**0.5) * step
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
