"""Poses: bends of trunk and arms within the limits of the joints, and inverse kinematics of the legs."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.body.body import BodyModel

Angles = dict[str, float]
"""Bends in radians by name. With `left_` or `right_` in front: elbow, raise (arm outward, from hanging), swing (arm
forward), twist (upper arm about itself: the forearm inward), curl (fingers), wrist. Of trunk and head: lean, bend,
turn, nod, look."""

FORWARD = np.array([0.0, -1.0, 0.0])
UP = np.array([0.0, 0.0, 1.0])
LEFT = np.array([1.0, 0.0, 0.0])

LIMITS = {
    "elbow": (0.0, 2.3),
    "raise": (0.05, 2.4),
    "swing": (-0.7, 2.2),
    "twist": (-1.3, 0.7),
    "curl": (0.0, 1.2),
    "wrist": (-0.5, 0.5),
    "lean": (-0.2, 0.7),
    "bend": (-0.3, 0.3),
    "turn": (-0.5, 0.5),
    "nod": (-0.4, 0.4),
    "look": (-0.7, 0.7),
    "knee": (0.0, 2.1),
}
"""Smallest and largest value of each bend, radians; chosen by hand."""
STRETCH = 0.992
"""Longest distance from hip to ankle, as a share of a straight leg's; chosen by hand."""


@dataclass(frozen=True)
class Foot:
    """Place and direction of a foot."""

    ball: Float[np.ndarray, "3"]  # of the foot, metres; z is the height of the sole above the floor
    yaw: float  # direction about the vertical, radians; 0 is the negative y axis
    pitch: float  # heel raised about the ball, radians


@dataclass(frozen=True)
class Stance:
    """Feet and hips in one frame."""

    left: Foot  # the left foot
    right: Foot  # the right foot
    hips: Float[np.ndarray, "2"]  # place of the hips (x, y), metres
    yaw: float  # direction of the hips, radians
    roll: float  # rise of the left hip, radians
    sink: float  # height of the hips below that of straight legs, metres


