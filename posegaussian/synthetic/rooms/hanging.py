"""Mirrors and posters on walls, where no window, door or board is, and where a camera may see them."""

import numpy as np

from posegaussian.synthetic.rooms.pictures import CELLS, Picture
from posegaussian.synthetic.rooms.site import Site
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM

DEPTH = 0.04
"""Mirrors and posters lie this far before the wall, metres, before boards and skirting; chosen by hand."""
FRAME = 0.025
"""Width of their frames, metres; chosen by hand."""
_TRIES = 60
"""Places that are tried for each; chosen by hand."""
SILVER = 0.9
"""Share of the light that a silvered mirror reflects at normal incidence."""
GLASS = 0.04
"""Share of the light that varnish, stone and water reflect at normal incidence (index of refraction 1.5)."""


def mirror(site: Site, rng: np.random.Generator) -> None:
    """Hang a mirror on a wall, if it fits; it belongs to the room."""
    wide, tall, low = rng.uniform(0.6, 2.0), rng.uniform(1.2, 1.9), rng.uniform(0.1, 0.5)
    tall = min(tall, site.height - low - 0.1)
    if _frame(site, rng, wide, tall, low, ROOM):
        glass = site.palette.add("plain", (0.02, 0.02, 0.02))
        site.builder.panel((-wide / 2, -DEPTH, low), (wide, 0, 0), (0, 0, tall), glass)
        site.polished.append((glass, SILVER, 1.0))


def poster(site: Site, rng: np.random.Generator) -> None:
    """Hang a poster on a wall, if it fits."""
    tall = rng.uniform(0.8, 1.5)
    wide, low = tall * CELLS[0] / CELLS[1], rng.uniform(1.4, 1.6) - tall / 2
    whole = rng.uniform() < 0.5
    paper = rng.uniform(0.2, 0.95) * rng.uniform(0.75, 1.0, 3)
    side, bottom, shown = rng.uniform(-0.6, 0.6), rng.uniform(-0.1, 0.0), rng.uniform(2.0, 2.2)
    if not whole:  # from the hips or the chest up
        bottom, shown = rng.uniform(0.85, 1.2), rng.uniform(0.9, 1.1)
    if _frame(site, rng, wide, tall, low, OBJECT):
        print_ = site.palette.add("plain", (0.95, 0.95, 0.95))
        site.builder.panel((-wide / 2, -DEPTH, low), (wide, 0, 0), (0, 0, tall), print_)
        site.pictures.append(Picture(print_, float(side), float(bottom), float(shown), tuple(paper.tolist())))


def _frame(site: Site, rng: np.random.Generator, wide: float, tall: float, low: float, label: int) -> bool:
    """Find a place and hang a frame there, whose frame of reference the builder then has; whether there is a place."""
    place = _place(site, rng, wide / 2 + FRAME, low, low + tall)
    if place is None:
        return False
    side, along = place
    tone = rng.choice([0.05, 0.3, 0.8])
    wood = site.palette.add("plain", (tone, tone, tone))
    site.at_wall(side, along, label=label)
    for x in (-wide / 2 - FRAME, wide / 2):
        site.builder.box((x, -DEPTH - 0.01, low - FRAME), (x + FRAME, 0, low + tall + FRAME), wood, sides=6)
    for z in (low - FRAME, low + tall):
        site.builder.box((-wide / 2, -DEPTH - 0.01, z), (wide / 2, 0, z + FRAME), wood, sides=6)
    return True


def _place(site: Site, rng: np.random.Generator, half: float, low: float, high: float) -> tuple[int, float] | None:
    """A wall and a place along it, behind the person or aside as a camera sees them.

    The second half of the tries goes farther aside, and lets furniture stand before it.
    """
    for attempt in range(_TRIES):
        eye = site.plan.eyes[rng.integers(len(site.plan.eyes)), :2]
        away = np.arctan2(-eye[1], -eye[0]) + rng.uniform(-1, 1) * (0.6 if attempt < _TRIES // 2 else 1.2)
        side, along = site.wall_towards(np.array([np.cos(away), np.sin(away)]))
        if abs(along) + half > site.wall(side)[2] - 0.05:
            continue
        if any(along - half < end and start < along + half for start, end in site.occupied[side]):
            continue
        x, y, _ = site.in_room(side, along, -0.12, 0.0)
        if attempt < _TRIES // 2 and not site.plan.free(x, y, (half, 0.1), site.wall(side)[1], low, high, seen=False):
            continue
        site.occupied[side].append((along - half, along + half))
        return side, along
    return None
