"""A room that is being built: its size, what stands in it, its lamps, and the colours of its sides."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from posegaussian.config.people import BoardSettings
from posegaussian.synthetic.motion.motion import WALKING_SPEED
from posegaussian.synthetic.rooms.floor_board import LIFTED, put_down
from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.pictures import Picture
from posegaussian.synthetic.rooms.plan import Plan
from posegaussian.synthetic.rooms.room import NOWHERE
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM, Builder, turned
from posegaussian.synthetic.rooms.things import THINGS
from posegaussian.synthetic.things.board import Board

YAWS = (0.0, -np.pi / 2, np.pi, np.pi / 2)
"""Directions of the four walls: a thing turned by one of them has its back to the wall at +y, +x, -y or -x."""
OTHER_REACH = 0.55
"""Half of the space on the floor that another person needs, metres; their sequence may start aside of their place."""
WAY_STEP, LONGEST_WAY = 0.25, 3.0
"""A person's way past is tried in such steps, and is at most this long before and behind its middle, metres."""
SLOWEST = 0.3
"""People whose way is too short for this speed stand, metres per second; chosen by hand."""


@dataclass(frozen=True)
class Lamp:
    """A lamp or a window in the frame of the room."""

    centre: Float[np.ndarray, "3"]  # metres
    axes: Float[np.ndarray, "2 3"]  # half of its sides, metres
    facing: Float[np.ndarray, "3"]  # its normal; 0: it shines in all directions
    fades: bool = True  # whether its light falls with the square of the distance


