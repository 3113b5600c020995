"""Flat mirrors of a room: polished floors, and mirrors on walls.

A mirrored camera behind the plane sees what the mirror reflects. To keep the orientation of triangles, its image is
mirrored from left to right as well, and turned back at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.types import Camera

FLAT = 1e-3
"""Samples this near to the plane of a mirror belong to it, metres."""


@dataclass(frozen=True)
class Mirror:
    """One of a room's mirrors."""

    row: Float32[Tensor, 12]  # first corner, dual basis of the sides and normal; see `Room.rows`
    finish: Float32[Tensor, 2]  # share of the light that it reflects at normal incidence, and how polished it is, 0..1

    @staticmethod
    def all_of(lit: LitRoom) -> list[Mirror]:
        """The mirrors of a room."""
        room = lit.room
        return [Mirror(room.rows[number, :12], room.finishes[i]) for i, number in enumerate(room.mirrors)]

    def camera(self, camera: Camera) -> Camera:
        """n cameras behind the mirror, whose images are mirrored from left to right."""
        turn, shift, lens = camera.world_to_camera[:, :3, :3], camera.world_to_camera[:, :3, 3], camera.intrinsics
        corner, normal = self.row[:3], self.row[9:12]
        ahead = (turn * normal).sum(2)
        turn = turn - 2 * ahead[:, :, None] * normal
        shift = shift + 2 * (corner * normal).sum() * ahead
        pose = torch.cat([torch.cat([turn, shift[:, :, None]], dim=2), camera.world_to_camera[:, 3:]], dim=1)
        pose = torch.cat([-pose[:, :1], pose[:, 1:]], dim=1)
        first = torch.stack([lens[:, 0, 0], -lens[:, 0, 1], camera.width - lens[:, 0, 2]], dim=1)
        return Camera(torch.cat([first[:, None], lens[:, 1:]], dim=1), pose, camera.width, camera.height)

    def share(
        self, rays: Float32[Tensor, "n hs ws 3"], depth: Float32[Tensor, "n hs ws"], eye: Float32[Tensor, "n 3"]
    ) -> Float32[Tensor, "n hs ws"]:
        """Share of the light that is reflected at each sample (Schlick, 1994); 0 beside the mirror."""
        place = eye[:, None, None] + rays * depth[..., None] - self.row[:3]
        s, t, above = (_dot(place, self.row[i : i + 3]) for i in (3, 6, 9))
        there = (above.abs() < FLAT) & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
        cosine = -_dot(rays, self.row[9:12]) / _dot(rays, rays).sqrt()
        least, gloss = self.finish
        return gloss * (least + (1 - least) * (1 - cosine).clamp(0, 1) ** 5) * (there & (cosine > 0))

    def before(self, lit: LitRoom) -> LitRoom:
        """The part of a room that lies before the mirror; what reaches through its plane ends there."""
        distance = _dot(lit.mesh.vertices - self.row[:3], self.row[9:12])
        behind = (distance < FLAT)[lit.mesh.faces].all(1)  # triangles without an area
        vertices = lit.mesh.vertices - distance.clamp_max(0)[:, None] * self.row[9:12]
        faces = lit.mesh.faces.masked_fill(behind[:, None], 0)
        return replace(lit, mesh=replace(lit.mesh, vertices=vertices, faces=faces))


def mirrored_lens(lens: Float32[Tensor, "n 5"] | None) -> Float32[Tensor, "n 5"] | None:
    """The distortion of an image that is mirrored from left to right."""
    return None if lens is None else torch.cat([lens[:, :3], -lens[:, 3:4], lens[:, 4:]], dim=1)


def _dot(a: Float32[Tensor, "*n 3"], b: Float32[Tensor, "*m 3"]) -> Float32[Tensor, "*n"]:
    """No matrix product, which on CUDA may round to TF32."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]
