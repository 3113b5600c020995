"""Colours of a room at the samples of an image: texture times baked light."""

import torch
from jaxtyping import Bool, Float32, Int32
from torch import Tensor

from posegaussian.synthetic.rooms.lookup import far_away, pyramid
from posegaussian.synthetic.rooms.room import Room, RoomMesh

CHUNK = 1 << 17
"""Samples shaded at once on the CPU; chosen by hand, so that arrays stay in its cache."""


def shade(
    room: Room,
    mesh: RoomMesh,
    light: Float32[Tensor, "v 4"],
    face: Int32[Tensor, "n"],
    depth: Float32[Tensor, "n"],
    rays: Float32[Tensor, "n 3"],
    eye: Float32[Tensor, "3"],
    spacing: Float32[Tensor, ""],
) -> tuple[Float32[Tensor, "n 3"], Float32[Tensor, "n 3"]]:
    """RGB of all light but the first lamp's, and RGB of the first lamp's.

    Args:
        room: with materials.
        mesh: of the room.
        light: baked at its vertices.
        face: triangle at each sample, -1 where there is none.
        depth: at each sample, metres.
        rays: direction of each sample, of unit depth.
        eye: centre of the camera.
        spacing: distance of neighbouring samples at unit depth.
    """
    step = len(face) if face.is_cuda else CHUNK
    parts = [
        _shade(room, mesh, light, face[i : i + step], depth[i : i + step], rays[i : i + step], eye, spacing)
        for i in range(0, len(face), step)
    ]
    return torch.cat([rest for rest, _ in parts]), torch.cat([key for _, key in parts])


def _shade(room, mesh, light, face, depth, rays, eye, spacing):
    hit = face >= 0
    row = mesh.rows[mesh.panel[face.clamp_min(0).long()]]
    relative = eye + rays * depth[:, None] - row[:, 0:3]
    s, t = (_dot(row[:, i : i + 3], relative).clamp(0, 1) for i in (3, 6))
    material = row[:, 19].long()
    colours, surface = room.colours[material], room.surface[material]
    period = surface[:, 1]
    u, v = (row[:, 14] + s * row[:, 12]) / period, (row[:, 15] + t * row[:, 13]) / period
    slant = (_dot(row[:, 9:12], rays).abs() / _dot(rays, rays).sqrt()).clamp_min(0.04)
    footprint = depth * spacing / (slant.sqrt() * slant.sqrt().sqrt() * period)
    texel = pyramid(face.device).sample(surface[:, 0].long(), u, v, footprint)
    colour = colours[:, 0] + texel[:, 1:2] * (colours[:, 1] - colours[:, 0])
    colour = (colour + texel[:, 2:3] * (colours[:, 2] - colour)) * texel[:, :1]
    received = _light(light, row, s, t)
    rest = colour * (received[:, :3] + surface[:, 2:3])
    key = colour * (received[:, 3:] * room.fixtures.strengths[0])
    if room.open:
        rest = _with_far(room, rest, hit, rays)
    return rest * (hit | room.open)[:, None], key * hit[:, None]


def _with_far(
    room: Room, colours: Float32[Tensor, "n 3"], hit: Bool[Tensor, "n"], rays: Float32[Tensor, "n 3"]
) -> Float32[Tensor, "n 3"]:
    """The colours with the panorama where nothing is hit; on CUDA it is looked up everywhere, so nothing waits."""
    if not hit.is_cuda:
        missed = (~hit).nonzero()[:, 0]
        far = far_away(room.panorama_number, rays[missed], room.panorama[0])
        return colours.index_copy(0, missed, far * room.panorama[1])
    far = far_away(room.panorama_number, rays, room.panorama[0]) * room.panorama[1]
    return torch.where(hit[:, None], colours, far)


def _light(
    light: Float32[Tensor, "v 4"], row: Float32[Tensor, "n 20"], s: Float32[Tensor, "n"], t: Float32[Tensor, "n"]
) -> Float32[Tensor, "n 4"]:
    """Baked light between the corners of a panel's cell."""
    rows, columns = row[:, 16], row[:, 17]
    x, y = s * (rows - 1), t * (columns - 1)
    i, j = torch.minimum(x.floor(), rows - 2), torch.minimum(y.floor(), columns - 2)
    fx, fy = (x - i)[:, None], (y - j)[:, None]
    wide = columns.long()
    first = row[:, 18].long() + i.long() * wide + j.long()
    low = light[first] * (1 - fy) + light[first + 1] * fy
    high = light[first + wide] * (1 - fy) + light[first + wide + 1] * fy
    return low * (1 - fx) + high * fx


def _dot(a: Float32[Tensor, "n 3"], b: Float32[Tensor, "n 3"]) -> Float32[Tensor, "n"]:
    return a[:, 0] * b[:, 0] + a[:, 1] * b[:, 1] + a[:, 2] * b[:, 2]
