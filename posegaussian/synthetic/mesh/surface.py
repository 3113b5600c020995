"""Surfaces at rest with skinning weights: cut along a clean line, subdivided, inflated, joined."""

from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Int, Int64
from numba import njit

from posegaussian.synthetic.mesh.normals import vertex_normals


@dataclass(frozen=True)
class Surface:
    """Skin or cloth at rest."""

    # place of each vertex on the mean body at rest, metres; textures and cuts are defined there
    canonical: Float[np.ndarray, "v 3"]
    rest: Float[np.ndarray, "v 3"]  # place of each vertex on this person at rest, metres
    weights: Float[np.ndarray, "v b"]  # skinning weights, rows sum to 1
    faces: Int[np.ndarray, "f 3"]  # vertex numbers

    def compact(self) -> "Surface":
        """The same without vertices that no face uses."""
        used, faces = np.unique(self.faces, return_inverse=True)
        return Surface(self.canonical[used], self.rest[used], self.weights[used], faces.reshape(-1, 3))

    def cut(self, field: Float[np.ndarray, "v"]) -> "Surface":
        """The part where a field, linear within each face, is positive; faces on the border are split along it."""
        inside = field > 0
        count = inside[self.faces].sum(1)
        # Turn each border face so that its odd corner, alone on its side, comes first.
        odd = np.where(count[:, None] == 1, inside[self.faces], ~inside[self.faces]).argmax(1)
        turned = self.faces[np.arange(len(odd))[:, None], (odd[:, None] + np.arange(3)) % 3]
        border = (count == 1) | (count == 2)
        edges = np.concatenate([turned[border][:, [0, 1]], turned[border][:, [0, 2]]])
        edges, index = unique_edges(edges)
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

    def inflated(self, distance: Float[np.ndarray, "v"]) -> "Surface":
        """The surface moved outwards along its normals by a distance at each vertex, metres."""
        return replace(self, rest=self.rest + distance[:, None] * vertex_normals(self.rest, self.faces))

    def with_rim(self, depth: float) -> "Surface":
        """The surface with a rim of this depth (metres) turned inwards along every border: the thickness of cloth."""
        pairs = directed_edges(self.faces)
        count = len(self.rest)
        keys, reverse = pairs[:, 0] * count + pairs[:, 1], pairs[:, 1] * count + pairs[:, 0]
        border = pairs[~np.isin(keys, reverse)]
        if not len(border):
            return self
        used, index = np.unique(border, return_inverse=True)
        inward = self.rest[used] - depth * vertex_normals(self.rest, self.faces)[used]
        a, b = index.reshape(-1, 2).T
        n = len(used)
        strip = Surface(
            np.tile(self.canonical[used], (2, 1)),
            np.concatenate([self.rest[used], inward]),
            np.tile(self.weights[used], (2, 1)),
            np.concatenate([np.stack([b, a, a + n], axis=1), np.stack([b, a + n, b + n], axis=1)]),
        )
        return join([self, strip])

    def _with_points_on(self, edges: Int[np.ndarray, "e 2"], share: Float[np.ndarray, "e"]) -> "Surface":
        """The surface with one more vertex on each edge, at this share of the way from its first end to its second."""
        a, b = edges.T
        t = share[:, None]

        def extended(values):
            return np.concatenate([values, (1 - t) * values[a] + t * values[b]])

        return Surface(extended(self.canonical), extended(self.rest), extended(self.weights), self.faces)


