"""Flat panels, of which everything in a room is built: parallelograms, or their halves, with a material.

A builder collects boxes, panels, strips and lathed bodies in the frame of the thing that is being built; `place` says
where that thing stands. All of them become panels at once, in a few array operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

Values = Sequence | np.ndarray
"""Numbers, or points."""
ROOM, OBJECT, PERSON, OTHER = 4, 3, 1, 2
"""Labels: the room itself, a thing in it, the person, other people; 0 is far away, behind everything."""
MAX_BLOCKS = 24
"""At most this many boxes keep light away, the largest; chosen by hand for the cost."""
MIN_BLOCK = 0.01
"""Boxes with a smaller largest side cast no shadow, square metres / 4; chosen by hand: 20 cm x 20 cm."""
_BOX = np.array(
    [  # origin, first and second edge in -1..1; the product of the edges points outwards
        [[-1, -1, 1], [2, 0, 0], [0, 2, 0]],
        [[-1, -1, -1], [2, 0, 0], [0, 0, 2]],
        [[1, 1, -1], [-2, 0, 0], [0, 0, 2]],
        [[1, -1, -1], [0, 2, 0], [0, 0, 2]],
        [[-1, 1, -1], [0, -2, 0], [0, 0, 2]],
        [[-1, 1, -1], [2, 0, 0], [0, -2, 0]],
    ],
    float,
)


@dataclass(frozen=True)
class Panels:
    """Parallelograms in the world."""

    origin: Float[np.ndarray, "p 3"]  # first corner, metres
    edges: Float[np.ndarray, "p 2 3"]  # from the first corner along the two sides, metres
    normals: Float[np.ndarray, "p 3 3"]  # unit normals at the first corner and at the ends of the two edges
    offset: Float[np.ndarray, "p 2"]  # where the first corner lies in the texture, metres
    span: Float[np.ndarray, "p 2"]  # how far the texture runs along the two edges, metres; negative: backwards
    half: Bool[np.ndarray, "p"]  # whether only the triangle of the three corners exists
    material: Int[np.ndarray, "p"]  # index into the room's materials
    label: Int[np.ndarray, "p"]  # `ROOM` or `OBJECT`

    def __getitem__(self, index) -> "Panels":
        return Panels(*(getattr(self, field.name)[index] for field in fields(self)))

    def moved(self, rotation: Float[np.ndarray, "*p 3 3"], shift: Float[np.ndarray, "*p 3"]) -> "Panels":
        """The panels turned, then shifted; one motion for all, or one for each."""
        turned_back = np.swapaxes(rotation, -1, -2)
        return Panels(
            np.matmul(self.origin[:, None], turned_back)[:, 0] + shift,
            np.matmul(self.edges, turned_back),
            np.matmul(self.normals, turned_back),
            self.offset,
            self.span,
            self.half,
            self.material,
            self.label,
        )


def unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """The vectors with length 1."""
    return vectors / (np.sqrt((vectors**2).sum(1, keepdims=True)) + 1e-12)


def turned(angle: float | np.ndarray) -> Float[np.ndarray, "*n 3 3"]:
    """Rotation about the vertical by an angle in radians."""
    angle = np.asarray(angle, float)
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = np.cos(angle)
    matrix[..., 1, 0] = np.sin(angle)
    matrix[..., 0, 1] = -matrix[..., 1, 0]
    matrix[..., 2, 2] = 1
    return matrix


class Builder:
    """Collects the parts of a room."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.label = ROOM
        self._places: list[tuple[float, float, float, float]] = [(0.0, 0.0, 0.0, 0.0)]
        self._boxes: list[tuple] = []
        self._panels: list[tuple] = []
        self._smooth: list[tuple] = []

    def place(self, x: float = 0.0, y: float = 0.0, yaw: float = 0.0, z: float = 0.0, label: int = OBJECT) -> None:
        """Start a thing: parts that follow stand in its frame, which is at (x, y, z) and turned by yaw (radians)."""
        self.label = label
        self._places.append((x, y, z, yaw))

    def box(self, low: Values, high: Values, material: int, sides: int = 5) -> None:
        """A box between two corners; 5 sides leave out the bottom, 6 are all."""
        self._boxes.append((*low, *high, material, self.label, len(self._places) - 1, sides))  # type: ignore[misc]

    def panel(self, origin: Values, first: Values, second: Values, material: int, half: bool = False) -> None:
        """A parallelogram, or half of one; its normal is the product of its edges."""
        self._panels.append((*origin, *first, *second, half, material, self.label, len(self._places) - 1))  # type: ignore[misc]

    def many(
        self,
        origin: Float[np.ndarray, "n 3"],
        first: Float[np.ndarray, "n 3"],
        second: Float[np.ndarray, "n 3"],
        materials: Int[np.ndarray, "n"],
    ) -> None:
        """Many parallelograms at once; leaves."""
        count = len(origin)
        rest = np.tile([0.0, 0, self.label, len(self._places) - 1], (count, 1))
        rest[:, 1] = materials
        self._panels.extend(map(tuple, np.concatenate([origin, first, second, rest], axis=1).tolist()))

    def strip(
        self,
        below: Float[np.ndarray, "n 3"],
        above: Float[np.ndarray, "n 3"],
        normals: Float[np.ndarray, "n 3"],
        material: int,
    ) -> None:
        """A smooth band between two lines of equally many points; cloth, columns, bowls."""
        first, second = below[1:] - below[:-1], above[1:] - above[:-1]
        up, n, m = above - below, normals[:-1], normals[1:]
        steps = np.sqrt((first**2).sum(1))
        span = np.stack([steps, np.sqrt((up[:-1] ** 2).sum(1))], axis=1)
        start = np.stack([steps.cumsum() - steps, np.zeros_like(steps)], axis=1)
        parts, offset = np.stack([below[:-1], first, up[:-1], n, m, n], axis=1), start
        whole = bool(abs(second - first).max() < 1e-9)
        if not whole:
            upper = np.stack([above[1:], -second, -up[1:], m, n, m], axis=1)
            parts, offset, span = (
                np.concatenate(pair) for pair in ((parts, upper), (offset, start + span), (span, -span))
            )
        self._smooth.append((parts, offset, span, not whole, material, self.label, len(self._places) - 1))

    def lathe(self, profile: Values, material: int, sides: int = 10, at: tuple[float, float] = (0.0, 0.0)) -> None:
        """A body of revolution about the vertical.

        Args:
            profile: radius and height, from the bottom up, metres.
            material: index.
            sides: number of its sides.
            at: x and y of its axis.
        """
        angle = np.linspace(0, 2 * np.pi, sides + 1)
        ring = np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=1)
        radius, height = np.asarray(profile, float).T[:, :, None, None]
        up = np.array([0.0, 0, 1])
        points = np.array([*at, 0.0]) + radius * ring + height * up  # rings of points
        slope = (height[1:] - height[:-1]) * ring + (radius[:-1] - radius[1:]) * up
        normals = slope / (np.sqrt((slope**2).sum(2, keepdims=True)) + 1e-12)
        for below, above, outwards in zip(points[:-1], points[1:], normals, strict=True):
            self.strip(below, above, outwards, material)

    def panels(self) -> Panels:
        """All parts as panels in the world."""
        places = np.array(self._places)
        found = [*self._from_boxes(), *self._from_panels(), *self._from_strips()]
        joined = Panels(*(np.concatenate([getattr(part, field.name) for part, _ in found]) for field in fields(Panels)))
        where = places[np.concatenate([place for _, place in found])]
        return joined.moved(turned(where[:, 3]), where[:, :3])

    def blocks(self) -> Float[np.ndarray, "b 7"]:
        """Boxes that keep light away: middle, half of the size, and yaw, of all boxes of a thing that are not thin."""
        rows = np.array([row for row in self._boxes if row[7] == OBJECT], float).reshape(-1, 10)
        middle, half = (rows[:, 0:3] + rows[:, 3:6]) / 2, (rows[:, 3:6] - rows[:, 0:3]) / 2
        where = np.array(self._places)[rows[:, 8].astype(int)]
        middle = np.einsum("bij,bj->bi", turned(where[:, 3]), middle) + where[:, :3]
        found = np.concatenate([middle, half, where[:, 3:]], axis=1)
        area = np.sort(half, axis=1)[:, 1:].prod(1)
        order = np.argsort(-area, kind="stable")[:MAX_BLOCKS]
        return found[order][area[order] > MIN_BLOCK]

    def _from_boxes(self):
        if not self._boxes:
            return
        rows = np.array(self._boxes, float)
        low, high = rows[:, :3], rows[:, 3:6]
        middle, half = (low + high) / 2, (high - low) / 2
        corners = middle[:, None, None] * np.array([1.0, 0, 0])[:, None] + half[:, None, None] * _BOX
        kept = (np.arange(6) < rows[:, 9:10]).ravel()
        parts = corners.reshape(-1, 3, 3)[kept]
        kinds = np.repeat(rows[:, 6:9].astype(int), 6, axis=0)[kept]
        yield self._flat(parts, np.zeros(len(parts), bool), kinds)

    def _from_panels(self):
        if not self._panels:
            return
        rows = np.array(self._panels, float)
        yield self._flat(rows[:, :9].reshape(-1, 3, 3), rows[:, 9] > 0, rows[:, 10:13].astype(int))

    def _from_strips(self):
        for parts, offset, span, half, material, label, place in self._smooth:
            count = len(parts)
            flags = np.full(count, half), np.full(count, material), np.full(count, label)
            yield Panels(parts[:, 0], parts[:, 1:3], parts[:, 3:], offset, span, *flags), np.full(count, place)

    def _flat(self, parts: np.ndarray, half: np.ndarray, kinds: np.ndarray) -> tuple[Panels, np.ndarray]:
        """Panels with one normal each; textures start at random places."""
        edges = parts[:, 1:]
        normal = unit(np.cross(edges[:, 0], edges[:, 1]))
        normals = np.repeat(normal[:, None], 3, axis=1)
        offset = self.rng.uniform(0, 8, (len(parts), 2))
        span = np.linalg.norm(edges, axis=2)
        return Panels(parts[:, 0], edges, normals, offset, span, half, kinds[:, 0], kinds[:, 1]), kinds[:, 2]
