"""Where things may stand in a room: not in the person, not in a camera, not between the two, not in one another."""

import math
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.rooms.surfaces import turned

STEPS = 24
"""Points that are tested on each line from a camera to the person; chosen by hand: every 6 to 20 cm."""
CLEARANCE = 0.25
"""Free space around each camera, metres; chosen by hand: a body and a tripod's head."""
GAP = 0.03
"""Free space between things, metres."""
_TRIES, _TRIES_BEFORE = 14, 20
"""Places that are tried for a thing, and for one before the person. Chosen by hand."""
MARGIN = 0.1
"""Free space between things and lines of sight, metres."""


@dataclass
class Plan:
    """The floor plan, in the frame of the room, whose origin is below the person."""

    low: Float[np.ndarray, "2"]  # corner of the floor, metres
    high: Float[np.ndarray, "2"]  # opposite corner
    height: float  # of the room, metres
    eyes: Float[np.ndarray, "n 3"]  # centres of the cameras
    person: Float[np.ndarray, "k 3"]  # points that bound the person
    reach: float  # radius of the circle on the floor that the person needs
    # x, y, half sizes and yaw of what stands there
    taken: list[tuple[float, float, float, float, float]] = field(default_factory=list)

    def __post_init__(self):
        share = np.linspace(0, 1, STEPS)[:, None, None, None]
        self.sight = ((1 - share) * self.eyes[:, None] + share * self.person).reshape(-1, 3)

    def free(
        self, x: float, y: float, half: tuple[float, float], yaw: float, bottom: float, top: float, seen: bool = True
    ) -> bool:
        """Whether a box may stand at a place.

        Args:
            x: of its middle.
            y: of its middle.
            half: half of its width and depth.
            yaw: radians.
            bottom: of the box, metres.
            top: of the box, metres.
            seen: whether it has to leave the lines of sight free.
        """
        cos, sin = math.cos(yaw), math.sin(yaw)
        wide = abs(cos) * half[0] + abs(sin) * half[1]
        deep = abs(sin) * half[0] + abs(cos) * half[1]
        if not (self.low[0] + 0.01 < x - wide and x + wide < self.high[0] - 0.01):
            return False
        if not (self.low[1] + 0.01 < y - deep and y + deep < self.high[1] - 0.01):
            return False
        nearest = abs(cos * x + sin * y) - half[0], abs(cos * y - sin * x) - half[1]
        if math.hypot(max(nearest[0], 0), max(nearest[1], 0)) < self.reach:
            return False
        if any(self._overlap((x, y, *half, yaw), other) for other in self.taken):
            return False
        size = np.array([*half, (top - bottom) / 2])
        frame = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        middle = np.array([x, y, (top + bottom) / 2])
        if (abs((self.eyes - middle) @ frame) < size + CLEARANCE).all(1).any():
            return False
        return not seen or not (abs((self.sight - middle) @ frame) < size + MARGIN).all(1).any()

    def take(self, x: float, y: float, half: tuple[float, float], yaw: float) -> None:
        """Mark a place as taken."""
        self.taken.append((x, y, *half, yaw))

    def along_wall(
        self, rng: np.random.Generator, size: tuple[float, float, float]
    ) -> tuple[float, float, float] | None:
        """A free place for a thing of a width, depth and height (metres) with its back to a wall.

        x, y and yaw, taken at once; None where none was found.
        """
        half = size[0] / 2, size[1] / 2
        for _ in range(_TRIES):
            side = int(rng.integers(4))
            yaw = (0.0, -np.pi / 2, np.pi, np.pi / 2)[side]  # the back, +y, towards +y, +x, -y, -x
            gap = half[1] + rng.uniform(0.02, 0.08)
            span = self.low, self.high
            along = [
                rng.uniform(span[0][i] + half[0], max(span[1][i] - half[0], span[0][i] + half[0] + 0.01))
                for i in (0, 1)
            ]
            x = (along[0], self.high[0] - gap, along[0], self.low[0] + gap)[side]
            y = (self.high[1] - gap, along[1], self.low[1] + gap, along[1])[side]
            if self.free(x, y, half, yaw, 0.0, size[2]):
                self.take(x, y, half, yaw)
                return x, y, yaw
        return None

    def anywhere(self, rng: np.random.Generator, size: tuple[float, float, float]) -> tuple[float, float, float] | None:
        """A free place on the floor, as `along_wall`, turned at random."""
        half = size[0] / 2, size[1] / 2
        for _ in range(_TRIES):
            x, y = rng.uniform(self.low + half[0], np.maximum(self.high - half[0], self.low + half[0] + 0.01))
            yaw = rng.uniform(0, 2 * np.pi)
            if self.free(x, y, half, yaw, 0.0, size[2]):
                self.take(x, y, half, yaw)
                return float(x), float(y), float(yaw)
        return None

    def before(self, rng: np.random.Generator, width: float) -> tuple[float, float, float] | None:
        """A place between a camera and the person, and a height at which a thing hides up to a quarter of them."""
        feet, head = self.person[:, 2].min(), self.person[:, 2].max()
        for _ in range(_TRIES_BEFORE):
            eye = self.eyes[rng.integers(len(self.eyes))]
            share = rng.uniform(0.3, 0.75)
            aim = np.array([*rng.uniform(-0.35, 0.35, 2), 0.0])
            at = (1 - share) * eye + share * aim
            low, high = ((1 - share) * eye[2] + share * z for z in (feet, head))
            top = low + rng.uniform(0.04, 0.25) * (high - low)
            if 0.12 < top < 1.4 and self.free(at[0], at[1], (width / 2, width / 2), 0.0, 0.0, top, seen=False):
                self.take(at[0], at[1], (width / 2, width / 2), 0.0)
                return float(at[0]), float(at[1]), float(top)
        return None

    def _overlap(self, one: tuple[float, ...], other: tuple[float, ...]) -> bool:
        """Whether two rectangles touch, by the separating axes of both."""
        between = np.array(other[:2]) - one[:2]
        if between @ between > (one[2] + one[3] + other[2] + other[3] + GAP) ** 2:
            return False
        axes = np.concatenate([turned(one[4])[:2, :2].T, turned(other[4])[:2, :2].T])
        reach = [abs(axes @ turned(box[4])[:2, :2]) @ np.array(box[2:4]) for box in (one, other)]
        return bool((abs(axes @ between) < reach[0] + reach[1] + GAP).all())
