"""A person on a device, ready to be rendered in any frame of a pose sequence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from posegaussian.synthetic.people.pose_sequence import PoseSequence
from posegaussian.synthetic.people.prepared_subject import PreparedSubject
from posegaussian.synthetic.people.subject_mesh import PosedMesh, SubjectMesh


@dataclass(frozen=True)
class Subject:
    """A person ready to be rendered."""

    seed: int  # of the person
    mesh: SubjectMesh  # on the device
    poses: PoseSequence  # on the CPU
    transforms: Float[Tensor, "t b 3 4"]  # those of the poses, on the device

    @staticmethod
    def of(prepared: PreparedSubject, device: torch.device | str = "cpu") -> Subject:
        """A prepared person on a device."""
        transforms = torch.from_numpy(prepared.poses.transforms).to(device)
        return Subject(prepared.seed, SubjectMesh.of(prepared.baked, device), prepared.poses, transforms)

    def posed(self, frames: Int[np.ndarray, n]) -> PosedMesh:
        """The posed mesh in some frames of the sequence."""
        return self.mesh.posed(self.transforms[torch.from_numpy(frames).to(self.transforms.device)])

    def posed_first(self) -> PosedMesh:
        """The posed mesh in the first frame; no index goes to the device."""
        return self.mesh.posed(self.transforms[:1])
