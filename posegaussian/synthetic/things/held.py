"""Things in one or two hands: box, ball, phone, stick, calibration board. Sizes are chosen by eye, metres.

What one hand holds moves with that hand. What two hands hold moves with the chest, and the arms are bent so that both
palms lie on its sides.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from posegaussian.config.people import BoardSettings
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.outfits import cloth_colour
from posegaussian.synthetic.mesh.textures import hsv_to_rgb
from posegaussian.synthetic.motion.poses import Angles, Skeleton
from posegaussian.synthetic.things import finishes
from posegaussian.synthetic.things.board import Board
from posegaussian.synthetic.things.grips import CHEST, SIDES, Palm, reaching
from posegaussian.synthetic.things.shapes import at, capped, placed, solid
from posegaussian.synthetic.things.wearer import Wearer

GAP = 0.012
"""Distance of a thing from the clothes behind it, metres."""
FINGERTIPS = 0.016
"""How far the tips of the half-open fingers stand out of the plane of the palm's skin, metres."""
TOUCH = 0.004
"""Distance of the palms' skin from what they hold, metres."""


@dataclass(frozen=True)
class Held:
    """A thing in the hands."""

    submeshes: list[Submesh]  # at rest
    angles: Angles  # bends of the arms that hold it
    # of a calibration board, at rest, metres
    corners: Float[np.ndarray, "n 3"] = field(default_factory=lambda: np.empty((0, 3)))


def box(wearer: Wearer, skeleton: Skeleton, _: BoardSettings) -> Held:
    """A cardboard box in both hands."""
    rng = wearer.rng
    half = np.array([rng.uniform(0.11, 0.19), rng.uniform(0.08, 0.14), rng.uniform(0.06, 0.13)])
    centre, angles = _before_chest(wearer, skeleton, half, 0.36)
    material = finishes.cardboard(half, cloth_colour(rng), wearer.seed())
    return Held([Submesh(placed(solid(half, 14.0), at(centre), wearer.bone(CHEST)), material)], angles)


def ball(wearer: Wearer, skeleton: Skeleton, _: BoardSettings) -> Held:
    """A large ball in both hands, or a small one in one hand."""
    rng = wearer.rng
    large = rng.uniform() < 0.6
    radius = rng.uniform(0.09, 0.125) if large else rng.uniform(0.033, 0.05)
    material = finishes.ball(radius, cloth_colour(rng), cloth_colour(rng), int(rng.choice([4, 6, 8])), wearer.seed())
    if large:
        centre, angles = _before_chest(wearer, skeleton, np.full(3, radius), rng.uniform(0.38, 0.5))
        return Held([Submesh(placed(solid([radius] * 3, 2.0), at(centre), wearer.bone(CHEST)), material)], angles)
    side, palm, angles = _raised(wearer, skeleton, [0.26, -0.26, 0.42], [-0.5, 0.0, 0.85], 0.45)
    middle = palm.middle + (radius + TOUCH) * palm.normal
    return Held([Submesh(placed(solid([radius] * 3, 2.0), at(middle), _hand(wearer, side)), material)], angles)


def phone(wearer: Wearer, skeleton: Skeleton, _: BoardSettings) -> Held:
    """A telephone before the chest, its screen towards the face."""
    half = wearer.rng.uniform(0.9, 1.1) * np.array([0.036, 0.0045, 0.075])
    side, palm, angles = _raised(wearer, skeleton, [0.1, -0.30, 0.5], [0.0, 0.75, 0.65], 0.05)
    middle = palm.middle + (half[1] + FINGERTIPS) * palm.normal
    pose = _posed(middle, -palm.normal, palm.fingers)
    return Held(
        [Submesh(placed(solid(half, 10.0), pose, _hand(wearer, side)), finishes.phone(half, wearer.seed()))], angles
    )


