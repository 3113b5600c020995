"""People made, baked and posed: all work that takes seconds, done ahead of time and without torch."""

from dataclasses import dataclass

import numpy as np

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.people.bake import BakedMesh, bake
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.pose_sequence import PoseSequence, sample_poses


@dataclass(frozen=True)
class PreparedSubject:
    """A person as plain arrays: a baked mesh and its poses."""

    seed: int  # of the person
    baked: BakedMesh  # mesh and colours
    poses: PoseSequence  # frame by frame


def texel_for(pixels: int) -> float:
    """Distance between samples of colour for images of this size, metres.

    Half of a pixel where the image shows 2 m in all; from 1 mm (the texel of patterns) to 4 mm.
    """
    return min(max(1 / pixels, 0.001), 0.004)


def prepare_subject(
    seed: int,
    people: PeopleSettings,
    frames: int,
    fps: int,
    texel: float,
    movement: str | None = None,
    pace: float = 1.0,
) -> PreparedSubject:
    """A person from a seed, ready to be moved to a device.

    Args:
        seed: of the person.
        people: which people may be drawn.
        frames: number of frames of the pose sequence.
        fps: frames per second.
        texel: distance between samples of colour, metres.
        movement: their movement; None: one that the settings allow.
        pace: factor of its speed.
    """
    person = make_person(seed, people, movement)
    baked = bake(person, texel)
    return PreparedSubject(seed, baked, sample_poses(person, baked, pace * np.arange(frames) / fps))
