"""Pieces of surface at rest, ready to be posed: cut along a clean line, subdivided, inflated."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from posegaussian.captures.synthetic.mesh import vertex_normals


@dataclass(frozen=True)
class Surface:
    """A piece of skin or cloth.

    Args:
        canonical: place of each vertex on the mean body at rest, metres; textures and cuts are defined there.
        rest: place of each vertex on this person at rest, metres.
        weights: skinning weights, rows sum to 1.
        faces: vertex numbers.
    """

    canonical: Float[np.ndarray, "v 3"]
    rest: Float[np.ndarray, "v 3"]
    weights: Float[np.ndarray, "v b"]
    faces: Int[np.ndarray, "f 3"]

    def compact(self) -> "Surface":
        """The same without vertices that no face uses."""
        used, faces = np.unique(self.faces, return_inverse=True)
        return Surface(self.canonical[used], self.rest[used], self.weights[used], faces.reshape(-1, 3))

    def cut(self, field: Float[np.ndarray, "v"]) -> "Surface":
        """The part where the field, linear within each face, is positive; faces on the border are split along it."""
        inside = field > 0
        count = inside[self.faces].sum(1)
        # Turn each border face so that its odd corner, alone on its side, comes first.
        odd = np.where(count[:, None] == 1, inside[self.faces], ~inside[self.faces]).argmax(1)
        turned = self.faces[np.arange(len(odd))[:, None], (odd[:, None] + np.arange(3)) % 3]
        border = (count == 1) | (count == 2)
        edges = np.concatenate([turned[border][:, [0, 1]], turned[border][:, [0, 2]]])
        edges, index = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
        share = field[edges[:, 0]] / (field[edges[:, 0]] - field[edges[:, 1]])
        surface = self._with_points_on(edges, share)
        first, second = len(field) + index.ravel().reshape(2, -1)
        tips, stumps = count[border] == 1, count[border] == 2
        _, b, c = turned[border].T
        a = turned[border][:, 0]
        faces = [
            self.faces[count == 3],
            np.stack([a, first, second], axis=1)[tips],
            np.stack([first, b, c], axis=1)[stumps],
            np.stack([first, c, second], axis=1)[stumps],
        ]
        return replace(surface, faces=np.concatenate(faces)).compact()

    def subdivided(self) -> "Surface":
        """Each face in four; new points bulge out so that the surface stays round (Phong tessellation, factor 3/4)."""
        sides = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        edges, index = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
        surface = self._with_points_on(edges, np.full(len(edges), 0.5))
        normals = vertex_normals(self.rest, self.faces)
        ends, directions = self.rest[edges], normals[edges]
        middle = ends.mean(1, keepdims=True)
        height = ((ends - middle) * directions).sum(2, keepdims=True)
        rest = surface.rest.copy()
        rest[len(self.rest) :] += 0.75 * (height * directions).mean(1)
        ab, bc, ca = len(self.rest) + index.ravel().reshape(3, -1)
        a, b, c = self.faces.T
        corners = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        return replace(surface, rest=rest, faces=np.concatenate([np.stack(corner, axis=1) for corner in corners]))

    def inflated(self, distance: Float[np.ndarray, "v"]) -> "Surface":
        """Moved outwards along the normals by so many metres at each vertex."""
        return replace(self, rest=self.rest + distance[:, None] * vertex_normals(self.rest, self.faces))

    def _with_points_on(self, edges: Int[np.ndarray, "e 2"], share: Float[np.ndarray, "e"]) -> "Surface":
        """One more vertex on each edge, at this share of the way from its first end to its second."""
        a, b = edges.T
        t = share[:, None]

        def extended(values):
            return np.concatenate([values, (1 - t) * values[a] + t * values[b]])

        return Surface(extended(self.canonical), extended(self.rest), extended(self.weights), self.faces)


def join(parts: list[Surface]) -> Surface:
    """Several pieces as one, in their order."""
    starts = np.cumsum([0, *(len(part.rest) for part in parts[:-1])])
    return Surface(
        canonical=np.concatenate([part.canonical for part in parts]),
        rest=np.concatenate([part.rest for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]),
    )
