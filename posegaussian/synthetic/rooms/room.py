"""A room as tensors: its panels, materials and light, and the same as a triangle mesh with baked light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from posegaussian.synthetic.renderer.lights import AS_ENCODED
from posegaussian.synthetic.rooms.pictures import CELLS, Picture, Posters
from posegaussian.synthetic.rooms.surfaces import Panels
from posegaussian.types import Tensors

CELL = 0.14
"""Panels are divided into cells of at most this size, metres, within `NEAR` of the person; light is baked at the
corners. Chosen by hand: shadows of furniture have edges of that width."""
NEAR = 2.5
"""Distance from the person from which on cells grow in proportion, metres."""
MAX_CELLS = 96
"""At most this many cells along an edge."""
NOBODY, NOWHERE = np.zeros((0, 4)), np.zeros((0, 3))
"""Places of no other people, and no places."""
MATT: Mapping[int, tuple[float, float]] = {}
"""No mirrors."""
BARE: Mapping[int, Picture] = {}
"""No posters."""


@dataclass(frozen=True)
class Fixtures(Tensors):
    """Light of a room: rectangular lamps and windows, and the ambient light with what walls add to it."""

    centre: Float32[Tensor, "l 3"]  # of each lamp, metres; the first is the one that people cast shadows by
    axes: Float32[Tensor, "l 2 3"]  # half of the two sides of each lamp, metres
    facing: Float32[Tensor, "l 3"]  # normal of each lamp; 0: it shines in all directions
    strengths: Float32[Tensor, "l 3"]  # RGB that reaches a surface at the person that faces the lamp
    distance: Float32[Tensor, l]  # from the person to each lamp, metres
    fades: Float32[Tensor, l]  # 1: by the square of the distance; 0: not at all, as the sun
    ambient: Float32[Tensor, 3]  # RGB
    # RGB of the ambient light from low x, high x, low y, high y, floor and ceiling, against the mean
    bounce: Float32[Tensor, "6 3"]
    low: Float32[Tensor, 3]  # corner of the room in its own frame, metres
    high: Float32[Tensor, 3]  # opposite corner
    turn: Float32[Tensor, "3 3"]  # from the world to the room's frame
    blocks: Float32[Tensor, "b 7"]  # middle, half size and yaw of boxes that keep light away
    decoding: Float32[Tensor, 3] = field(default_factory=lambda: torch.tensor(AS_ENCODED))  # as in `Lights`


@dataclass(frozen=True)
class Room(Tensors):
    """A room in the world of the person."""

    kind: str
    origin: Float32[Tensor, "p 3"]  # first corner of each panel, metres
    edges: Float32[Tensor, "p 2 3"]  # its sides
    normals: Float32[Tensor, "p 3 3"]  # at the first corner and at the ends of the sides
    cells: Int64[Tensor, "p 2"]  # numbers of cells along the sides; 0 and 0 for half a panel, which is one triangle
    starts: Int64[Tensor, "p 2"]  # first vertex and first triangle of each panel
    # what shading needs of each panel, 20 numbers: first corner, dual basis of the sides, normal, span and offset of
    # the texture (metres), number of vertices along the sides, first vertex, material
    rows: Float32[Tensor, "p 20"]
    label: Int64[Tensor, p]  # of each panel
    colours: Float32[Tensor, "m 3 3"]  # three colours of each material
    # of each material: layer of the atlas, metres of a period, emitted light, strength of stains
    surface: Float32[Tensor, "m 4"]
    panorama: Float32[Tensor, 2]  # turn in radians, and brightness
    fixtures: Fixtures  # the light
    open: bool  # whether rays may leave the room
    panorama_number: int  # which panorama lies around
    vertices: int  # number of vertices of the mesh
    faces: int  # number of triangles of the mesh
    others: Float32[Tensor, "k 4"]  # x, y (metres), yaw (radians) and walking speed (metres per second) of other people
    board: Float32[Tensor, "c 3"]  # inner corners of a calibration board on the floor, metres; none without one
    mirrors: tuple[int, ...]  # numbers of the panels that reflect: a polished floor, mirrors on walls
    # share of the light that each of them reflects at normal incidence, and how polished it is, 0..1
    finishes: Float32[Tensor, "r 2"]
    posters: Posters | None  # pictures of people on walls; None without any

    @staticmethod
    def of(
        kind: str, panels: Panels, materials: Float[np.ndarray, "m 13"], panorama: Float[np.ndarray, 3],
        fixtures: Fixtures, opened: bool, others: Float[np.ndarray, "k 4"] = NOBODY,
        board: Float[np.ndarray, "c 3"] = NOWHERE,
        mirrors: Mapping[int, tuple[float, float]] = MATT,
        pictures: Mapping[int, Picture] = BARE,
    ) -> Room:  # fmt: skip
        """A room of panels, on the CPU.

        Args:
            kind: its name.
            panels: in the world.
            materials: three colours, and the four numbers of `surface`, of each.
            panorama: number, turn and brightness.
            fixtures: the light.
            opened: whether rays may leave the room.
            others: x, y, yaw and walking speed of other people.
            board: inner corners of a calibration board.
            mirrors: numbers of the panels that reflect, and the finish of each.
            pictures: numbers of the panels that are posters, and the picture of each.
        """
        cells = cell_counts(panels)
        cells[list(pictures)] = CELLS
        corners = (cells.clip(1) + 1).prod(1)
        faces = np.where(panels.half, 1, 2 * cells.prod(1))
        starts = np.stack([corners.cumsum() - corners, faces.cumsum() - faces], axis=1)
        values = {
            "origin": panels.origin, "edges": panels.edges, "normals": panels.normals, "others": others, "board": board,
            "colours": materials[:, :9].reshape(-1, 3, 3), "surface": materials[:, 9:], "panorama": panorama[1:],
        }  # fmt: skip
        tensors = {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
        numbers = {"cells": cells, "starts": starts, "label": panels.label}
        return Room(
            kind=kind,
            **tensors,
            **{name: torch.from_numpy(value.astype(np.int64)) for name, value in numbers.items()},
            rows=_rows(tensors["origin"], tensors["edges"], panels, cells, starts),
            fixtures=fixtures,
            open=opened,
            panorama_number=int(panorama[0]),
            vertices=int(corners.sum()),
            faces=int(faces.sum()),
            mirrors=tuple(mirrors),
            finishes=torch.tensor(list(mirrors.values()), dtype=torch.float32).reshape(-1, 2),
            posters=Posters.of(list(pictures.values()), starts[list(pictures), 0].tolist()) if pictures else None,
        )


def cell_counts(panels: Panels) -> np.ndarray:
    """Numbers of cells along the sides of each panel; 0 for halves."""
    corners = panels.origin[:, None] + np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) @ panels.edges
    low, high = corners[..., :2].min(1), corners[..., :2].max(1)
    distance = np.linalg.norm(np.maximum(np.maximum(low, -high), 0), axis=1)
    size = CELL * np.maximum(distance / NEAR, 1)[:, None]
    cells = np.ceil(np.linalg.norm(panels.edges, axis=2) / size - 1e-6).clip(1, MAX_CELLS).astype(int)
    return np.where(panels.half[:, None], 0, cells)


@dataclass(frozen=True)
class RoomMesh(Tensors):
    """The mesh of a room."""

    vertices: Float32[Tensor, "v 3"]  # metres
    normals: Float32[Tensor, "v 3"]  # unit length
    faces: Int64[Tensor, "f 3"]  # vertex numbers
    panel: Int64[Tensor, f]  # of each face

    @staticmethod
    def of(room: Room) -> RoomMesh:
        """The mesh, made on the device of the room; the host does not wait."""
        grid = room.cells.clamp_min(1)
        vertex, face = room.starts.unbind(1)
        each = torch.arange(len(grid), device=grid.device)
        owner = each.repeat_interleave((grid + 1).prod(1), output_size=room.vertices)
        place = torch.arange(room.vertices, device=grid.device) - vertex[owner]
        columns = grid[owner, 1] + 1
        s, t = (place // columns) / grid[owner, 0], (place % columns) / grid[owner, 1]
        vertices = _spread(room.origin, room.edges[:, 0], room.edges[:, 1], owner, s, t)
        first, second, third = room.normals.unbind(1)
        normals = _spread(first, second - first, third - first, owner, s, t)
        normals = normals / _length(normals).clamp_min(1e-9)

        counts = torch.where(room.cells[:, 0] > 0, 2 * grid.prod(1), 1)
        panel = each.repeat_interleave(counts, output_size=room.faces)
        place = torch.arange(room.faces, device=grid.device) - face[panel]
        cell, upper = place // 2, place % 2
        columns = grid[panel, 1]
        a = vertex[panel] + cell // columns * (columns + 1) + cell % columns
        b, c = a + columns + 1, a + 1
        faces = torch.stack(
            [torch.where(upper > 0, b + 1, a), torch.where(upper > 0, c, b), torch.where(upper > 0, b, c)], 1
        )
        return RoomMesh(vertices, normals, faces, panel)


def _rows(
    origin: Float32[Tensor, "p 3"],
    edges: Float32[Tensor, "p 2 3"],
    panels: Panels,
    cells: np.ndarray,
    starts: np.ndarray,
) -> Float32[Tensor, "p 20"]:
    """What shading needs of each panel; see `Room`."""
    first, second = edges.unbind(1)
    normal = torch.linalg.cross(first, second)
    square = (normal * normal).sum(1, keepdim=True).clamp_min(1e-18)
    dual = torch.linalg.cross(second, normal) / square, torch.linalg.cross(normal, first) / square
    rest = [panels.span, panels.offset, cells.clip(1) + 1, starts[:, :1], panels.material[:, None]]
    texture = torch.from_numpy(np.concatenate(rest, axis=1).astype(np.float32))
    return torch.cat([origin, *dual, normal / square.sqrt(), texture], dim=1)


def _spread(
    origin: Float32[Tensor, "p 3"], first: Float32[Tensor, "p 3"], second: Float32[Tensor, "p 3"],
    owner: Int64[Tensor, v], s: Float32[Tensor, v], t: Float32[Tensor, v],
) -> Float32[Tensor, "v 3"]:  # fmt: skip
    return origin[owner] + s[:, None] * first[owner] + t[:, None] * second[owner]


def _length(vectors: Float32[Tensor, "n 3"]) -> Float32[Tensor, "n 1"]:
    """Lengths, in one order of additions on all devices."""
    x, y, z = vectors.unbind(1)
    return (x * x + y * y + z * z).sqrt()[:, None]
