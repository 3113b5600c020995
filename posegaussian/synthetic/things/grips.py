"""Grips: arms that hold a thing still before the chest, and hands that close around it."""

from dataclasses import dataclass, replace

import numpy as np
import scipy
from jaxtyping import Float

from posegaussian.synthetic.body.body import bone_transforms
from posegaussian.synthetic.motion.motion import Motion
from posegaussian.synthetic.motion.poses import LIMITS, Angles, Skeleton

SIDES = {"left": (".L", 1.0), "right": (".R", -1.0)}
"""End of the bones' names, and the sign of x, of each side."""
PALM = 0.018
"""Distance of the skin of the palm from the line of the hand's bones, metres; read off the body asset."""
_ARM = ("raise", "swing", "twist", "elbow")
"""The bends that bring a hand to a place."""
CHEST = "spine01"
"""The bone that carries both shoulders: what both hands hold moves with it."""


@dataclass(frozen=True)
class Palm:
    """A hand at rest."""

    middle: Float[np.ndarray, "3"]  # of the skin of the palm, metres
    fingers: Float[np.ndarray, "3"]  # unit direction towards the fingers
    across: Float[np.ndarray, "3"]  # unit direction from the little finger to the index finger
    normal: Float[np.ndarray, "3"]  # unit direction out of the palm

    @staticmethod
    def of(skeleton: Skeleton, side: str, scale: float) -> "Palm":
        """The palm of one side of a person of this size."""
        end, sign = SIDES[side]
        place = skeleton.place
        wrist, knuckle = place["wrist" + end], place["finger3-1" + end]
        fingers = _unit(knuckle - wrist)
        across = place["finger2-1" + end] - place["finger5-1" + end]
        across = _unit(across - (across @ fingers) * fingers)
        normal = sign * np.cross(fingers, across)
        return Palm(wrist + 0.8 * (knuckle - wrist) + scale * PALM * normal, fingers, across, normal)

    @property
    def axes(self) -> Float[np.ndarray, "3 3"]:
        """Columns: across, out of the palm, and along the fingers."""
        return np.stack([self.across, self.normal, self.fingers], axis=1)


def held_still(motion: Motion, angles: Angles) -> Motion:
    """The movement with these bends of the arms, which stay as they are."""
    free = motion.angles
    return replace(motion, angles=lambda time: free(time) | angles)


def hand_transform(skeleton: Skeleton, angles: Angles, side: str) -> Float[np.ndarray, "3 4"]:
    """Transform of the hand from the rest pose where nothing but one arm is bent."""
    end, _ = SIDES[side]
    bends = {name: float(np.clip(value, *LIMITS[name.split("_")[-1]])) for name, value in angles.items()}
    rotations = np.tile(np.eye(3), (len(skeleton.body.bones), 1, 1))
    for name, rotation in skeleton.arm(side, bends):
        rotations[skeleton.number[name]] = rotation
    return bone_transforms(skeleton.body.parents, skeleton.heads, rotations)[skeleton.number["wrist" + end]]


def reaching(
    skeleton: Skeleton,
    side: str,
    palm: Palm,
    target: Float[np.ndarray, "3"],
    facing: Float[np.ndarray, "3"],
    curl: float,
) -> Angles:
    """Bends of an arm whose palm reaches a place and faces a direction, about, with the trunk at rest.

    Args:
        skeleton: of the person.
        side: `left` or `right`.
        palm: of that side.
        target: place of the middle of the palm, metres.
        facing: unit direction out of the palm.
        curl: bend of the fingers, radians.
    """

    def angles(values):
        return {f"{side}_{name}": value for name, value in zip(_ARM, values, strict=True)} | {
            f"{side}_wrist": 0.0,
            f"{side}_curl": curl,
        }

    def residual(values):
        moved = hand_transform(skeleton, angles(values), side)
        place = moved[:, :3] @ palm.middle + moved[:, 3]
        return np.concatenate([10 * (place - target), 0.15 * (moved[:, :3] @ palm.normal - facing)])

    low, high = np.array([LIMITS[name] for name in _ARM]).T
    starts = np.array([[0.3, 0.5, 0.0, 1.2], [0.5, 0.9, -0.6, 1.6]])
    found = [
        scipy.optimize.least_squares(residual, start, bounds=(low, high), diff_step=1e-3, max_nfev=60)
        for start in starts
    ]
    return angles(min(found, key=lambda each: each.cost).x)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
