"""Light baked at the vertices of a room: lamps with soft shadows of furniture, ambient light, and what walls add.

Boxes stand for the furniture. A surface receives from a rectangular lamp the mean over points on it; its shadow is
interpolated between the vertices of a grid of `room.CELL`.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.rooms.room import Fixtures, RoomMesh

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
CHUNK = 1 << 11
"""Vertices handled at once on the CPU: arrays of up to 3 MB."""


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
    lamps = [0] * 4 + list(range(1, len(fixtures.centre)))  # four points on the first lamp, one on each other
    to_lamps = torch.stack(_spots(fixtures))[:, None] - lifted
    distance = _norm(to_lamps)
    towards = to_lamps / distance[..., None]
    around = _hemisphere(normals)
    nearest = _nearest(lifted, torch.cat([towards, around]), fixtures.blocks)
    free = nearest[: len(lamps)] >= distance
    openness = (nearest[len(lamps) :] / OCCLUSION_REACH).clamp(0, 1).sqrt().mean(0)
    light = _ambient(lifted, normals, fixtures) * openness[:, None]
    received = [_received(normals, towards[i], distance[i], fixtures, lamp) * free[i] for i, lamp in enumerate(lamps)]
    key = (received[0] + received[1] + received[2] + received[3]) / 4
    for number, share in enumerate(received[4:], start=1):
        light = light + share[:, None] * fixtures.strengths[number]
    return torch.cat([light, key[:, None]], dim=1)


def _spots(fixtures: Fixtures) -> list[Float32[Tensor, 3]]:
    """Points on the lamps that stand for them: four of the first, the middle of each other one."""
    first, (across, down) = fixtures.centre[0], fixtures.axes[0].unbind(0)
    corners = [first + u * across + v * down for u, v in ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5))]
    return [*corners, *fixtures.centre[1:].unbind(0)]


def _received(
    normals: Float32[Tensor, "v 3"],
    direction: Float32[Tensor, "v 3"],
    distance: Float32[Tensor, v],
    fixtures: Fixtures,
    lamp: int,
) -> Float32[Tensor, v]:
    """What each point receives of a lamp in a direction, against a surface at the person that faces it."""
    facing = _dot(normals, direction).clamp_min(0)
    towards = -_dot(fixtures.facing[lamp].expand_as(direction), direction)
    omni = _norm(fixtures.facing[lamp]) < 0.5
    towards = torch.where(omni, torch.ones_like(towards), (1.3 * towards + 0.1).clamp(0, 1))
    square = (fixtures.distance[lamp] / distance) ** 2
    fall = torch.where(fixtures.fades[lamp] > 0, square, torch.ones_like(square)).clamp_max(CLOSEST)
    return facing * towards * fall


def _ambient(
    points: Float32[Tensor, "v 3"], normals: Float32[Tensor, "v 3"], fixtures: Fixtures
) -> Float32[Tensor, "v 3"]:
    """Ambient light: darker in corners, tinted by what is near."""
    local, facing = _into(points, fixtures.turn), _into(normals, fixtures.turn)
    gaps = torch.stack([local - fixtures.low, fixtures.high - local], dim=-1).flatten(1).clamp_min(0)
    signed = torch.stack([-facing, facing], dim=-1).flatten(1)  # towards each side of the room
    corner = 1 - CORNER_DARKNESS * torch.exp(-gaps / CORNER) * (1 - signed.abs()).clamp(0, 1)
    size = (fixtures.high - fixtures.low).mean()
    weights = (0.5 + 0.5 * signed) ** 2 / (0.25 + gaps / size)
    bounce = (weights[:, :, None] * fixtures.bounce).sum(1) / weights.sum(1, keepdim=True)
    return fixtures.ambient * ((1 - BOUNCE) + BOUNCE * bounce) * corner.prod(1)[:, None]


@cache
def hemisphere(device: torch.device) -> Float32[Tensor, "6 3"]:
    """Directions about a normal that stand for the hemisphere, each with the same share of a matt surface's light."""
    angles = [2 * math.pi * i / 5 for i in range(5)]
    around = [[math.cos(a) * math.sqrt(0.6), math.sin(a) * math.sqrt(0.6), math.sqrt(0.4)] for a in angles]
    return torch.tensor([[0.0, 0.0, 1.0], *around], device=device)


def _hemisphere(normals: Float32[Tensor, "v 3"]) -> Float32[Tensor, "6 v 3"]:
    """Directions about each normal, which stand for the hemisphere above it."""
    x, y, z = normals.unbind(1)
    flat = z.abs() > 0.9
    side = torch.stack([torch.where(flat, 1.0, -y), torch.where(flat, 0.0, x), torch.zeros_like(z)], dim=1)
    side = side - normals * _dot(side, normals)[:, None]
    side = side / _norm(side).clamp_min(1e-6)[:, None]
    other = torch.linalg.cross(normals, side)
    a, b, c = hemisphere(normals.device)[:, :, None, None].unbind(1)
    return a * side + b * other + c * normals


def _nearest(
    points: Float32[Tensor, "v 3"], directions: Float32[Tensor, "r v 3"], blocks: Float32[Tensor, "b 7"]
) -> Float32[Tensor, "r v"]:
    """Distance from each point to the first box along each direction; infinite where there is none."""
    if not len(blocks):
        return torch.full_like(directions[..., 0], torch.inf)
    cos, sin = blocks[:, 6].cos(), blocks[:, 6].sin()
    px, py, pz = (points[:, axis, None] - blocks[:, axis] for axis in range(3))
    dx, dy, dz = (directions[..., axis, None] for axis in range(3))
    starts = cos * px + sin * py, cos * py - sin * px, pz
    steps = cos * dx + sin * dy, cos * dy - sin * dx, dz
    entry = torch.full((1,), -torch.inf, device=points.device)
    leave = -entry
    for axis, (start, step) in enumerate(zip(starts, steps, strict=True)):
        half = (blocks[:, 3 + axis] - SHRINK).clamp_min(0.004)
        inverse = 1 / torch.where(step.abs() < 1e-6, torch.full_like(step, 1e-6), step)
        near, reach = -start * inverse, half * inverse.abs()
        entry, leave = torch.maximum(entry, near - reach), torch.minimum(leave, near + reach)
    hit = (leave > entry) & (entry > 0)
    return torch.where(hit, entry, torch.inf).amin(2)


def _into(vectors: Float32[Tensor, "v 3"], turn: Float32[Tensor, "3 3"]) -> Float32[Tensor, "v 3"]:
    """Vectors in the room's frame; no matrix product, which on CUDA may round to TF32."""
    return (vectors[:, None] * turn).sum(2)


def _dot(a: Float32[Tensor, "*n 3"], b: Float32[Tensor, "*n 3"]) -> Float32[Tensor, "*n"]:
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def _norm(vectors: Float32[Tensor, "*n 3"]) -> Float32[Tensor, "*n"]:
    return _dot(vectors, vectors).sqrt()
