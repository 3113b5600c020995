"""Gym halls."""

import numpy as np

from posegaussian.synthetic.rooms import shell
from posegaussian.synthetic.rooms.interiors import shuffled, walls
from posegaussian.synthetic.rooms.site import Site
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM


def gym(site: Site) -> None:
    """A gym hall: a wooden floor with lines, blocks or brick, wall bars, high lamps, apparatus."""
    p, rng = site.palette, site.rng
    tone = p.pick(((0.74, 0.56, 0.36), (0.66, 0.46, 0.28), (0.35, 0.5, 0.5), (0.45, 0.3, 0.25)))
    shell.floor(site, p.add("strips" if tone[0] > tone[2] * 1.3 else "plain", tone, tone * 0.85), tone)
    _court_lines(site)
    grey = np.full(3, rng.uniform(0.45, 0.75))
    shell.ceiling(site, p.add("boards", grey, grey * 0.9), grey)
    wall = p.pick(((0.8, 0.78, 0.72), (0.6, 0.35, 0.25), (0.7, 0.74, 0.76), (0.82, 0.75, 0.55)))
    upper = p.add(str(rng.choice(["blocks", "brick"])), wall, wall * 0.85, (0.6, 0.6, 0.58))
    walls(site, [upper] * 4, wall, 0, curtains=0.0)
    lower = p.wood("boards") if rng.uniform() < 0.6 else p.add("plain", p.tint((0.3, 0.7), (0.3, 0.6)))
    for side in range(4):
        half = site.wall(side)[2]
        if rng.uniform() < 0.7:
            site.at_wall(side, label=ROOM)
            site.builder.box((-half, -0.03, 0), (half, 0, 2.0), lower)
        if rng.uniform() < 0.6:
            _wall_bars(site, side, half)
        if rng.uniform() < 0.4 and site.height > 4:
            _high_windows(site, side, half)
    _beams(site)
    _bay_lamps(site)
    site.furnish(
        shuffled(rng, {"bench": 4.0, "mats": 3.0, "vaulting box": 2.0, "cardboard": 0.8, "crate": 0.8, "chair": 2.0})
    )
    site.furnish({"balls": 1.0, "bench": 0.4, "mats": 0.5}, walls=False)


def _bay_lamps(site: Site) -> None:
    """Round lamps under the ceiling of a hall."""
    b, rng = site.builder, site.rng
    glow = site.palette.add("plain", (0.97, 0.97, 0.95), glow=1.5)
    metal = site.palette.add("metal", (0.5, 0.5, 0.52))
    z, spots = site.height - rng.uniform(0.3, 0.7), []
    for x in np.arange(site.plan.low[0] + 1.5, site.plan.high[0] - 0.5, 3.2):
        for y in np.arange(site.plan.low[1] + 1.5, site.plan.high[1] - 0.5, 3.2):
            b.place(x, y, label=OBJECT)
            b.lathe([(0.25, z), (0.1, z + 0.2), (0.03, site.height)], metal, 10)
            b.lathe([(0.0, z + 0.01), (0.24, z)], glow, 10)
            spots.append((x, y))
    spots.sort(key=lambda spot: abs(np.hypot(*spot) - rng.uniform(0.5, 3.0)))
    site.lamps += [site.ceiling_lamp(x, y, (0.2, 0.2), z) for x, y in spots]


def _beams(site: Site) -> None:
    steel = site.palette.metal()
    (x0, y0), (x1, y1) = site.plan.low, site.plan.high
    site.builder.place(label=ROOM)
    for x in np.arange(x0 + 1.2, x1, 2.6):
        site.builder.box((x - 0.08, y0, site.height - 0.35), (x + 0.08, y1, site.height), steel, sides=6)


def _wall_bars(site: Site, side: int, half: float) -> None:
    """Ladders on a wall."""
    wood, wide = site.palette.wood(), min(half, 2.4)
    along = float(site.rng.uniform(-half + wide, half - wide)) if half > wide else 0.0
    site.at_wall(side, along, label=OBJECT)
    site.occupied[side].append((along - wide - 0.03, along + wide + 0.03))
    for x in np.arange(-wide, wide + 0.01, 0.95 if wide > 0.95 else wide):
        site.builder.box((x - 0.03, -0.16, 0), (x + 0.03, -0.03, 2.5), wood)
    for z in np.arange(0.2, 2.45, 0.17):
        site.builder.box((-wide, -0.15, z), (wide, -0.11, z + 0.035), wood, sides=6)


def _high_windows(site: Site, side: int, half: float) -> None:
    """Bright panes below the ceiling."""
    pane = site.palette.add("plain", (0.9, 0.94, 0.98), glow=float(site.rng.uniform(0.8, 1.4)))
    frame = site.palette.metal()
    site.at_wall(side, label=ROOM)
    for x in np.arange(-half + 0.6, half - 1.5, 1.6):
        site.builder.box((x - 0.05, -0.03, site.height - 1.45), (x + 1.25, -0.005, site.height - 0.4), frame)
        site.builder.panel((x, -0.035, site.height - 1.4), (1.2, 0, 0), (0, 0, 0.95), pane)


def _court_lines(site: Site) -> None:
    """Coloured lines on the floor."""
    b, rng, p = site.builder, site.rng, site.palette
    b.place(label=ROOM, z=-0.5 * shell.SUNK)
    for _ in range(rng.integers(2, 6)):
        colour = p.add(
            "plain",
            p.pick(
                (
                    (0.85, 0.85, 0.85),
                    (0.75, 0.15, 0.12),
                    (0.1, 0.25, 0.6),
                    (0.8, 0.7, 0.1),
                    (0.1, 0.4, 0.2),
                    (0.05, 0.05, 0.05),
                )
            ),
        )
        if rng.uniform() < 0.65:
            at = rng.uniform(site.plan.low, site.plan.high)
            size = site.plan.high - site.plan.low
            if rng.uniform() < 0.5:
                b.panel((site.plan.low[0], at[1], 0), (size[0], 0, 0), (0, 0.05, 0), colour)
            else:
                b.panel((at[0], site.plan.low[1], 0), (0.05, 0, 0), (0, size[1], 0), colour)
        else:
            r, (x, y) = rng.uniform(0.9, 2.5), rng.uniform(0.6 * site.plan.low, 0.6 * site.plan.high)
            angle = np.linspace(0, 2 * np.pi, 65)
            ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
            middle, ups = np.array([x, y, 0.0]), np.tile([0.0, 0, 1], (65, 1))
            b.strip(middle + r * ring, middle + (r - 0.05) * ring, ups, colour)
