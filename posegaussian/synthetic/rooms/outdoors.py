"""Outdoors: ground, a far panorama, and walls, hedges, trees and benches between."""

import numpy as np

from posegaussian.synthetic.rooms.site import Lamp, Site
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM, unit

GROUND = 60.0
"""The ground ends this far from the person, metres; the panorama goes on in its colours."""


def outdoors(site: Site) -> None:
    """A yard, a street or a meadow under the sky."""
    p, rng, b = site.palette, site.rng, site.builder
    kind = str(rng.choice(["grass", "paving", "asphalt", "gravel", "concrete"], p=[0.4, 0.2, 0.2, 0.1, 0.1]))
    tone, other, third = {
        "grass": ((0.34, 0.42, 0.17), (0.42, 0.4, 0.2), (0.36, 0.3, 0.2)),
        "paving": ((0.6, 0.57, 0.52), (0.5, 0.44, 0.4), (0.38, 0.36, 0.33)),
        "asphalt": ((0.33, 0.33, 0.34), (0.6, 0.6, 0.58), (0.28, 0.28, 0.29)),
        "gravel": ((0.6, 0.56, 0.5), (0.45, 0.4, 0.36), (0.4, 0.4, 0.4)),
        "concrete": ((0.6, 0.59, 0.57), (0.48, 0.46, 0.44), (0.4, 0.4, 0.4)),
    }[kind]
    scale = rng.uniform(0.85, 1.15)
    ground = p.add(kind, np.array(tone) * scale, np.array(other) * scale, np.array(third) * scale)
    verge = (
        ground
        if kind == "grass" or rng.uniform() < 0.4
        else p.add("grass", (0.33, 0.41, 0.17), (0.42, 0.4, 0.2), (0.36, 0.3, 0.2))
    )
    inner = float(max(*-site.plan.low, *site.plan.high)) + rng.uniform(0.5, 5)
    _ground(site, inner, ground, verge)
    site.sides[:] = (0.62, 0.64, 0.66)
    site.sides[4] = tone
    site.sides[5] = (0.82, 0.88, 0.95)
    site.sky = float(rng.uniform(0.85, 1.2))
    angle, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 1.15)
    sun = 500 * np.array([np.cos(angle) * np.cos(rise), np.sin(angle) * np.cos(rise), np.sin(rise)])
    site.lamps.append(Lamp(sun, np.zeros((2, 3)), np.zeros(3), fades=False))
    behind = sun * [-1, -1, 0.6]
    site.lamps.append(Lamp(behind, np.zeros((2, 3)), np.zeros(3), fades=False))
    for side in rng.permutation(4)[: int(rng.integers(0, 4))].tolist():
        _boundary(site, side)
    for _ in range(rng.poisson(5 * site.clutter)):
        _tree(site)
    site.furnish({"bench": 1.5, "plant": 1.5, "cardboard": 0.2}, walls=False)
    for _ in range(rng.poisson(2.5 * site.clutter)):
        _bush(site)
    b.place(label=ROOM)


def _ground(site: Site, inner: float, ground: int, verge: int) -> None:
    """A square of ground, and the ground around it in growing cells."""
    b = site.builder
    b.place(label=ROOM, z=-0.002)
    b.panel((-inner, -inner, 0), (2 * inner, 0, 0), (0, 2 * inner, 0), ground)
    for low, high in ((inner, 3 * inner), (3 * inner, GROUND)):
        for angle in range(4):
            b.place(yaw=angle * np.pi / 2, label=ROOM, z=-0.006)
            b.panel((low - 0.02, -low - 0.02, 0), (high - low + 0.02, 0, 0), (0, low + high + 0.04, 0), verge)


def _boundary(site: Site, side: int) -> None:
    """A wall, a fence, a hedge or the front of a house on one side."""
    p, rng, b = site.palette, site.rng, site.builder
    half = site.wall(side)[2]
    site.at_wall(side, label=ROOM)
    y = float(rng.uniform(0.0, 3.0))
    kind = str(rng.choice(["house", "wall", "fence", "hedge"], p=[0.35, 0.25, 0.2, 0.2]))
    wide = half + y + rng.uniform(0, 4)
    if kind == "house":
        _house(site, y, wide)
    elif kind == "wall":
        tone = p.pick(((0.55, 0.3, 0.22), (0.65, 0.63, 0.6), (0.75, 0.72, 0.65)))
        b.box(
            (-wide, y, 0),
            (wide, y + 0.25, rng.uniform(1.0, 2.4)),
            p.add(str(rng.choice(["brick", "blocks", "concrete"])), tone, tone * 0.8, (0.6, 0.58, 0.55)),
        )
    elif kind == "fence":
        wood, tall = p.wood("boards"), rng.uniform(0.9, 1.8)
        for x in np.arange(-wide, wide, 0.14 if wide < 9 else 0.2):
            b.box((x, y, 0.05), (x + 0.1, y + 0.02, tall + rng.uniform(-0.02, 0.02)), wood)
        for z in (0.3, tall - 0.2):
            b.box((-wide, y + 0.02, z), (wide, y + 0.06, z + 0.08), wood, sides=6)
    else:
        tone = p.tint((0.4, 0.65), (0.2, 0.38), (0.22, 0.33))
        leaves = p.add("leaves", tone, tone * 0.6)
        tall = rng.uniform(0.8, 2.0)
        for x in np.arange(-wide, wide, 0.45):
            bulge = rng.uniform(-0.08, 0.08, 2)
            b.box((x, y + bulge[0], 0), (x + 0.47, y + 0.7, tall + bulge[1]), leaves)


