"""Movements: bends of trunk and arms, and places of feet and hips, as functions of time in seconds.

A foot on the floor keeps its place until its next step; inverse kinematics bend the legs. Sizes and speeds without a
source are chosen by eye.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.mesh.textures import smoothstep
from posegaussian.synthetic.motion.poses import Angles, Foot, Stance, rotation_about
from posegaussian.synthetic.motion.relaxed import relaxed, waves

FloorPath = Callable[[float], tuple[Float[np.ndarray, "2"], float]]
"""Place on the floor (x, y), metres, and heading (radians, 0 is the negative y axis) at a time."""

MOVEMENT_SHARES = {"walk": 0.3, "turn": 0.1, "wave": 0.13, "squat": 0.1, "dance": 0.2, "stand": 0.12, "still": 0.05}
"""Kinds of movement and their shares; chosen by hand."""
NAMED_SHARES = MOVEMENT_SHARES | {"gesture": 0.2}
"""The same with those that are only drawn when they are named."""
WALKING_SPEED = 1.2
"""Speed of people who pass by, metres per second; a usual one."""
_STANDING = 0.62
"""Share of a foot's cycle in which it stands still; about 0.6 in human walking."""


@dataclass(frozen=True)
class Motion:
    """A movement."""

    name: str  # its kind
    angles: Callable[[float], Angles]  # bends of trunk and arms at a time
    stance: Callable[[float], Stance]  # feet and hips at a time
    speed: float = 1.0  # factor of time; 0 freezes the movement
    start: float = 0.0  # time at which it begins, seconds

    def at(self, time: float) -> tuple[Angles, Stance]:
        """Bends, feet and hips at a time in seconds."""
        own = self.start + self.speed * time
        return self.angles(own), self.stance(own)


def make_motion(name: str, size: float, rng: np.random.Generator) -> Motion:
    """A random movement of a kind for a person of this size (1: the mean adult), who faces -y within 0.9 radians."""
    if name == "still":
        moving = tuple(kind for kind in MOVEMENT_SHARES if kind != "still")
        motion = make_motion(moving[rng.integers(len(moving))], size, rng)
        return replace(motion, name=name, speed=0.0, start=rng.uniform(0, 10))
    base, facing = relaxed(rng), rng.uniform(-0.9, 0.9)
    angles, stance = MOVEMENTS[name](size, facing, rng)
    return Motion(name, lambda time: base(time) | angles(time), stance, start=rng.uniform(0, 5))


def steps(
    path: FloorPath, rate: float, width: float, lift: float, heel: float
) -> Callable[[float], tuple[Foot, Foot, float]]:
    """A function of time: both feet on a path, step by step, and the phase of the left foot's cycle (in cycles).

    Args:
        path: of the hips.
        rate: strides (of both feet) per second.
        width: distance of each foot from the path, metres.
        lift: height of a step, metres.
        heel: rise of the heel before a step, radians.
    """

    def foothold(number: float, offset: float, side: float) -> tuple[np.ndarray, float]:
        place, heading = path((number + 0.5 * _STANDING - offset) / rate)
        across = rotation_about(np.array([0.0, 0, 1]), heading)[:2, :2]
        return place + across @ [side * width, -0.06], heading - 0.12 * -side

    def foot(time: float, offset: float, side: float) -> Foot:
        cycle = rate * time + offset
        number, phase = float(np.floor(cycle)), float(cycle % 1)
        here, yaw = foothold(number, offset, side)
        if phase < _STANDING:
            rise = heel * float(smoothstep((phase - 0.55 * _STANDING) / (0.45 * _STANDING)))
            return Foot(np.array([*here, 0.0]), yaw, rise)
        there, later = foothold(number + 1, offset, side)
        share = (phase - _STANDING) / (1 - _STANDING)
        go = float(smoothstep(share))
        up = lift * np.sin(np.pi * share) ** 2
        place = here + go * (there - here)
        return Foot(np.array([*place, up]), yaw + go * (later - yaw), heel * float(1 - smoothstep(share / 0.8)))

    return lambda time: (foot(time, 0.0, 1.0), foot(time, 0.5, -1.0), rate * time)


def planted(width: float, facing: float, rng: np.random.Generator) -> tuple[Foot, Foot]:
    """Two feet side by side, one a little ahead, turned out."""
    across = rotation_about(np.array([0.0, 0, 1]), facing)[:2, :2]
    ahead = rng.uniform(-0.06, 0.06)
    feet = []
    for side in (1, -1):
        place = across @ [side * width * rng.uniform(0.9, 1.1), -0.08 + side * ahead]
        feet.append(Foot(np.array([*place, 0.0]), facing + side * rng.uniform(0.05, 0.3), 0.0))
    return feet[0], feet[1]


