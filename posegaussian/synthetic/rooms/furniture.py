"""Furniture, each piece in a frame of its own: x along its width, +y towards the wall behind it, z up."""

import numpy as np

from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.surfaces import Builder

Size = tuple[float, float, float]
"""Width, depth and height, metres."""


def cardboard(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A box, or a few on top of each other."""
    w, d, h = size
    paper = p.add(
        "plain", p.pick(((0.66, 0.5, 0.34), (0.6, 0.45, 0.3), (0.75, 0.73, 0.7), (0.3, 0.35, 0.45))), period=0.7
    )
    tape = p.add("plain", (0.75, 0.68, 0.5))
    count = max(1, round(h / 0.4))
    for i in range(count):
        low, high = i * h / count, (i + 1) * h / count
        shrink = 1 - 0.12 * i * rng.uniform()
        b.box((-w / 2 * shrink, -d / 2 * shrink, low), (w / 2 * shrink, d / 2 * shrink, high - 0.004), paper)
        b.box((-0.03, -d / 2 * shrink - 0.002, low + 0.01), (0.03, d / 2 * shrink + 0.002, high), tape)


def shelf(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """Shelves with books and boxes."""
    w, d, h = size
    wood = p.wood() if rng.uniform() < 0.6 else p.add("plain", p.pick(((0.85, 0.85, 0.83), (0.2, 0.2, 0.22))))
    for x in (-w / 2, w / 2 - 0.025):
        b.box((x, -d / 2, 0), (x + 0.025, d / 2, h), wood)
    if rng.uniform() < 0.75:
        b.box((-w / 2, d / 2 - 0.01, 0), (w / 2, d / 2, h), wood)
    levels = max(2, round(h / 0.37))
    covers = [p.add("plain", p.tint((0.1, 0.8), (0.15, 0.8))) for _ in range(8)]
    for z in np.linspace(0.05, h - 0.025, levels + 1):
        b.box((-w / 2 + 0.025, -d / 2, z), (w / 2 - 0.025, d / 2, z + 0.025), wood, sides=6)
        gap = (h - 0.08) / levels - 0.03
        if z > h - 0.1 or rng.uniform() < 0.12:
            continue
        _books(b, rng, covers, (-w / 2 + 0.03, w / 2 - 0.03), d, z + 0.025, gap)


def _books(
    b: Builder, rng: np.random.Generator, covers: list[int], span: tuple[float, float], d: float, z: float, gap: float
):
    x, end = span[0], span[0] + (span[1] - span[0]) * rng.uniform(0.5, 1.0)
    while x < end - 0.05:
        if rng.uniform() < 0.06:
            x += rng.uniform(0.08, 0.3)
            continue
        thick, tall, deep = rng.uniform(0.015, 0.055), rng.uniform(0.55, 0.92) * gap, rng.uniform(0.5, 0.85) * d
        b.box((x, -d / 2 + 0.02, z), (min(x + thick, span[1]), -d / 2 + 0.02 + deep, z + tall), int(rng.choice(covers)))
        x += thick + 0.001


def table(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A table with four legs and a few things on it."""
    w, d, h = size
    top = (
        p.wood()
        if rng.uniform() < 0.65
        else p.add("plain", p.pick(((0.85, 0.85, 0.84), (0.5, 0.5, 0.5), (0.15, 0.15, 0.16))))
    )
    leg = p.metal() if rng.uniform() < 0.5 else top
    b.box((-w / 2, -d / 2, h - 0.03), (w / 2, d / 2, h), top, sides=6)
    thick = rng.uniform(0.03, 0.06)
    for x in (-w / 2 + 0.04, w / 2 - 0.04 - thick):
        for y in (-d / 2 + 0.04, d / 2 - 0.04 - thick):
            b.box((x, y, 0), (x + thick, y + thick, h - 0.03), leg)
    _on_top(b, p, rng, w, d, h)


def _on_top(b: Builder, p: Palette, rng: np.random.Generator, w: float, d: float, h: float) -> None:
    for _ in range(rng.integers(0, 5)):
        x, y = rng.uniform(-0.4, 0.4) * w, rng.uniform(-0.35, 0.35) * d
        colour = p.add("plain", p.tint((0.0, 0.7), (0.2, 0.9)))
        if rng.uniform() < 0.5:
            r, tall = rng.uniform(0.03, 0.06), rng.uniform(0.08, 0.25)
            b.lathe([(0.7 * r, h), (r, h + 0.5 * tall), (0.6 * r, h + tall)], colour, 8, (x, y))
        else:
            a, c, tall = rng.uniform(0.05, 0.14, 3)
            b.box((x - a, y - c, h), (x + a, y + c, h + 0.6 * tall), colour)


def desk(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A desk with screens, a keyboard and drawers."""
    w, d, h = size
    top = p.wood() if rng.uniform() < 0.4 else p.add("plain", p.pick(((0.86, 0.86, 0.85), (0.7, 0.68, 0.64))))
    leg, black = p.metal(), p.add("plain", (0.07, 0.07, 0.08))
    b.box((-w / 2, -d / 2, h - 0.025), (w / 2, d / 2, h), top, sides=6)
    for x in (-w / 2 + 0.03, w / 2 - 0.07):
        b.box((x, -d / 2 + 0.05, 0), (x + 0.04, d / 2 - 0.05, 0.03), leg)
        b.box((x, -0.03, 0), (x + 0.04, 0.03, h - 0.025), leg)
    if rng.uniform() < 0.6:
        b.box(
            (w / 2 - 0.5, -d / 2 + 0.08, 0.03),
            (w / 2 - 0.1, d / 2 - 0.05, 0.58),
            p.add("plain", p.pick(((0.8, 0.8, 0.8), (0.35, 0.36, 0.4)))),
        )
    for x in (-0.33, 0.33) if w > 1.5 and rng.uniform() < 0.5 else (rng.uniform(-0.2, 0.2),):
        screen = p.add(
            "screen",
            p.pick(((0.9, 0.9, 0.92), (0.12, 0.13, 0.16), (0.05, 0.05, 0.06))),
            p.tint((0.3, 0.8), (0.3, 0.9)),
            p.tint(),
            glow=float(rng.uniform(0.2, 0.7)),
        )
        b.box((x - 0.29, d / 2 - 0.28, h + 0.11), (x + 0.29, d / 2 - 0.24, h + 0.47), black)
        b.panel((x - 0.28, d / 2 - 0.283, h + 0.46), (0.56, 0, 0), (0, 0, -0.34), screen)
        b.box((x - 0.03, d / 2 - 0.25, h), (x + 0.03, d / 2 - 0.21, h + 0.2), black)
        b.box((x - 0.12, d / 2 - 0.32, h), (x + 0.12, d / 2 - 0.14, h + 0.012), black)
    b.box(
        (-0.22, -d / 2 + 0.1, h),
        (0.22, -d / 2 + 0.24, h + 0.02),
        p.add("plain", p.pick(((0.1, 0.1, 0.1), (0.8, 0.8, 0.8)))),
    )
    _on_top(b, p, rng, w, d, h)


def chair(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A chair with four legs; the back stands at +y."""
    w, d, h = size
    seat = 0.45
    frame, cushion = (p.wood(), p.wood()) if rng.uniform() < 0.5 else (p.metal(), p.fabric())
    b.box((-w / 2, -d / 2, seat - 0.04), (w / 2, d / 2, seat), cushion, sides=6)
    for x in (-w / 2, w / 2 - 0.035):
        b.box((x, -d / 2, 0), (x + 0.035, -d / 2 + 0.035, seat - 0.04), frame)
        b.box((x, d / 2 - 0.035, 0), (x + 0.035, d / 2, h), frame)
    if rng.uniform() < 0.5:
        b.box((-w / 2 + 0.03, d / 2 - 0.03, seat + 0.15), (w / 2 - 0.03, d / 2 - 0.005, h - 0.02), cushion, sides=6)
    else:
        for z in np.linspace(seat + 0.12, h - 0.08, 3):
            b.box((-w / 2 + 0.03, d / 2 - 0.03, z), (w / 2 - 0.03, d / 2 - 0.01, z + 0.06), frame, sides=6)


def office_chair(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A chair on a star of castors."""
    w, d, h = size
    black, cushion = p.add("plain", (0.09, 0.09, 0.1)), p.fabric()
    for angle in np.arange(5) * 2 * np.pi / 5:
        x, y = 0.28 * np.cos(angle), 0.28 * np.sin(angle)
        b.panel(
            (0.02 * -np.sin(angle), 0.02 * np.cos(angle), 0.09),
            (x, y, -0.02),
            (0.04 * np.sin(angle), -0.04 * np.cos(angle), 0),
            black,
        )
        b.lathe([(0.03, 0), (0.03, 0.06), (0.0, 0.07)], black, 6, (x, y))
    b.lathe([(0.03, 0.07), (0.03, 0.42)], black, 8)
    b.box((-w / 2, -d / 2, 0.42), (w / 2, d / 2 - 0.04, 0.5), cushion, sides=6)
    b.box((-0.05, d / 2 - 0.05, 0.4), (0.05, d / 2 - 0.02, 0.7), black, sides=6)
    b.box((-w / 2 + 0.04, d / 2 - 0.06, 0.58), (w / 2 - 0.04, d / 2, h), cushion, sides=6)


def sofa(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A sofa or an armchair with cushions."""
    w, d, h = size
    cloth = p.fabric() if rng.uniform() < 0.75 else p.add("plain", p.pick(((0.3, 0.18, 0.12), (0.12, 0.11, 0.1))))
    arm = rng.uniform(0.12, 0.22)
    b.box((-w / 2, -d / 2, 0.08), (w / 2, d / 2, 0.28), cloth, sides=6)
    b.box((-w / 2, d / 2 - 0.2, 0.28), (w / 2, d / 2, h), cloth)
    for x in (-w / 2, w / 2 - arm):
        b.box((x, -d / 2, 0.28), (x + arm, d / 2 - 0.2, 0.6), cloth)
    count = max(1, round((w - 2 * arm) / 0.7))
    wide = (w - 2 * arm) / count
    for i in range(count):
        x = -w / 2 + arm + i * wide
        b.box((x + 0.008, -d / 2 - 0.02, 0.28), (x + wide - 0.008, d / 2 - 0.2, 0.44), cloth)
        b.box((x + 0.015, d / 2 - 0.34, 0.44), (x + wide - 0.015, d / 2 - 0.2, h - 0.04), cloth)
    for _ in range(rng.integers(0, 3)):
        x = rng.uniform(-w / 2 + arm + 0.2, max(w / 2 - arm - 0.2, -w / 2 + arm + 0.21))
        b.panel(
            (x - 0.2, d / 2 - 0.5, 0.45),
            (0.4, 0, 0.02),
            (0.02, 0.13, 0.38),
            p.fabric(str(rng.choice(["fabric", "stripes", "damask"]))),
        )
    leg = p.wood()
    for x in (-w / 2 + 0.05, w / 2 - 0.1):
        b.box((x, -d / 2 + 0.05, 0), (x + 0.05, -d / 2 + 0.1, 0.08), leg)


def cabinet(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A cabinet with doors or drawers; low ones may bear a television or other things."""
    w, d, h = size
    body = (
        p.wood()
        if rng.uniform() < 0.5
        else p.add("plain", p.pick(((0.85, 0.85, 0.83), (0.55, 0.57, 0.6), (0.3, 0.35, 0.4), (0.75, 0.7, 0.6))))
    )
    b.box((-w / 2, -d / 2 + 0.02, 0.06), (w / 2, d / 2, h), body)
    b.box((-w / 2 + 0.03, -d / 2 + 0.05, 0), (w / 2 - 0.03, d / 2, 0.06), p.add("plain", (0.1, 0.1, 0.1)))
    columns, rows = max(1, round(w / 0.5)), 1 if h > 1.2 else int(rng.integers(1, 4))
    handle = p.metal()
    for i in range(columns):
        for j in range(rows):
            x, z = -w / 2 + i * w / columns, 0.07 + j * (h - 0.08) / rows
            wide, tall = w / columns, (h - 0.08) / rows
            b.box((x + 0.006, -d / 2, z + 0.005), (x + wide - 0.006, -d / 2 + 0.02, z + tall - 0.005), body)
            if rows > 1:
                b.box(
                    (x + wide / 2 - 0.06, -d / 2 - 0.02, z + tall - 0.06),
                    (x + wide / 2 + 0.06, -d / 2, z + tall - 0.045),
                    handle,
                )
            else:
                b.box(
                    (x + wide - 0.07, -d / 2 - 0.02, z + tall / 2 - 0.08),
                    (x + wide - 0.055, -d / 2, z + tall / 2 + 0.08),
                    handle,
                )
    if h < 1.0 and w > 1.0 and rng.uniform() < 0.5:
        black = p.add("plain", (0.03, 0.03, 0.035))
        wide = min(w * 0.9, 1.3)
        b.box((-wide / 2, -0.03, h + 0.06), (wide / 2, 0.02, h + 0.06 + 0.58 * wide), black)
        b.box((-0.2, -0.1, h), (0.2, 0.1, h + 0.015), black)
        b.box((-0.03, -0.02, h), (0.03, 0.02, h + 0.1), black)
    elif h < 1.3:
        _on_top(b, p, rng, w, d, h)