def _house(site: Site, y: float, wide: float) -> None:
    """The front of a house."""
    p, rng, b = site.palette, site.rng, site.builder
    tone = p.pick(((0.8, 0.76, 0.66), (0.85, 0.84, 0.8), (0.6, 0.34, 0.25), (0.7, 0.62, 0.5), (0.55, 0.6, 0.65)))
    front = p.add("brick" if tone[0] > 1.5 * tone[2] else "plaster", tone, tone * 0.85, (0.65, 0.63, 0.6))
    top = rng.uniform(3.5, 8.0)
    b.box((-wide, y, 0), (wide, y + 5, top), front)
    b.box((-wide, y - 0.06, 0), (wide, y, rng.uniform(0.3, 0.6)), p.add("concrete", (0.5, 0.49, 0.47)))
    glass, frame = (
        p.add("plain", (0.1, 0.12, 0.15), (0.3, 0.35, 0.4)),
        p.add("plain", p.pick(((0.85, 0.85, 0.84), (0.25, 0.2, 0.16)))),
    )
    leaf = p.wood("boards")
    step = rng.uniform(1.8, 2.8)
    for number, x in enumerate(np.arange(-wide + 0.8, wide - 1.2, step)):
        for z in np.arange(1.0, top - 1.4, 2.8):
            low, high, surface = z, z + 1.35, glass
            if z == 1.0 and number % 4 == 2:
                low, high, surface = 0.0, 2.1, leaf
            b.box((x - 0.06, y - 0.05, low - 0.06), (x + 1.06, y, high + 0.06), frame)
            b.panel((x, y - 0.055, low), (1.0, 0, 0), (0, 0, high - low), surface)
            if surface == glass:
                b.box((x + 0.47, y - 0.07, low), (x + 0.53, y - 0.05, high), frame)


def _tree(site: Site) -> None:
    """A trunk with clumps of leaves, beyond the cameras."""
    p, rng, b = site.palette, site.rng, site.builder
    angle = rng.uniform(0, 2 * np.pi)
    reach = float(np.hypot(*np.maximum(-site.plan.low, site.plan.high)))
    x, y = (reach + rng.uniform(1.0, 14)) * np.array([np.cos(angle), np.sin(angle)])
    tall, r = rng.uniform(4, 9), rng.uniform(0.12, 0.3)
    b.place(x, y, rng.uniform(0, 6), label=OBJECT)
    b.lathe([(1.3 * r, 0), (r, 0.5), (0.6 * r, 0.6 * tall)], p.add("wood", (0.3, 0.24, 0.18), period=0.5), 8)
    tone = p.tint((0.4, 0.65), (0.32, 0.55), (0.2, 0.33))
    greens = [p.add("leaves", tone * s, tone * s * 0.6, period=0.9) for s in (0.75, 1.0, 1.2)]
    count = 260
    clumps = rng.normal(0, 1, (count, 3)).clip(-2, 2) * [0.17 * tall, 0.17 * tall, 0.14 * tall] + [0, 0, 0.7 * tall]
    first = rng.uniform(0.2, 0.45, (count, 1)) * unit(rng.normal(0, 1, (count, 3)))
    second = rng.uniform(0.15, 0.35, (count, 1)) * unit(np.cross(first, rng.normal(0, 1, (count, 3))))
    b.many(clumps - first - 0.2 * second, first + second, first - second, rng.choice(greens, count))


def _bush(site: Site) -> None:
    """A low ball of leaves."""
    p, rng, b = site.palette, site.rng, site.builder
    wide, tall = rng.uniform(0.6, 1.4), rng.uniform(0.5, 1.2)
    place = site.plan.anywhere(rng, (wide, wide, tall))
    if place is None:
        return
    b.place(*place)
    tone = p.tint((0.4, 0.65), (0.3, 0.5), (0.2, 0.34))
    greens = [p.add("leaves", tone * s, tone * s * 0.6, period=0.5) for s in (0.7, 1.0)]
    count = 200
    out = unit(rng.normal(0, 1, (count, 3)))
    at = np.array([0, 0, tall / 3]) + out * [wide / 2, wide / 2, 0.6 * tall] * rng.uniform(0.6, 1, (count, 1))
    at[:, 2] = abs(at[:, 2])
    side = rng.uniform(0.04, 0.09, (count, 1)) * unit(np.cross(out, rng.normal(0, 1, (count, 3))))
    up = np.cross(out, side) + 0.04 * out
    b.many(at - 0.5 * side - up, side + up, up - side, rng.choice(greens, count))
