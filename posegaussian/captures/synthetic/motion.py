"""Smooth movements within the limits of the joints, as functions of time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.captures.synthetic.body import BodyModel

Angles = dict[str, float]
"""Bends in radians by name. With `left_` or `right_` in front: elbow, knee, hip (thigh forward), spread (thigh
outward), raise (arm outward, from hanging), swing (arm forward), twist (upper arm about itself: the forearm inward).
Of trunk and head: lean, bend, turn, nod, look."""

FORWARD = np.array([0.0, -1.0, 0.0])
UP = np.array([0.0, 0.0, 1.0])

LIMITS = {
    "elbow": (0.0, 2.3),
    "knee": (0.0, 2.1),
    "hip": (-0.5, 1.7),
    "spread": (-0.12, 0.6),
    "raise": (0.05, 2.4),
    "swing": (-0.7, 2.2),
    "twist": (-1.3, 0.7),
    "lean": (-0.2, 0.7),
    "bend": (-0.3, 0.3),
    "turn": (-0.5, 0.5),
    "nod": (-0.4, 0.4),
    "look": (-0.7, 0.7),
}
"""Of every bend, radians."""


@dataclass(frozen=True)
class Motion:
    """A movement: bends at each time, and the way the whole person faces.

    Args:
        angles: bends at a time in seconds.
        heading: turn about the vertical at a time, radians; 0 faces the rig's middle.
    """

    angles: Callable[[float], Angles]
    heading: Callable[[float], float]

    def rotations(self, time: float, body: BodyModel, heads: Float[np.ndarray, "b 3"]) -> Float[np.ndarray, "b 3 3"]:
        """Rotation of each bone against its parent, in rest axes."""
        angles = {
            name: float(np.clip(value, *LIMITS[name.split("_")[-1]])) for name, value in self.angles(time).items()
        }
        rotations = np.tile(np.eye(3), (len(body.bones), 1, 1))
        place = {name: heads[i] for i, name in enumerate(body.bones)}
        for name, rotation in [*_trunk(angles), *_limbs("left", angles, place), *_limbs("right", angles, place)]:
            rotations[body.bones.index(name)] = rotation
        rotations[0] = turn(UP, self.heading(time)) @ rotations[0]
        return rotations


def turn(axis: Float[np.ndarray, "3"], angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def _trunk(angles: Angles):
    """Lean forward, bend to the left, turn to the left, spread over the spine; the head nods and looks to the left."""
    spine = ("spine05", "spine04", "spine03", "spine02", "spine01")
    right = np.cross(FORWARD, UP)
    part = turn(UP, angles["turn"] / 5) @ turn(FORWARD, angles["bend"] / 5) @ turn(-right, angles["lean"] / 5)
    for name in spine:
        yield name, part
    part = turn(UP, angles["look"] / 3) @ turn(-right, angles["nod"] / 3)
    for name in ("neck01", "neck02", "head"):
        yield name, part


def _limbs(side: str, angles: Angles, place: dict[str, np.ndarray]):
    """Arm and leg of one side."""
    end, outward = (".L", np.array([1.0, 0, 0])) if side == "left" else (".R", np.array([-1.0, 0, 0]))
    bend = {name: angles[f"{side}_{name}"] for name in ("elbow", "knee", "hip", "spread", "raise", "swing", "twist")}
    arm = place["lowerarm01" + end] - place["upperarm01" + end]
    forearm = place["wrist" + end] - place["lowerarm01" + end]
    shin = place["foot" + end] - place["lowerleg01" + end]
    hanging = float(np.arctan2(arm @ outward, -arm @ UP))
    lift = np.cross(-UP, outward)
    swing = np.cross(-UP, FORWARD)
    shoulder = turn(swing, bend["swing"]) @ turn(lift, bend["raise"] - hanging) @ turn(arm, bend["twist"] * outward[0])
    yield "shoulder01" + end, turn(lift, 0.25 * (bend["raise"] - hanging))
    yield "upperarm01" + end, turn(lift, -0.25 * (bend["raise"] - hanging)) @ shoulder
    straight = float(np.arccos(arm @ forearm / np.linalg.norm(arm) / np.linalg.norm(forearm)))
    yield "lowerarm01" + end, turn(np.cross(arm, forearm), bend["elbow"] - straight)
    yield from _fingers(end, place, 0.3)
    thigh = turn(swing, bend["hip"]) @ turn(lift, bend["spread"])
    yield "upperleg01" + end, thigh
    yield "lowerleg01" + end, turn(np.cross(shin, -FORWARD), bend["knee"])
    yield "foot" + end, turn(np.cross(shin, FORWARD), bend["hip"] - bend["knee"]).T


def _fingers(end: str, place: dict[str, np.ndarray], curl: float):
    """The three bones of each of four fingers, bent towards the palm as in a hand at rest."""
    across = place["finger2-1" + end] - place["finger5-1" + end]
    for finger, bone in np.ndindex(4, 3):
        yield f"finger{finger + 2}-{bone + 1}{end}", turn(across, (curl if end == ".L" else -curl))


def _standing(rng: np.random.Generator) -> Callable[[float], Angles]:
    """A relaxed stance that sways a little: the ground that the movements build on."""
    amplitude = {"elbow": 0.12, "knee": 0.03, "hip": 0.03, "spread": 0.02, "raise": 0.06, "swing": 0.08, "twist": 0.15}
    middle = {"elbow": 0.45, "knee": 0.08, "hip": 0.06, "spread": 0.02, "raise": 0.28, "swing": 0.05, "twist": 0.0}
    names = [f"{side}_{name}" for side in ("left", "right") for name in amplitude]
    trunk = {"lean": 0.06, "bend": 0.05, "turn": 0.1, "nod": 0.1, "look": 0.25}
    size = np.array([*(amplitude[name.split("_")[1]] for name in names), *trunk.values()])
    base = np.array([*(middle[name.split("_")[1]] for name in names), 0.04, 0, 0, 0, 0])
    names += list(trunk)
    rate, phase = rng.uniform(1.5, 4.0, len(names)), rng.uniform(0, 2 * np.pi, len(names))
    base = base + size * rng.uniform(-0.8, 0.8, len(names))
    return lambda time: dict(zip(names, base + size * np.sin(rate * time + phase), strict=True))


def walk(rng: np.random.Generator) -> Callable[[float], Angles]:
    """Steps on the spot, the arms against the legs."""
    rate, phase, stride = rng.uniform(5.0, 6.2), rng.uniform(0, 2 * np.pi), rng.uniform(0.36, 0.46)

    def moves(time):
        cycle = rate * time + phase
        change = {"turn": 0.12 * np.sin(cycle), "lean": 0.05}
        for side, sign in (("left", 1), ("right", -1)):
            step = sign * np.sin(cycle)
            lift = (0.5 + 0.5 * sign * np.cos(cycle)) ** 2
            change |= {f"{side}_hip": stride * step + 0.1, f"{side}_knee": 0.1 + 0.85 * lift}
            change |= {f"{side}_swing": -0.5 * step, f"{side}_elbow": 0.3 - 0.2 * step}
        return change

    return moves


def wave(rng: np.random.Generator) -> Callable[[float], Angles]:
    """One arm raised and waving, the other on its way somewhere."""
    side, other = rng.permutation(["left", "right"])
    rate, phase, height = rng.uniform(7, 9), rng.uniform(0, 2 * np.pi), rng.uniform(1.3, 1.7)

    def moves(time):
        beat = np.sin(rate * time + phase)
        return {
            f"{side}_raise": height + 0.12 * beat,
            f"{side}_swing": 0.25,
            f"{side}_twist": -1.0,
            f"{side}_elbow": 1.15 + 0.45 * beat,
            f"{other}_swing": 0.3 + 0.2 * np.sin(2.5 * time),
            "bend": 0.1 * beat,
        }

    return moves


def squat(rng: np.random.Generator) -> Callable[[float], Angles]:
    """Up and down, the arms held out in front."""
    rate, phase, depth = rng.uniform(3.5, 4.5), rng.uniform(0, 2 * np.pi), rng.uniform(0.8, 1.1)

    def moves(time):
        down = 0.5 - 0.5 * np.cos(rate * time + phase)
        change = {"lean": 0.1 + 0.35 * down, "nod": -0.2 * down}
        for side in ("left", "right"):
            change |= {f"{side}_hip": depth * down, f"{side}_knee": 1.6 * depth * down + 0.05, f"{side}_spread": 0.12}
            change |= {f"{side}_swing": 0.2 + 0.9 * down, f"{side}_elbow": 0.5, f"{side}_raise": 0.25}
        return change

    return moves


def dance(rng: np.random.Generator) -> Callable[[float], Angles]:
    """Trunk and arms turn from side to side over bending knees."""
    rate, phase = rng.uniform(4.5, 6), rng.uniform(0, 2 * np.pi)

    def moves(time):
        beat, bounce = np.sin(rate * time + phase), 0.5 - 0.5 * np.cos(2 * rate * time + phase)
        change = {"turn": 0.35 * beat, "bend": 0.1 * beat, "look": -0.2 * beat}
        for side, sign in (("left", 1), ("right", -1)):
            change |= {f"{side}_knee": 0.15 + 0.3 * bounce, f"{side}_hip": 0.08 + 0.15 * bounce, f"{side}_spread": 0.08}
            change |= {f"{side}_raise": 0.55 + 0.25 * sign * beat, f"{side}_elbow": 1.2 + 0.3 * beat}
            change |= {f"{side}_swing": 0.25 + 0.3 * sign * beat}
        return change

    return moves


MOVES = (walk, wave, dance, squat)
"""Makers of movements."""


def make_motion(kind: int, rng: np.random.Generator) -> Motion:
    """A movement of one kind on top of a swaying stance, before a rig that the person roughly faces."""
    stance, moves = _standing(rng), MOVES[kind % len(MOVES)](rng)
    start, speed, phase = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(0, 2 * np.pi)
    return Motion(
        angles=lambda time: {**stance(time), **moves(time)},
        heading=lambda time: start + 0.4 * speed * np.sin(1.5 * time + phase),
    )
