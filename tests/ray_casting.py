"""Independent references for the synthetic engine, in NumPy and float64: posed vertices, and rays against triangles."""

import numpy as np
from jaxtyping import Float, Int

from posegaussian.synthetic.body.body import linear_blend_skinning
from posegaussian.synthetic.people.person import Person


def posed_vertices(person: Person, time: float) -> Float[np.ndarray, "v 3"]:
    """Vertices of a person at a time in seconds, with all skinning weights, metres."""
    return linear_blend_skinning(person.surface.rest, person.surface.weights, person.transforms(time))


def ray_hits(
    origin: Float[np.ndarray, "3"], direction: Float[np.ndarray, "3"], corners: Float[np.ndarray, "f 3 3"]
) -> Float[np.ndarray, "n"]:
    """Where a ray meets triangles, in multiples of its direction, in no order (Moeller, Trumbore 1997).

    Args:
        origin: of the ray, metres.
        direction: of any length.
        corners: of each triangle, metres.
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction, second)
    area = (first * across).sum(1)
    safe = np.where(abs(area) < 1e-18, np.inf, area)
    offset = origin - corners[:, 0]
    u = (offset * across).sum(1) / safe
    other = np.cross(offset, first)
    v = other @ direction / safe
    distance = (second * other).sum(1) / safe
    return distance[(u >= 0) & (v >= 0) & (u + v <= 1) & (distance > 1e-6) & (abs(area) >= 1e-18)]


def first_depths(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    world_to_camera: Float[np.ndarray, "4 4"],
    intrinsics: Float[np.ndarray, "3 3"],
    pixels: Float[np.ndarray, "n 2"],
) -> Float[np.ndarray, "n"]:
    """Depth of the nearest triangle at places in an image, metres; 0 where there is none."""
    corners = (vertices @ world_to_camera[:3, :3].T + world_to_camera[:3, 3])[faces]
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(intrinsics).T
    depths = np.array([ray_hits(np.zeros(3), ray, corners).min(initial=np.inf) for ray in rays])
    return np.where(np.isfinite(depths), depths, 0)
