"""Floor, ceiling and walls with windows and doors, and what hangs on them."""

import numpy as np

from posegaussian.synthetic.rooms.site import Lamp, Site
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM

OVERLAP = 0.03
"""Sides of the room reach beyond each other by this, metres, so that no ray passes between them."""
SUNK = 0.004
"""Floors lie this far below the soles, metres, so that rugs, cloth and lines on them hide no sole."""
THICKNESS = 0.22
"""Of outer walls, metres: how deep windows lie in them."""
AROUND = 0.3
"""Nothing hangs on a wall this near to a window or a door, metres: curtains reach beyond them; chosen by hand."""
Opening = tuple[float, float, float, float]
"""Of a wall: from and to along it, from and to above the floor, metres."""


def floor(site: Site, material: int, colour) -> None:
    """The floor."""
    (x0, y0), (x1, y1) = site.plan.low - OVERLAP, site.plan.high + OVERLAP
    site.builder.place(label=ROOM, z=-SUNK)
    if site.rng.uniform() < 0.5:
        site.builder.panel((x0, y0, 0), (x1 - x0, 0, 0), (0, y1 - y0, 0), material)
    else:
        site.builder.panel((x1, y0, 0), (0, y1 - y0, 0), (x0 - x1, 0, 0), material)
    site.sides[4] = colour
    site.ground = material


def ceiling(site: Site, material: int, colour) -> None:
    """The ceiling."""
    (x0, y0), (x1, y1) = site.plan.low - OVERLAP, site.plan.high + OVERLAP
    site.builder.place(label=ROOM)
    site.builder.panel((x0, y0, site.height), (0, y1 - y0, 0), (x1 - x0, 0, 0), material)
    site.sides[5] = colour


def wall(site: Site, side: int, material: int, colour, openings: list[Opening] | None = None) -> None:
    """One wall around its openings, from left to right."""
    _, _, half = site.wall(side)
    site.at_wall(side)
    b, top = site.builder, site.height + OVERLAP

    def piece(left, right, low, high):
        if right > left and high > low:
            b.panel((left, 0, low), (right - left, 0, 0), (0, 0, high - low), material)

    at = -half - OVERLAP
    for left, right, low, high in sorted(openings or []):
        piece(at, left, -OVERLAP, top)
        piece(left, right, -OVERLAP, low)
        piece(left, right, high, top)
        at = right
    piece(at, half + OVERLAP, -OVERLAP, top)
    site.occupied[side] += [(left - AROUND, right + AROUND) for left, right, *_ in openings or []]
    site.sides[(3, 1, 2, 0)[side]] = colour


def skirting(site: Site, side: int, material: int, doors: list[Opening]) -> None:
    """A skirting board, 8 cm high, that ends at doors."""
    _, _, half = site.wall(side)
    site.at_wall(side)
    at = -half
    for left, right, *_ in [*sorted(doors), (half, half, 0, 0)]:
        if left - 0.08 > at:
            site.builder.box((at, -0.014, 0), (left - 0.08, 0, 0.08), material)
        at = right + 0.08


def window(site: Site, side: int, opening: Opening, frame: int, bars: int = 1) -> Lamp:
    """A window's frame, sill and radiator; it shines into the room."""
    left, right, low, high = opening
    b = site.builder
    site.at_wall(side)
    reveal = site.palette.add("plain", (0.8, 0.8, 0.78))
    b.box((left - 0.05, 0, low - 0.05), (left, THICKNESS, high + 0.05), reveal, sides=6)
    b.box((right, 0, low - 0.05), (right + 0.05, THICKNESS, high + 0.05), reveal, sides=6)
    b.box((left, 0, high), (right, THICKNESS, high + 0.05), reveal, sides=6)
    b.box((left - 0.03, -0.1, low - 0.03), (right + 0.03, THICKNESS, low), reveal, sides=6)
    for x in np.linspace(left, right - 0.06, bars + 2):
        b.box((x, 0.1, low), (x + 0.06, 0.15, high), frame, sides=6)
    for z in (low, high - 0.06):
        b.box((left, 0.1, z), (right, 0.15, z + 0.06), frame, sides=6)
    if low > 0.5 and site.rng.uniform() < 0.7:
        _radiator(site, side, (left + right) / 2, min(right - left, 1.4), low - 0.12)
    axis = site.in_room(side, 1.0, 0.0, 0.0) - site.in_room(side, 0.0, 0.0, 0.0)
    return Lamp(
        site.in_room(side, (left + right) / 2, 0.05, (low + high) / 2),
        np.array([axis * (right - left) / 2, [0, 0, (high - low) / 2]]),
        site.in_room(side, 0.0, 0.0, 0.0) - site.in_room(side, 0.0, 1.0, 0.0),
    )


def _radiator(site: Site, side: int, x: float, wide: float, top: float) -> None:
    site.at_wall(side, x, label=OBJECT)
    white = site.palette.add("plain", (0.85, 0.85, 0.83))
    for at in np.arange(-wide / 2, wide / 2 - 0.03, 0.06):
        site.builder.box((at, -0.12, 0.12), (at + 0.045, -0.04, top), white, sides=6)


