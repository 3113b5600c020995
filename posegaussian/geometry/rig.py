"""A rig seen from the person: where the person stands, and which cameras are neighbours."""

import numpy as np
from jaxtyping import Float


def nearest_point(origins: Float[np.ndarray, "n 3"], directions: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " 3"]:
    """The point nearest to all rays, in least squares."""
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    across = np.eye(3) - unit[:, :, None] * unit[:, None, :]
    return np.linalg.lstsq(across.sum(0), np.einsum("nij,nj->i", across, origins), rcond=None)[0]


def angles(point: Float[np.ndarray, " 3"], centres: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n n"]:
    """The angle between any two cameras, seen from the point, in degrees."""
    rays = centres - point
    rays = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    chords = np.linalg.norm(rays[:, None] - rays[None], axis=-1)
    return np.degrees(2 * np.arcsin(np.clip(chords / 2, 0, 1)))


def neighbours(angles: Float[np.ndarray, "n n"], widest: float) -> list[tuple[int, int]]:
    """Pairs with no third camera between them: the relative neighbourhood graph (Toussaint, 1980).

    Args:
        angles: between any two cameras.
        widest: pairs further apart are left out.
    """
    between = np.maximum(angles[:, None, :], angles[None, :, :]) < angles[:, :, None]
    near = ~between.any(-1) & (angles <= widest)
    return [(int(a), int(b)) for a, b in np.argwhere(np.triu(near, 1))]
