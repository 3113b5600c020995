"""Light baked at the vertices of a room: lamps with soft shadows of furniture, ambient light, and what walls add.

Boxes stand for the furniture. A surface receives from a rectangular lamp the mean over points on it; its shadow is
interpolated between the vertices of a grid of `room.CELL`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from posegaussian.synthetic.rooms.room import Fixtures, Room, RoomMesh

LIFT = 0.025
"""Vertices are lifted by this along their normals, metres, so that no box shadows its own sides."""
SHRINK = 0.012
"""Boxes are smaller by this on each side for the same reason, metres."""
OCCLUSION_REACH = 0.9
"""Boxes farther than this dim no ambient light, metres; chosen by hand."""
CORNER = 0.3
"""Distance from a corner of the room at which its darkness falls to a third, metres; chosen by hand."""
CORNER_DARKNESS = 0.28
"""Share of the ambient light that is missing right beside another wall; chosen by hand: half of it comes back by
reflection."""
BOUNCE = 0.45
"""Share of the ambient light that comes from walls nearby, in their colours; chosen by hand."""
CLOSEST = 3.0
"""A surface near a lamp receives at the most this many times what the person receives; chosen by hand."""
CHUNK = 1 << 14
"""Vertices handled at once on the CPU: arrays of 3 MB."""


@dataclass(frozen=True)
class LitRoom:
    """A room with baked light, ready to be seen.

    Args:
        room: the room.
        mesh: its mesh.
        light: at the mesh's vertices; see `bake`.
    """

    room: Room
    mesh: RoomMesh
    light: Float32[Tensor, "v 4"]

    @staticmethod
    def of(room: Room) -> LitRoom:
        """The room with its light, on its device."""
        mesh = RoomMesh.of(room)
        return LitRoom(room, mesh, bake(mesh, room.fixtures))


def bake(mesh: RoomMesh, fixtures: Fixtures) -> Float32[Tensor, "v 4"]:
    """RGB of all light but the first lamp's at each vertex, and what it receives of the first lamp, of its strength."""
    step = CHUNK if not mesh.vertices.is_cuda else len(mesh.vertices)
    parts = [
        _bake(mesh.vertices[i : i + step], mesh.normals[i : i + step], fixtures)
        for i in range(0, len(mesh.vertices), step)
    ]
    return torch.cat(parts)


def _bake(
    points: Float32[Tensor, "v 3"], normals: Float32[Tensor, "v 3"], fixtures: Fixtures
) -> Float32[Tensor, "v 4"]:
    lifted = points + LIFT * normals
    light = _ambient(lifted, normals, fixtures)
    key = points.new_zeros(len(points))
    for lamp in range(len(fixtures.centre)):
        received = _received(lifted, normals, fixtures, lamp, 4 if lamp == 0 else 1)
        if lamp == 0:
            key = received
        else:
            light = light + received[:, None] * fixtures.strengths[lamp]
    return torch.cat([light, key[:, None]], dim=1)


def _received(
    points: Float32[Tensor, "v 3"], normals: Float32[Tensor, "v 3"], fixtures: Fixtures, lamp: int, samples: int
) -> Float32[Tensor, v]:
    """What each point receives of a lamp, against a surface at the person that faces it."""
    total = torch.zeros_like(points[:, 0])
    offsets = ((0.0, 0.0),) if samples == 1 else ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))
    for u, v in offsets:
        at = fixtures.centre[lamp] + u * fixtures.axes[lamp, 0] + v * fixtures.axes[lamp, 1]
        ray = at - points
        distance = _norm(ray)
        direction = ray / distance[:, None]
        facing = _dot(normals, direction).clamp_min(0)
        towards = -_dot(fixtures.facing[lamp].expand_as(direction), direction)
        omni = _norm(fixtures.facing[lamp][None]) < 0.5
        towards = torch.where(omni, torch.ones_like(towards), (1.3 * towards + 0.1).clamp(0, 1))
        square = (fixtures.distance[lamp] / distance) ** 2
        fall = torch.where(fixtures.fades[lamp] > 0, square, torch.ones_like(square)).clamp_max(CLOSEST)
        free = ~_blocked(points, direction, distance, fixtures.blocks)
        total = total + facing * towards * fall * free
    return total / samples


