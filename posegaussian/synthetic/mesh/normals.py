"""Normals of triangle meshes."""

import numpy as np
from jaxtyping import Float, Int


def vertex_normals(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> Float[np.ndarray, "v 3"]:
    """Unit normals: means of the adjoining faces' normals, weighted by area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    flat = np.cross(b - a, c - a)
    normals = np.stack(
        [sum(np.bincount(faces[:, corner], flat[:, axis], len(vertices)) for corner in range(3)) for axis in range(3)],
        axis=1,
    )
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