def _walk(size: float, facing: float, rng: np.random.Generator):
    """Walking in a circle of less than a metre across, arms against the legs."""
    radius, side = rng.uniform(0.34, 0.46), float(rng.choice([-1.0, 1.0]))
    speed, rate = rng.uniform(0.4, 0.7), rng.uniform(0.75, 0.95)

    def path(time):
        angle = side * speed * time / radius + facing
        return radius * side * np.array([-np.cos(angle), -np.sin(angle)]), angle

    return _gait(path, rate, -0.03 * side, size, rng)


def _pass(size: float, facing: float, rng: np.random.Generator):
    """Walking straight on along the negative y axis at `WALKING_SPEED`; only other people do so."""
    return _gait(lambda time: (np.array([0.0, -WALKING_SPEED * time]), 0.0), rng.uniform(0.8, 0.95), 0.0, size, rng)


def _gait(path: FloorPath, rate: float, bend: float, size: float, rng: np.random.Generator):
    """Walking on a path, `rate` strides a second, arms against the legs."""
    feet = steps(path, rate, 0.085 * size, rng.uniform(0.03, 0.07), rng.uniform(0.35, 0.6))
    sway, swing = 0.02 * size, rng.uniform(0.25, 0.5)

    def stance(time):
        left, right, cycle = feet(time)
        place, heading = path(time)
        # The weight is over the left foot in the middle of its stance, at 0.31 of the cycle.
        beat = float(np.cos(2 * np.pi * (cycle - 0.31)))
        move = rotation_about(np.array([0.0, 0, 1]), heading)[:2, :2] @ [sway * beat, 0.0]
        yaw = heading - 0.08 * float(np.sin(2 * np.pi * (cycle - 0.31)))
        return Stance(left, right, place + move, yaw, 0.03 * beat, 0.012)

    def angles(time):
        beat = float(np.sin(2 * np.pi * (rate * time - 0.31)))
        change = {"turn": 0.12 * beat, "lean": 0.04, "bend": bend}
        for name, sign in (("left", 1), ("right", -1)):
            change |= {f"{name}_swing": sign * swing * beat + 0.05, f"{name}_elbow": 0.35 - 0.25 * sign * -beat}
        return change

    return angles, stance


def _turn(size: float, facing: float, rng: np.random.Generator):
    """Turning on the spot in small steps."""
    speed = float(rng.uniform(0.5, 1.1) * rng.choice([-1, 1]))
    centre = rng.uniform(-0.1, 0.1, 2)

    def path(time):
        return centre, facing + speed * time

    feet = steps(path, rng.uniform(0.8, 1.0), 0.1 * size, 0.04, 0.25)
    glance = 0.25 * np.sign(speed)

    def stance(time):
        left, right, cycle = feet(time)
        beat = float(np.cos(2 * np.pi * (cycle - 0.31)))
        move = rotation_about(np.array([0.0, 0, 1]), facing + speed * time)[:2, :2] @ [0.025 * beat, 0.0]
        return Stance(left, right, centre + move, facing + speed * time, 0.03 * beat, 0.015)

    return lambda time: {"look": glance, "turn": 0.3 * glance}, stance


def _standing(size: float, facing: float, rng: np.random.Generator):
    """Standing on both feet, the weight shifting slowly."""
    left, right = planted(0.11 * size, facing, rng)
    across, along = waves(rng, rng.uniform(0.5, 1.0), 0.02), waves(rng, rng.uniform(0.6, 1.2), 0.01)
    lean, roll = rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)

    def stance(time):
        move = rotation_about(np.array([0.0, 0, 1]), facing)[:2, :2] @ [lean + across(time), along(time) + 0.005]
        return Stance(left, right, move, facing + 0.5 * across(time), roll, 0.012)

    return lambda time: {}, stance


def _wave(size: float, facing: float, rng: np.random.Generator):
    """One arm raised and waving, the other hanging or on the move."""
    _, stance = _standing(size, facing, rng)
    side, other = rng.permutation(["left", "right"])
    rate, height = rng.uniform(6, 9), rng.uniform(1.2, 1.7)
    drift = waves(rng, 2.0, 0.3)

    def angles(time):
        beat = float(np.sin(rate * time))
        return {
            f"{side}_raise": height + 0.12 * beat,
            f"{side}_swing": 0.25,
            f"{side}_twist": -1.0,
            f"{side}_elbow": 1.15 + 0.4 * beat,
            f"{side}_curl": 0.08,
            f"{side}_wrist": 0.15 * beat,
            f"{other}_swing": 0.25 + drift(time),
            "bend": 0.08 * beat,
        }

    return angles, stance


