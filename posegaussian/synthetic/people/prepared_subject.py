"""Somebody made, baked and followed: all that costs seconds, done ahead of time and without torch."""

from dataclasses import dataclass

import numpy as np

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.people.bake import BakedMesh, bake
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.pose_sequence import PoseSequence, sample_poses


@dataclass(frozen=True)
class PreparedSubject:
    """A person's looks and moves.

    Args:
        seed: who.
        baked: looks.
        track: moves.
    """

    seed: int
    baked: BakedMesh
    poses: PoseSequence


def texel_for(pixels: int) -> float:
    """Distance between samples of colour for pictures so large, metres: half of a pixel that shows 2 m in all."""
    return min(max(1 / pixels, 0.001), 0.004)


def prepare_subject(seed: int, people: PeopleSettings, frames: int, fps: int, texel: float) -> PreparedSubject:
    """Make somebody.

    Args:
        seed: who.
        people: which people may be drawn.
        frames: how many are followed.
        fps: frames per second.
        texel: distance between samples of colour, metres.
    """
    person = make_person(seed, people)
    baked = bake(person, texel)
    return PreparedSubject(seed, baked, sample_poses(person, baked, np.arange(frames) / fps))