class Skeleton:
    """One person's bones at rest, by name.

    Args:
        body: the body model.
        heads: where each bone starts, metres.
        ground: height of the soles.
        clearance: least angle between hanging arms and the vertical, so that they clear hips and clothes, radians.
    """

    def __init__(self, body: BodyModel, heads: Float[np.ndarray, "b 3"], ground: float, clearance: float):
        self.body, self.heads, self.ground, self.clearance = body, heads, ground, clearance
        self.number = {name: i for i, name in enumerate(body.bones)}
        self.place = {name: heads[i] for i, name in enumerate(body.bones)}

    def pose(self, angles: Angles, stance: Stance) -> tuple[Float[np.ndarray, "b 3 3"], Float[np.ndarray, "3"]]:
        """Rotation of each bone relative to its parent, in rest axes, and displacement of the root, metres."""
        bends = {name: float(np.clip(value, *LIMITS[name.split("_")[-1]])) for name, value in angles.items()}
        rotations = np.tile(np.eye(3), (len(self.body.bones), 1, 1))
        root = rotation_about(UP, stance.yaw) @ rotation_about(-FORWARD, stance.roll)
        for name, rotation in [*self._trunk(bends), *self.arm("left", bends), *self.arm("right", bends)]:
            rotations[self.number[name]] = rotation
        rotations[0] = root
        shift = self._shift(root, stance)
        for end, foot in ((".L", stance.left), (".R", stance.right)):
            for name, rotation in self._leg(end, foot, root, shift, stance.yaw):
                rotations[self.number[name]] = rotation
        return rotations, shift

    def ankle(self, end: str, foot: Foot) -> Float[np.ndarray, "3"]:
        """Place of the ankle in the world for a place of the foot, metres."""
        place = self.place["foot" + end]
        ball = self.place["toe2-1" + end]
        return foot.ball + _foot_turn(foot) @ (place - [ball[0], ball[1], self.ground])

    def _trunk(self, bends: Angles):
        """Lean forward, bend to the left, turn to the left, spread over the spine; the head nods and looks."""
        part = (
            rotation_about(UP, bends["turn"] / 5)
            @ rotation_about(FORWARD, bends["bend"] / 5)
            @ rotation_about(LEFT, bends["lean"] / 5)
        )
        for name in ("spine05", "spine04", "spine03", "spine02", "spine01"):
            yield name, part
        part = rotation_about(UP, bends["look"] / 3) @ rotation_about(LEFT, bends["nod"] / 3)
        for name in ("neck01", "neck02", "head"):
            yield name, part
        for name in ("eye.L", "eye.R"):
            yield name, rotation_about(UP, 0.3 * bends["look"])

    def arm(self, side: str, bends: Angles):
        """Arm and hand of one side; half the twist happens at the shoulder, half along the upper arm."""
        end, outward = (".L", LEFT) if side == "left" else (".R", -LEFT)
        place = self.place
        bend = {name: bends[f"{side}_{name}"] for name in ("elbow", "raise", "swing", "twist", "curl", "wrist")}
        arm = place["lowerarm01" + end] - place["upperarm01" + end]
        forearm = place["wrist" + end] - place["lowerarm01" + end]
        hanging = float(np.arctan2(arm @ outward, -arm @ UP))
        # Below the clearance the arm rests against it, softly.
        free = bend["raise"] - self.clearance
        lifted = self.clearance + 0.04 * float(np.logaddexp(0, free / 0.04)) - hanging
        lift, swing = np.cross(-UP, outward), np.cross(-UP, FORWARD)
        half = rotation_about(arm, 0.5 * bend["twist"] * outward[0])
        yield "shoulder01" + end, rotation_about(lift, 0.25 * lifted)
        yield (
            "upperarm01" + end,
            rotation_about(lift, -0.25 * lifted)
            @ rotation_about(swing, bend["swing"])
            @ rotation_about(lift, lifted)
            @ half,
        )
        yield "upperarm02" + end, half
        straight = float(np.arccos(arm @ forearm / np.linalg.norm(arm) / np.linalg.norm(forearm)))
        yield "lowerarm01" + end, rotation_about(np.cross(arm, forearm), bend["elbow"] - straight)
        across = place["finger2-1" + end] - place["finger5-1" + end]
        sign = outward[0]
        yield "wrist" + end, rotation_about(across, sign * bend["wrist"])
        for finger, bone in np.ndindex(4, 3):
            share = 1 + 0.12 * finger - 0.25 * (bone == 2)
            yield f"finger{finger + 2}-{bone + 1}{end}", rotation_about(across, sign * share * bend["curl"])
        for bone in (2, 3):
            yield f"finger1-{bone}{end}", rotation_about(across, 0.5 * sign * bend["curl"])

    def _shift(self, root: Float[np.ndarray, "3 3"], stance: Stance) -> Float[np.ndarray, "3"]:
        """The hips as high as both legs reach (a soft minimum), less the sink."""
        head = self.heads[0]
        tops = []
        for end, foot in ((".L", stance.left), (".R", stance.right)):
            hip, ankle = root @ (self.place["upperleg01" + end] - head), self.ankle(end, foot)
            away = ankle[:2] - stance.hips - hip[:2]
            reach = STRETCH * np.linalg.norm(self.place["foot" + end] - self.place["upperleg01" + end])
            tops.append(ankle[2] + np.sqrt(max(reach**2 - away @ away, 0.04)) - hip[2])
        height = -0.012 * np.logaddexp(-tops[0] / 0.012, -tops[1] / 0.012) - stance.sink
        return np.array([*stance.hips, height]) - head

    def _leg(self, end: str, foot: Foot, root, shift, yaw: float):
        """Rotations of a leg whose ankle reaches its place; the knee points between the directions of foot and hips."""
        hip, knee, ankle = (self.place[name + end] for name in ("upperleg01", "lowerleg01", "foot"))
        head = self.heads[0]
        goal = root.T @ (self.ankle(end, foot) - shift - head) + head - hip
        thigh, shin = knee - hip, ankle - knee
        hinge = np.cross(shin, -FORWARD)
        hinge /= np.linalg.norm(hinge)
        bend = knee_bend(thigh, shin, hinge, float(np.linalg.norm(goal)))
        chain = thigh + rotation_about(hinge, bend) @ shin
        toward = root.T @ rotation_about(UP, 0.7 * foot.yaw + 0.3 * yaw) @ LEFT
        first = _frame(goal, toward) @ _frame(chain, hinge).T
        second = rotation_about(hinge, bend)
        yield "upperleg01" + end, first
        yield "lowerleg01" + end, second
        yield "foot" + end, (root @ first @ second).T @ _foot_turn(foot)
        for toe in range(1, 6):
            yield f"toe{toe}-1{end}", rotation_about(LEFT, -max(foot.pitch, 0.0))


def knee_bend(
    thigh: Float[np.ndarray, "3"], shin: Float[np.ndarray, "3"], hinge: Float[np.ndarray, "3"], distance: float
) -> float:
    """Bend of the knee about its hinge at which hip and ankle have a given distance, radians.

    |thigh + R(bend) shin| = distance, solved for the bend by the law of cosines about a fixed axis.
    """
    along = (thigh @ hinge) * (shin @ hinge)
    cosine = thigh @ shin - along
    sine = thigh @ np.cross(hinge, shin)
    wanted = 0.5 * (distance**2 - thigh @ thigh - shin @ shin) - along
    ratio = np.clip(wanted / np.hypot(cosine, sine), -1, 1)
    return float(np.clip(np.arctan2(sine, cosine) + np.arccos(ratio), *LIMITS["knee"]))


def rotation_about(axis: Float[np.ndarray, "3"], angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation matrix about an axis by an angle in radians (Rodrigues)."""
    x, y, z = axis / np.sqrt(axis @ axis)
    s, c = np.sin(angle), np.cos(angle)
    d = 1 - c
    return np.array(
        [
            [c + d * x * x, d * x * y - s * z, d * x * z + s * y],
            [d * x * y + s * z, c + d * y * y, d * y * z - s * x],
            [d * x * z - s * y, d * y * z + s * x, c + d * z * z],
        ]
    )


def _foot_turn(foot: Foot) -> Float[np.ndarray, "3 3"]:
    return rotation_about(UP, foot.yaw) @ rotation_about(LEFT, foot.pitch)


def _frame(first: np.ndarray, second: np.ndarray) -> Float[np.ndarray, "3 3"]:
    """Orthonormal axes, in columns: along the first vector, towards the second, and across."""
    a = first / np.linalg.norm(first)
    b = second - (second @ a) * a
    b /= np.linalg.norm(b)
    return np.stack([a, b, np.cross(a, b)], axis=1)
