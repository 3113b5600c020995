"""Poses of a person, sampled frame by frame."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from posegaussian.synthetic.body.body import linear_blend_skinning
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.person import Person
from posegaussian.synthetic.things.grips import CHEST


@dataclass(frozen=True)
class PoseSequence:
    """Poses of a person in t frames."""

    transforms: Float32[np.ndarray, "t b 3 4"]  # of each bone, from the rest pose to the world
    joints: Float32[np.ndarray, "t 17 3"]  # COCO-17, metres, in the world
    # points on the person that bound them in all directions, about, metres, in the world
    outline: Float32[np.ndarray, "t o 3"]
    # inner corners of the calibration board in the hands, metres, in the world; none without a board
    board: Float32[np.ndarray, "t c 3"]

    def extent(self, frames: Int[np.ndarray, "n"]) -> Float[np.ndarray, "p 3"]:
        """Points that bound the person in these frames, metres, in the world."""
        return self.outline[np.unique(frames)].reshape(-1, 3).astype(np.float64)


def sample_poses(person: Person, baked: BakedMesh, times: Float[np.ndarray, "t"]) -> PoseSequence:
    """The poses of a person at given times."""
    transforms, joints, outline, board = [], [], [], []
    chest = person.body.bones.index(CHEST)
    rest, bones, weights = baked.vertices[baked.outline], baked.bones[baked.outline], baked.weights[baked.outline]
    for time in times:
        moved = person.transforms(float(time))
        transforms.append(moved)
        joints.append(person.regressor @ linear_blend_skinning(person.anchors.rest, person.anchors.weights, moved))
        blended = np.einsum("ok,okij->oij", weights, moved[bones])
        outline.append(np.einsum("oij,oj->oi", blended[:, :, :3], rest) + blended[:, :, 3])
        board.append(person.board @ moved[chest, :, :3].T + moved[chest, :, 3])
    return PoseSequence(*(np.stack(values).astype(np.float32) for values in (transforms, joints, outline, board)))