def directed_edges(faces: Int[np.ndarray, "f 3"]) -> Int[np.ndarray, "n 2"]:
    """The three sides of each face as directed edges: all first sides, all second, all third."""
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def unique_edges(pairs: Int[np.ndarray, "n 2"]) -> tuple[Int[np.ndarray, "e 2"], Int[np.ndarray, "n"]]:
    """Undirected edges once each, and the number of the edge of each pair."""
    low, high = np.sort(pairs, axis=1).T
    count = int(pairs.max(initial=0)) + 1
    keys, index = np.unique(low * count + high, return_inverse=True)
    return np.stack([keys // count, keys % count], axis=1), index


def phong_midpoints(
    rest: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], edges: Int[np.ndarray, "e 2"]
) -> Float[np.ndarray, "e 3"]:
    """Middles of edges, moved out by the normals of their ends (Phong tessellation with its usual factor of 3/4)."""
    ends, directions = rest[edges], vertex_normals(rest, faces)[edges]
    middle = ends.mean(1, keepdims=True)
    height = ((ends - middle) * directions).sum(2, keepdims=True)
    return middle[:, 0] + 0.75 * (height * directions).mean(1)


@dataclass(frozen=True)
class Subdivision:
    """A subdivided surface, and the steps that subdivide another person's surface in the same way."""

    surface: Surface
    rounds: tuple[tuple[Int[np.ndarray, "_ 2"], Int[np.ndarray, "_ 3"]], ...]

    def shaped(self, rest: Float[np.ndarray, "v 3"]) -> Surface:
        """The refined surface of a person, from the places of the original vertices."""
        for edges, faces in self.rounds:
            rest = np.concatenate([rest, phong_midpoints(rest, faces, edges)])
        return replace(self.surface, rest=rest)


def subdivide(surface: Surface, longest: float) -> Subdivision:
    """The surface with all edges longer than `longest` (metres) halved, round by round; no cracks open."""
    rounds = []
    while True:
        edges, _ = unique_edges(directed_edges(surface.faces))
        length = np.linalg.norm(surface.canonical[edges[:, 0]] - surface.canonical[edges[:, 1]], axis=1)
        if not (length > longest).any():
            return Subdivision(surface, tuple(rounds))
        edges = edges[length > longest]
        rounds.append((edges, surface.faces))
        middles = phong_midpoints(surface.rest, surface.faces, edges)
        faces = split_faces(surface.faces, edges, len(surface.rest))
        grown = surface._with_points_on(edges, np.full(len(edges), 0.5))
        rest = np.concatenate([surface.rest, middles])
        surface = replace(grown, canonical=rest, rest=rest, faces=faces)


def split_faces(faces: Int[np.ndarray, "f 3"], edges: Int[np.ndarray, "e 2"], count: int) -> Int[np.ndarray, "g 3"]:
    """Faces split at new points, the first numbered `count`, on some of their edges (sorted pairs, in order)."""
    keys = edges[:, 0] * count + edges[:, 1]
    low, high = np.sort(directed_edges(faces), axis=1).T
    place = np.minimum(np.searchsorted(keys, low * count + high), len(keys) - 1)
    new = np.where(keys[place] == low * count + high, count + place, -1).reshape(3, -1).T
    number = (new >= 0).sum(1)
    # Turn each face so that with one new point it lies on side ab, with two the whole side is bc.
    start = np.where(number == 2, (new < 0).argmax(1) + 2, (new >= 0).argmax(1)) % 3
    order = (start[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(faces, order, 1).T
    ab, bc, ca = np.take_along_axis(new, order, 1).T
    parts = {
        0: [(a, b, c)],
        1: [(a, ab, c), (ab, b, c)],
        2: [(a, ab, ca), (ab, b, ca), (b, c, ca)],
        3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
    }
    return np.concatenate([np.stack(x, axis=1)[number == n] for n, corners in parts.items() for x in corners])


def limit_influences(surface: Surface) -> Surface:
    """The same with only the four largest skinning weights of each vertex, as graphics hardware allows."""
    bones, shares = largest_weights(surface.weights, 4)
    weights = np.zeros_like(surface.weights)
    np.put_along_axis(weights, bones, shares, 1)
    return replace(surface, weights=weights)


def largest_weights(
    weights: Float[np.ndarray, "v b"], count: int
) -> tuple[Int64[np.ndarray, "v {count}"], Float[np.ndarray, "v {count}"]]:
    """The bones of the largest weights, the largest first, and these weights made to sum to 1."""
    bones = _largest_columns(weights, count)
    kept = np.take_along_axis(weights, bones, 1)
    return bones, kept / kept.sum(1, keepdims=True)


@njit(cache=True)
@no_type_check
def _largest_columns(values, count):
    """Columns of the largest values of each row, in order; of equal ones the first."""
    found = np.empty((len(values), count), np.int64)
    for row in range(len(values)):
        best = np.full(count, -np.inf)
        for column in range(values.shape[1]):
            value = values[row, column]
            place = count
            while place > 0 and value > best[place - 1]:
                place -= 1
            if place < count:
                best[place + 1 :] = best[place:-1].copy()
                found[row, place + 1 :] = found[row, place:-1].copy()
                best[place], found[row, place] = value, column
    return found


def join(parts: list[Surface]) -> Surface:
    """Several surfaces as one, in their order."""
    starts = np.cumsum([0, *(len(part.rest) for part in parts[:-1])])
    return Surface(
        canonical=np.concatenate([part.canonical for part in parts]),
        rest=np.concatenate([part.rest for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=True)]),
    )