def curtains(site: Site, side: int, opening: Opening, material: int, share: float, top: float) -> None:
    """Two curtains that cover a share of a window, and their rod."""
    left, right, _, _ = opening
    site.at_wall(side, label=OBJECT)
    b, rng = site.builder, site.rng
    reach, wide = 0.2, (right - left) * share / 2
    for start, end in ((left - reach, left + wide), (right - wide, right + reach)):
        cloth(site, start, end, 0.03, top - 0.03, -0.2, material, folds=(end - start) / rng.uniform(0.1, 0.16))
    rod = site.palette.metal()
    b.box((left - reach - 0.1, -0.212, top - 0.03), (right + reach + 0.1, -0.188, top - 0.005), rod, sides=6)


def cloth(
    site: Site,
    start: float,
    end: float,
    low: float,
    high: float,
    y: float,
    material: int,
    folds: float,
    depth: float = 0.045,
) -> None:
    """Hanging cloth with vertical folds, in the frame of a wall."""
    rng = site.rng
    count = int(np.clip(folds * 7, 4, 160))
    x = np.linspace(start, end, count + 1)
    phase = 2 * np.pi * (x - start) / (end - start) * folds + np.cumsum(rng.normal(0, 0.12, count + 1))
    size = depth * (0.7 + 0.3 * np.sin(0.37 * phase + rng.uniform(0, 6)))
    wave = y + size * np.sin(phase)
    slope = np.gradient(wave, x)
    normals = np.stack([slope, -np.ones_like(slope), np.zeros_like(slope)], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    line = np.stack([x, wave], axis=1)
    below, above = (np.column_stack([line, np.full(count + 1, z)]) for z in (low, high))
    site.builder.strip(below, above, normals, material)


def blinds(site: Site, side: int, opening: Opening, share: float) -> None:
    """Slats that cover the upper share of a window."""
    left, right, low, high = opening
    site.at_wall(side, label=OBJECT)
    material = site.palette.add(
        "slats",
        site.palette.pick(((0.85, 0.85, 0.82), (0.7, 0.68, 0.62), (0.4, 0.42, 0.45))),
        third=(0.15, 0.15, 0.15),
        glow=0.15,
    )
    site.builder.panel(
        (left - 0.02, -0.03, high + 0.05 - share * (high - low)),
        (right - left + 0.04, 0, 0),
        (0, 0, share * (high - low)),
        material,
    )


def door(site: Site, side: int, opening: Opening) -> None:
    """A closed door with a frame and a handle."""
    left, right, _, high = opening
    site.at_wall(side)
    p, b = site.palette, site.builder
    leaf = (
        p.wood("wood")
        if site.rng.uniform() < 0.5
        else p.add("plain", p.pick(((0.86, 0.86, 0.84), (0.75, 0.75, 0.72), (0.45, 0.5, 0.55))))
    )
    frame = leaf if site.rng.uniform() < 0.5 else p.add("plain", (0.84, 0.84, 0.82))
    for x0, x1 in ((left - 0.07, left), (right, right + 0.07)):
        b.box((x0, -0.02, 0), (x1, 0.08, high + 0.07), frame)
    b.box((left, -0.02, high), (right, 0.08, high + 0.07), frame, sides=6)
    b.box((left, 0.03, -2 * SUNK), (right, 0.07, high), leaf, sides=6)
    if site.rng.uniform() < 0.5:
        for z0, z1 in ((0.15, 0.9), (1.05, high - 0.12)):
            b.box((left + 0.12, 0.022, z0), (right - 0.12, 0.03, z1), leaf)
    b.box((right - 0.14, -0.03, 1.02), (right - 0.03, -0.01, 1.04), p.add("metal", (0.7, 0.7, 0.7)), sides=6)


def board(
    site: Site, side: int, along: float, low: float, wide: float, tall: float, material: int, frame: int | None = None
) -> None:
    """A flat thing on a wall, with or without a frame."""
    site.at_wall(side, along, label=OBJECT)
    site.occupied[side].append((along - wide / 2 - 0.02, along + wide / 2 + 0.02))
    b = site.builder
    b.box((-wide / 2, -0.02, low), (wide / 2, 0, low + tall), material)
    if frame is not None:
        for x in (-wide / 2 - 0.02, wide / 2):
            b.box((x, -0.03, low - 0.02), (x + 0.02, 0, low + tall + 0.02), frame)
        for z in (low - 0.02, low + tall):
            b.box((-wide / 2, -0.03, z), (wide / 2, 0, z + 0.02), frame, sides=6)


def cable(site: Site, material: int) -> None:
    """A cable that lies on the floor."""
    rng = site.rng
    start = rng.uniform(site.plan.low, site.plan.high)
    angle, points = rng.uniform(0, 2 * np.pi), [start]
    for _ in range(60):
        angle += rng.normal(0, 0.25)
        points.append(
            np.clip(points[-1] + 0.09 * np.array([np.cos(angle), np.sin(angle)]), site.plan.low, site.plan.high)
        )
    line = np.array(points)
    if np.linalg.norm(line, axis=1).min() < site.plan.reach:
        return
    side = np.gradient(line, axis=0)
    side = 0.006 * np.stack([side[:, 1], -side[:, 0]], axis=1) / (np.linalg.norm(side, axis=1, keepdims=True) + 1e-9)
    site.builder.place(label=OBJECT)
    ups = np.tile([0.0, 0, 1], (len(line), 1))
    one, other = (np.column_stack([line + sign * side, np.full(len(line), 0.008)]) for sign in (1, -1))
    site.builder.strip(one, other, ups, material)