def stick(wearer: Wearer, skeleton: Skeleton, _: BoardSettings) -> Held:
    """A stick in a fist, about upright."""
    rng = wearer.rng
    radius, length = rng.uniform(0.009, 0.014), rng.uniform(0.5, 1.1)
    side, palm, angles = _raised(wearer, skeleton, [0.3, -0.24, 0.36], [-1.0, 0.0, 0.0], 1.1)
    middle = palm.middle + (radius + TOUCH) * palm.normal
    path = np.linspace(-0.5, 0.5, int(length / 0.02))[:, None] * [0, 0, length]
    pose = _posed(middle, palm.normal, palm.across)
    material = finishes.wood(
        hsv_to_rgb(rng.uniform(0.05, 0.1), rng.uniform(0.3, 0.6), rng.uniform(0.25, 0.7)), wearer.seed()
    )
    return Held([Submesh(placed(capped(path, radius), pose, _hand(wearer, side)), material)], angles)


def board(wearer: Wearer, skeleton: Skeleton, settings: BoardSettings) -> Held:
    """A calibration board in both hands, its print to the front."""
    made, rng = Board.of(settings), wearer.rng
    half = np.array([made.size[0] / 2, 0.05, made.size[1] / 2])
    centre, angles = _before_chest(wearer, skeleton, half, max(0.42, half[2] / wearer.scale + 0.2))
    lean, turn = rng.uniform(-0.25, 0.25, 2)
    down = np.array([0.0, np.sin(lean), -np.cos(lean)])
    right = np.array([1.0, 0, 0])  # as one reads it, from before the person: towards their left, which is +x
    right = np.cos(0.3 * turn) * right + np.sin(0.3 * turn) * np.cross(right, down)
    into = np.cross(right, down)
    axes = np.stack([right, down, into], axis=1)
    pose = np.column_stack([axes, centre - axes[:, :2] @ (made.size / 2)])
    submeshes = [Submesh(*each) for each in made.surfaces(pose, wearer.bone(CHEST))]
    return Held(submeshes, angles, made.corners @ pose[:, :3].T + pose[:, 3])


HELD: dict[str, Callable[[Wearer, Skeleton, BoardSettings], Held]] = {
    "box": box,
    "ball": ball,
    "phone": phone,
    "stick": stick,
    "board": board,
}
"""What hands may hold."""


def _before_chest(
    wearer: Wearer, skeleton: Skeleton, half: Float[np.ndarray, "3"], height: float
) -> tuple[Float[np.ndarray, "3"], Angles]:
    """Place of a thing before the trunk at a canonical height, and bends of both arms that hold its sides."""
    z = wearer.on_body([0, 0, height])[2]
    reach = half[:2].max() + 0.03
    front = wearer.furthest([0, -1, 0], [(-reach, reach), (-0.5, 0.2), (z - half[2] - 0.03, z + half[2] + 0.03)])
    centre = np.array([0.0, -(front + half[1] + GAP), z])
    angles: Angles = {}
    for side, (_, sign) in SIDES.items():
        palm = Palm.of(skeleton, side, wearer.scale)
        out = np.array([sign, 0, 0])
        angles |= reaching(skeleton, side, palm, centre + (half[0] + TOUCH) * out, -out, 0.2)
    return centre, angles


def _raised(wearer: Wearer, skeleton: Skeleton, target: list, facing: list, curl: float) -> tuple[str, Palm, Angles]:
    """One side, its palm, and bends of the arm that bring it to a canonical place; given for the left side."""
    side = ("left", "right")[wearer.rng.integers(2)]
    mirror = np.array([SIDES[side][1], 1, 1])
    palm = Palm.of(skeleton, side, wearer.scale)
    return side, palm, reaching(skeleton, side, palm, wearer.on_body(mirror * target), mirror * facing, curl)


def _hand(wearer: Wearer, side: str) -> Float[np.ndarray, "b"]:
    return wearer.bone("wrist" + SIDES[side][0])


def _posed(place: np.ndarray, y: np.ndarray, z: np.ndarray) -> Float[np.ndarray, "3 4"]:
    """The pose of a thing at a place, from the directions of its second and third axis."""
    return np.column_stack([np.cross(y, z), y, z, place])
