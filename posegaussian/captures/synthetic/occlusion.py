"""Ambient occlusion: the share of an even sky that each vertex sees past the rest of the body."""

import numpy as np
from jaxtyping import Float, Float32, Int64

from posegaussian.captures.synthetic.scanlines import rasterize

DIRECTIONS = 64
"""Depth maps, spread evenly over the sphere of directions."""
SIZE = 256
"""Of each depth map, pixels."""
_AWAY = 40.0
"""Distance of the cameras that stand for parallel light, metres."""
_LIFT = 0.006
"""Points are lifted off the surface so far, along the normal, before they are looked for: no surface hides itself."""


def ambient_occlusion(
    vertices: Float[np.ndarray, "v 3"], normals: Float[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"]
) -> Float32[np.ndarray, "v"]:
    """Cosine-weighted share of the directions in which nothing hides a vertex, 0..1."""
    middle = (vertices.min(0) + vertices.max(0)) / 2
    reach = np.linalg.norm(vertices - middle, axis=1).max() * 1.02
    lifted = vertices + _LIFT * normals - middle
    open_, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in fibonacci_sphere(DIRECTIONS):
        cosine = normals @ direction
        right = np.cross(direction, [0.0, 1, 0] if abs(direction[2]) > 0.9 else [0.0, 0, 1])
        right /= np.linalg.norm(right)
        frame = np.stack([right, np.cross(direction, right), -direction])

        def seen(points, frame=frame):
            local = points @ frame.T + [0, 0, _AWAY]
            pixels = SIZE / 2 * (1 + local[:, :2] / local[:, 2:] * _AWAY / reach)
            return np.concatenate([pixels, 1 / local[:, 2:]], axis=1).astype(np.float32)

        _, depth = rasterize(seen(vertices - middle)[None], faces, SIZE, SIZE)
        probe = seen(lifted)
        column, row = np.clip(probe[:, :2].astype(int), 0, SIZE - 1).T
        found = depth[0][row, column]
        free = (found == 0) | (1 / probe[:, 2] <= found + _LIFT)
        weight = np.maximum(cosine, 0)
        open_ += weight * free
        total += weight
    return (open_ / np.maximum(total, 1e-9)).astype(np.float32)


def fibonacci_sphere(count: int) -> Float[np.ndarray, "n 3"]:
    """Unit directions spread evenly over the sphere."""
    step = np.arange(count) + 0.5
    height, angle = 1 - 2 * step / count, np.pi * (1 + 5**0.5) * step
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