def _gesture(size: float, facing: float, rng: np.random.Generator):
    """One hand, or both, before face and chest, as in talking or at a telephone.

    The wrist is 0.1 to 0.25 m before the face and at most 0.2 m beside or below it.
    """
    _, stance = _standing(size, facing, rng)
    sides = rng.permutation(["left", "right"])[: 1 + (rng.random() < 0.3)]
    middle = {"swing": 1.2, "elbow": 1.65, "twist": 0.45, "raise": 0.12, "curl": 0.25, "wrist": 0.0}
    spread = {"swing": 0.25, "elbow": 0.25, "twist": 0.15, "raise": 0.1, "curl": 0.25, "wrist": 0.3}
    curves = {
        f"{side}_{name}": (middle[name], waves(rng, rng.uniform(1.5, 4), spread[name]))
        for side in sides
        for name in middle
    }
    return lambda time: {name: base + curve(time) for name, (base, curve) in curves.items()}, stance


def _squat(size: float, facing: float, rng: np.random.Generator):
    """Up and down, the arms held out in front."""
    left, right = planted(rng.uniform(0.13, 0.18) * size, facing, rng)
    left, right = replace(left, yaw=facing + 0.3), replace(right, yaw=facing - 0.3)
    rate, depth = rng.uniform(2.2, 3.6), rng.uniform(0.16, 0.36) * size

    def down(time):
        return 0.5 - 0.5 * float(np.cos(rate * time))

    def stance(time):
        back = rotation_about(np.array([0.0, 0, 1]), facing)[:2, :2] @ [0.0, 0.02 + 0.12 * down(time)]
        return Stance(left, right, back, facing, 0.0, 0.012 + depth * down(time))

    def angles(time):
        change = {"lean": 0.08 + 1.3 * depth * down(time), "nod": -0.2 * down(time), "turn": 0.0, "bend": 0.0}
        for side in ("left", "right"):
            change |= {f"{side}_swing": 0.2 + 0.95 * down(time), f"{side}_elbow": 0.45, f"{side}_raise": 0.25}
        return change

    return angles, stance


def _dance(size: float, facing: float, rng: np.random.Generator):
    """Steps on the spot to a beat; hips, trunk, arms and head follow curves of their own."""
    rate = rng.uniform(0.7, 1.1)
    beat = 2 * np.pi * rate
    drift = [waves(rng, 0.5 * beat, 0.06) for _ in range(2)]
    spin = waves(rng, 0.5 * beat, 0.35)

    def path(time):
        return np.array([drift[0](time), drift[1](time)]), facing + spin(time)

    feet = steps(path, rate, rng.uniform(0.11, 0.15) * size, rng.uniform(0.03, 0.08), 0.3)
    hips = [waves(rng, beat, 0.035) for _ in range(2)]
    bounce, dip = rng.uniform(0.01, 0.035), rng.uniform(0.02, 0.05)
    names = {
        "elbow": (1.1, 0.6),
        "raise": (0.75, 0.5),
        "swing": (0.4, 0.45),
        "twist": (-0.35, 0.4),
        "curl": (0.45, 0.3),
    }
    curves = {
        f"{side}_{name}": (middle, waves(rng, 0.5 * beat, size))
        for side in ("left", "right")
        for name, (middle, size) in names.items()
    }
    trunk = {"lean": (0.06, 0.08), "bend": (0, 0.16), "turn": (0, 0.3), "nod": (0, 0.15), "look": (0, 0.3)}
    curves |= {name: (middle, waves(rng, 0.5 * beat, size)) for name, (middle, size) in trunk.items()}

    def stance(time):
        left, right, cycle = feet(time)
        place, heading = path(time)
        move = rotation_about(np.array([0.0, 0, 1]), heading)[:2, :2] @ [hips[0](time), hips[1](time)]
        sink = dip + bounce * (1 - float(np.cos(4 * np.pi * cycle)))
        return Stance(left, right, place + move, heading, 0.06 * float(np.cos(2 * np.pi * (cycle - 0.31))), sink)

    return lambda time: {name: middle + curve(time) for name, (middle, curve) in curves.items()}, stance


MOVEMENTS = {"walk": _walk, "turn": _turn, "stand": _standing, "wave": _wave, "squat": _squat, "dance": _dance}
MOVEMENTS |= {"pass": _pass, "gesture": _gesture}
