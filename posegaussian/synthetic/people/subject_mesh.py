"""A baked mesh on a device, and the same mesh posed in several frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import torch
from jaxtyping import Float32, Int64, UInt8
from torch import Tensor

from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.types import Tensors


@dataclass(frozen=True)
class SubjectMesh(Tensors):
    """`BakedMesh` in torch; the fields are explained there."""

    vertices: Float32[Tensor, "v 3"]
    normals: Float32[Tensor, "v 3"]
    bones: Int64[Tensor, "v k"]
    weights: Float32[Tensor, "v k"]
    occlusion: Float32[Tensor, v]
    faces: Int64[Tensor, "f 3"]
    parts: UInt8[Tensor, f]
    material_ids: UInt8[Tensor, f]
    gloss: Float32[Tensor, m]
    roughness: Float32[Tensor, m]
    grids: UInt8[Tensor, f]
    starts: Int64[Tensor, f]
    texels: UInt8[Tensor, "n 5"]

    @staticmethod
    def of(baked: BakedMesh, device: torch.device | str = "cpu") -> SubjectMesh:
        """A baked mesh on a device."""
        names = SubjectMesh.__dataclass_fields__
        return SubjectMesh(**{name: torch.from_numpy(getattr(baked, name)).to(device) for name in names})

    def posed(self, transforms: Float32[Tensor, "t b 3 4"]) -> PosedMesh:
        """The mesh in t frames, by linear blend skinning."""
        flat = transforms.flatten(2)
        parts = [self.weights[:, k, None] * flat[:, self.bones[:, k]] for k in range(self.bones.shape[1])]
        blended = reduce(torch.add, parts).unflatten(
            2, (3, 4)
        )  # a fixed order of additions: the same bits on every device
        vertices = _turned(blended, self.vertices) + blended[..., 3]
        normals = _turned(blended, self.normals)
        return PosedMesh(self, vertices, normals / normals.norm(dim=-1, keepdim=True).clamp_min(1e-12))


@dataclass(frozen=True)
class PosedMesh(Tensors):
    """A subject mesh posed in t frames."""

    mesh: SubjectMesh  # the mesh at rest
    vertices: Float32[Tensor, "t v 3"]  # metres, in the world
    normals: Float32[Tensor, "t v 3"]  # unit length


def _turned(matrices: Float32[Tensor, "t v 3 4"], vectors: Float32[Tensor, "v 3"]) -> Float32[Tensor, "t v 3"]:
    """Products with the left 3x3 parts; no matrix product, so that every device gets the same bits."""
    x, y, z = vectors.unbind(-1)
    return matrices[..., 0] * x[:, None] + matrices[..., 1] * y[:, None] + matrices[..., 2] * z[:, None]
