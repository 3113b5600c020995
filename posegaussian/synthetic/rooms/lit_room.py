"""A room with baked light, ready to be seen."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.rooms.baking import bake
from posegaussian.synthetic.rooms.room import Room, RoomMesh


@dataclass(frozen=True)
class LitRoom:
    """A room with baked light."""

    room: Room
    mesh: RoomMesh
    light: Float32[Tensor, "v 4"]  # at the mesh's vertices; see `baking.bake`

    @staticmethod
    def of(room: Room) -> LitRoom:
        """The room with its light, on its device."""
        if room.origin.is_cuda and has_triton():
            from posegaussian.synthetic.rooms import baking_triton

            return LitRoom(room, *baking_triton.lit_mesh(room))
        mesh = RoomMesh.of(room)
        return LitRoom(room, mesh, bake(mesh, room.fixtures))