@dataclass
class Site:
    """A room that is being built, in a frame of its own with the origin below the person."""

    rng: np.random.Generator  # draws everything
    plan: Plan  # where things may stand
    clutter: float  # amount of furniture, 0..1
    builder: Builder  # collects surfaces
    palette: Palette  # collects materials
    lamps: list[Lamp] = field(default_factory=list)  # the first ones light the person
    # colours of low x, high x, low y, high y, floor and ceiling
    sides: Float[np.ndarray, "6 3"] = field(default_factory=lambda: np.full((6, 3), 0.5))
    sky: float = 0.0  # brightness of the far surroundings; 0: nothing of them is seen
    # x, y, yaw and walking speed of other people
    others: list[tuple[float, float, float, float]] = field(default_factory=list)
    # inner corners of a calibration board on the floor
    corners: Float[np.ndarray, "c 3"] = field(default_factory=lambda: NOWHERE)
    gloss: float = 0.0  # how polished the floor is, if it is hard
    ground: int | None = None  # material of the floor; None outdoors
    # material, share of the light reflected at normal incidence, and gloss (0..1) of flat mirrors
    polished: list[tuple[int, float, float]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)  # on posters
    # from and to along each wall, what hangs there or opens it, metres
    occupied: list[list[tuple[float, float]]] = field(default_factory=lambda: [[] for _ in range(4)])

    @property
    def height(self) -> float:
        """Of the room, metres."""
        return self.plan.height

    def wall(self, side: int) -> tuple[Float[np.ndarray, "2"], float, float]:
        """Where the middle of a wall stands, its yaw (see `YAWS`), and half of its length."""
        low, high = self.plan.low, self.plan.high
        middle = (low + high) / 2
        half = (high - low) / 2
        places = ((middle[0], high[1]), (high[0], middle[1]), (middle[0], low[1]), (low[0], middle[1]))
        return np.array(places[side]), YAWS[side], float(half[side % 2])

    def at_wall(self, side: int, along: float = 0.0, label: int = ROOM) -> None:
        """Continue in the frame of a wall: x along it, y = 0 in its plane and negative inside, z up."""
        middle, yaw, _ = self.wall(side)
        self.builder.place(middle[0] + along * np.cos(yaw), middle[1] + along * np.sin(yaw), yaw, label=label)

    def in_room(self, side: int, along: float, y: float, z: float) -> Float[np.ndarray, "3"]:
        """A point of the frame of a wall in the frame of the room."""
        middle, yaw, _ = self.wall(side)
        across = np.array([np.cos(yaw), np.sin(yaw)]) * along + np.array([-np.sin(yaw), np.cos(yaw)]) * y
        return np.array([*(middle + across), z])

    def wall_towards(self, direction: Float[np.ndarray, "2"]) -> tuple[int, float]:
        """The wall that a ray from the origin meets, and where along it."""
        ends = [(self.plan.high, self.plan.low)[int(direction[i] < 0)][i] / direction[i] for i in (0, 1)]
        axis = int(np.argmin(ends))
        side = (1, 0)[axis] + 2 * int(direction[axis] < 0)
        at = np.append(min(ends) * direction, 0.0) - self.in_room(side, 0.0, 0.0, 0.0)
        return side, float(at @ turned(YAWS[side])[:, 0])

    def furnish(self, names: dict[str, float], walls: bool = True) -> None:
        """Put furniture where it fits.

        Args:
            names: of things, with the expected number of each in a full room.
            walls: whether they stand at the walls.
        """
        for name, number in names.items():
            thing = THINGS[name]
            for _ in range(self.rng.poisson(number * self.clutter)):
                size = thing.size(self.rng)
                size = *size[:2], min(size[2], self.height - 0.05)
                place = self.plan.along_wall(self.rng, size) if walls else self.plan.anywhere(self.rng, size)
                if place:
                    self.builder.place(*place)
                    thing.build(self.builder, self.palette, self.rng, size)

    def other(self, passing: float = 0.0, seconds: float = 0.0) -> None:
        """Put another person behind the person or aside, as a camera sees them, if there is a place.

        Args:
            passing: probability that they walk.
            seconds: how long they walk, 0: they stand; they reach the middle of their way after half of it.
        """
        half = (OTHER_REACH, OTHER_REACH)
        for _ in range(20):
            eye = self.plan.eyes[self.rng.integers(len(self.plan.eyes)), :2]
            away = np.arctan2(-eye[1], -eye[0]) + self.rng.uniform(-0.8, 0.8)
            x, y = self.rng.uniform(1.0, 6.0) * np.array([np.cos(away), np.sin(away)])
            if self.plan.free(x, y, half, 0.0, 0.0, 1.95):
                yaw = float(self.rng.uniform(0, 2 * np.pi))
                way = self._way(x, y, yaw) if passing and seconds and self.rng.uniform() < passing else 0.0
                speed = min(WALKING_SPEED, 2 * way / max(seconds, 1e-6))
                way, speed = (way, speed) if speed > SLOWEST else (0.0, 0.0)
                self.plan.take(x, y, (OTHER_REACH, OTHER_REACH + way), yaw if way else 0.0)
                self.others.append((float(x), float(y), yaw, speed))
                return

    def _way(self, x: float, y: float, yaw: float) -> float:
        """How far a person may walk before and behind a place, metres, along their own y axis."""
        along, half = turned(yaw)[:2, 1], (OTHER_REACH, OTHER_REACH)
        for way in np.arange(WAY_STEP, LONGEST_WAY, WAY_STEP):
            ends = np.array([x, y]) + np.outer([-way, way], along)
            if not all(self.plan.free(end[0], end[1], half, 0.0, 0.0, 1.95) for end in ends):
                return float(way - WAY_STEP)
        return LONGEST_WAY

    def board(self, settings: BoardSettings) -> bool:
        """Put a calibration board on the floor behind the person and aside; whether there was a place for it."""
        board = Board.of(settings)
        half = (0.5 * board.size[0], 0.5 * board.size[1])
        ahead = self.plan.eyes[:, :2].mean(0)
        for attempt in range(40):
            apart = self.rng.uniform(2.2, 2.7) if attempt < 20 else self.rng.uniform(0, np.pi)
            aside = np.arctan2(ahead[1], ahead[0]) + self.rng.choice([-1, 1]) * apart
            away = self.plan.reach + half[0] + self.rng.uniform(0.02, 0.1)
            x, y, yaw = away * np.cos(aside), away * np.sin(aside), aside + self.rng.choice([0, np.pi])
            if self.plan.free(x, y, half, yaw, 0.0, LIFTED, seen=False):
                self.plan.take(x, y, half, yaw)
                self.builder.place(x, y, yaw, LIFTED)
                self.corners = put_down(self.builder, self.palette, board) @ turned(yaw).T + [x, y, LIFTED]
                return True
        return False

    def before(self) -> bool:
        """Put a thing between a camera and the person; whether there was a place for it."""
        name = str(self.rng.choice(["cardboard", "plant", "crate", "chair"]))
        width = float(self.rng.uniform(0.3, 0.55))
        place = self.plan.before(self.rng, width)
        if place is None:
            return False
        x, y, top = place
        if name == "chair":
            name = "chair" if 0.6 < top < 1.1 else "cardboard"
        self.builder.place(x, y, self.rng.uniform(-np.pi, np.pi), label=OBJECT)
        THINGS[name].build(self.builder, self.palette, self.rng, (0.7 * width, 0.7 * width, top))
        return True

    def ceiling_lamp(self, x: float, y: float, half: tuple[float, float], z: float | None = None) -> Lamp:
        """A lamp that shines down."""
        return Lamp(
            np.array([x, y, (self.height if z is None else z) - 0.02]),
            np.array([[half[0], 0, 0], [0, half[1], 0]]),
            np.array([0.0, 0, -1]),
        )
