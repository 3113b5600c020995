"""A dressed body at one moment."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from posegaussian.synthetic.mesh.material import Material


@dataclass(frozen=True)
class Mesh:
    """Triangles, counter-clockwise seen from outside, and what they material like.

    Args:
        vertices: metres, in the world.
        normals: of the vertices, unit length.
        faces: vertex numbers.
        canonical: where each vertex lies on the mean body at rest; it does not change with shape or pose.
        material_ids: index into `materials`, of each face.
        materials: the material of each kind of surface.
        joints: COCO-17, metres, in the world.
    """

    vertices: Float[np.ndarray, "v 3"]
    normals: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    canonical: Float[np.ndarray, "v 3"]
    material_ids: Int[np.ndarray, "f"]
    materials: tuple[Material, ...]
    joints: Float[np.ndarray, "17 3"]

    def albedo(self, canonical: Float[np.ndarray, "n 3"], faces: Int[np.ndarray, "n"]) -> Float[np.ndarray, "n 3"]:
        """Colours of surface points from their canonical places and the faces they lie on."""
        colours = np.empty_like(canonical)
        material_ids = self.material_ids[faces]
        for index, material in enumerate(self.materials):
            chosen = material_ids == index
            colours[chosen] = material.texture(canonical[chosen])[:, :3]
        return colours


def vertex_normals(vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"]) -> Float[np.ndarray, "v 3"]:
    """Unit normals: means of the adjoining faces' normals, weighted by area."""
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    flat = np.cross(b - a, c - a)
    normals = np.stack(
        [sum(np.bincount(faces[:, corner], flat[:, axis], len(vertices)) for corner in range(3)) for axis in range(3)],
        axis=1,
    )
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