def _ambient(
    points: Float32[Tensor, "v 3"], normals: Float32[Tensor, "v 3"], fixtures: Fixtures
) -> Float32[Tensor, "v 3"]:
    """Ambient light: darker in corners and near boxes, tinted by what is near."""
    local, facing = _into(points, fixtures.turn), _into(normals, fixtures.turn)
    gaps = torch.cat([local - fixtures.low, fixtures.high - local], dim=1)[:, [0, 3, 1, 4, 2, 5]].clamp_min(0)
    signed = torch.cat([-facing, facing], dim=1)[:, [0, 3, 1, 4, 2, 5]]  # towards each side of the room
    corner = 1 - CORNER_DARKNESS * torch.exp(-gaps / CORNER) * (1 - signed.abs()).clamp(0, 1)
    size = (fixtures.high - fixtures.low).mean()
    weights = (0.5 + 0.5 * signed) ** 2 / (0.25 + gaps / size)
    bounce = (weights[:, :, None] * fixtures.bounce).sum(1) / weights.sum(1, keepdim=True)
    open_ = corner.prod(1) * _openness(points, normals, fixtures.blocks)
    return fixtures.ambient * ((1 - BOUNCE) + BOUNCE * bounce) * open_[:, None]


@cache
def _directions(device: torch.device) -> Float32[Tensor, "6 3"]:
    """Directions about a normal that stand for the hemisphere, each with the same share of a matt surface's light."""
    angles = [2 * math.pi * i / 5 for i in range(5)]
    around = [[math.cos(a) * math.sqrt(0.6), math.sin(a) * math.sqrt(0.6), math.sqrt(0.4)] for a in angles]
    return torch.tensor([[0.0, 0.0, 1.0], *around], device=device)


def _openness(
    points: Float32[Tensor, "v 3"], normals: Float32[Tensor, "v 3"], blocks: Float32[Tensor, "b 7"]
) -> Float32[Tensor, v]:
    """Share of the hemisphere that boxes leave open; the farther a box, the less it counts."""
    x, y, z = normals.unbind(1)
    flat = z.abs() > 0.9
    side = torch.stack([torch.where(flat, 1.0, -y), torch.where(flat, 0.0, x), torch.zeros_like(z)], dim=1)
    side = side - normals * _dot(side, normals)[:, None]
    side = side / _norm(side).clamp_min(1e-6)[:, None]
    other = torch.linalg.cross(normals, side)
    total = torch.zeros_like(z)
    for a, b, c in _directions(points.device):
        direction = a * side + b * other + c * normals
        near = _nearest(points, direction, blocks)
        total = total + (near / OCCLUSION_REACH).clamp(0, 1).sqrt()
    return total / 6


def _blocked(
    points: Float32[Tensor, "v 3"], direction: Float32[Tensor, "v 3"], distance: Float32[Tensor, v],
    blocks: Float32[Tensor, "b 7"],
) -> Bool[Tensor, v]:  # fmt: skip
    """Whether a box lies between points and a lamp."""
    return _nearest(points, direction, blocks) < distance


def _nearest(
    points: Float32[Tensor, "v 3"], direction: Float32[Tensor, "v 3"], blocks: Float32[Tensor, "b 7"]
) -> Float32[Tensor, v]:
    """Distance to the first box along a direction; infinite where there is none."""
    if not len(blocks):
        return torch.full_like(points[:, 0], torch.inf)
    cos, sin = blocks[:, 6].cos(), blocks[:, 6].sin()
    entry, leave = None, None
    px, py, pz = (points[:, axis, None] - blocks[:, axis] for axis in range(3))
    dx, dy, dz = (direction[:, axis, None] for axis in range(3))
    starts = cos * px + sin * py, cos * py - sin * px, pz
    steps = cos * dx + sin * dy, cos * dy - sin * dx, dz.expand_as(pz)
    for axis, (start, step) in enumerate(zip(starts, steps, strict=True)):
        half = (blocks[:, 3 + axis] - SHRINK).clamp_min(0.004)
        inverse = 1 / torch.where(step.abs() < 1e-6, torch.full_like(step, 1e-6), step)
        near, reach = -start * inverse, half * inverse.abs()
        entry = near - reach if entry is None else torch.maximum(entry, near - reach)
        leave = near + reach if leave is None else torch.minimum(leave, near + reach)
    assert entry is not None and leave is not None
    hit = (leave > entry) & (entry > 0)
    return torch.where(hit, entry, torch.inf).amin(1)


def _into(vectors: Float32[Tensor, "v 3"], turn: Float32[Tensor, "3 3"]) -> Float32[Tensor, "v 3"]:
    """Vectors in the room's frame; no matrix product, which on CUDA may round to TF32."""
    return (vectors[:, None] * turn).sum(2)


def _dot(a: Float32[Tensor, "v 3"], b: Float32[Tensor, "v 3"]) -> Float32[Tensor, v]:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]


def _norm(vectors: Float32[Tensor, "v 3"]) -> Float32[Tensor, v]:
    return _dot(vectors, vectors).sqrt()
