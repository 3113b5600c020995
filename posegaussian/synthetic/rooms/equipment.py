"""Plants, lamps, and the equipment of studios and gym halls, in frames as those of furniture."""

import numpy as np

from posegaussian.synthetic.rooms.furniture import Size
from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.surfaces import Builder, unit


def plant(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A plant in a pot: leaves are rhombi on bent stems."""
    w, _, h = size
    pot = min(0.35 * h, 0.4)
    r = min(0.32 * w, 0.22)
    b.lathe(
        [(0.75 * r, 0), (r, pot), (0.85 * r, pot), (0.8 * r, pot - 0.03), (0.0, pot - 0.03)],
        p.add("plain", p.pick(((0.55, 0.3, 0.2), (0.85, 0.85, 0.82), (0.2, 0.2, 0.22), (0.5, 0.5, 0.48)))),
        12,
    )
    greens = [
        p.add("leaves", tone, tone * 0.7, period=0.5)
        for tone in (p.tint((0.4, 0.75), (0.2, 0.5), (0.22, 0.36)) for _ in range(3))
    ]
    stems = int(rng.integers(12, 30))
    angle, lean = rng.uniform(0, 2 * np.pi, stems), rng.uniform(0.1, 1.0, (stems, 1))
    out = np.stack([np.cos(angle), np.sin(angle), np.zeros(stems)], axis=1)
    length = (h - pot) * rng.uniform(0.55, 1.0, (stems, 1)) * np.sqrt(np.maximum(1 - 0.6 * lean**2, 0.1))
    tip = 0.5 * w * lean * rng.uniform(0.5, 0.9, (stems, 1)) * out + length * [0, 0, 1]
    count = 3 * stems
    out, tip = np.repeat(out, 3, axis=0), np.repeat(tip, 3, axis=0)
    side = np.stack([-out[:, 1], out[:, 0], np.zeros(count)], axis=1)
    share = 0.35 + 0.3 * (np.arange(count) % 3)[:, None] * rng.uniform(0.7, 1.1, (count, 1))
    leaf = rng.uniform(0.14, 0.3, (count, 1)) * min(1.0, h)
    axis = rng.uniform(0.5, 1, (count, 1)) * out + rng.uniform(-0.8, 0.8, (count, 1)) * side
    axis = unit(axis + rng.uniform(-0.5, 0.6, (count, 1)) * [0, 0, 1])
    wide = rng.uniform(0.2, 0.32, (count, 1)) * leaf * unit(np.cross(axis, out + np.array([0.1, 0, 0.9])))
    base = np.array([0, 0, pot]) + share * tip
    b.many(base, 0.5 * leaf * axis + wide, 0.5 * leaf * axis - wide, rng.choice(greens, count))


def floor_lamp(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A lamp with a shade that glows."""
    w, _, h = size
    metal = p.metal()
    b.lathe([(0.14, 0), (0.14, 0.02), (0.012, 0.03), (0.012, h - 0.25)], metal, 10)
    tone = p.tint((0.05, 0.3), (0.75, 0.95), (0.05, 0.15))
    b.lathe([(w / 2, h - 0.3), (0.7 * w / 2, h)], p.add("fabric", tone, glow=float(rng.uniform(0.5, 1.2))), 14)


def tripod(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A soft box on a tripod, which shines towards -y."""
    w, _, h = size
    black, light = (
        p.add("plain", (0.06, 0.06, 0.065)),
        p.add("fabric", (0.95, 0.95, 0.93), glow=float(rng.uniform(0.9, 1.6))),
    )
    for angle in np.arange(3) * 2 * np.pi / 3 + 0.5:
        x, y = 0.42 * np.cos(angle), 0.42 * np.sin(angle)
        b.panel((x, y, 0.0), (0.025, 0.0, 0.0), (-x, -y, 0.75), black)
        b.panel((x, y, 0.0), (0.0, 0.025, 0.0), (-x, -y, 0.75), black)
    b.lathe([(0.018, 0.4), (0.018, h - 0.3)], black, 6)
    half = min(w, 0.7) / 2
    b.panel((-half, -0.25, h), (2 * half, 0, 0), (0, 0.0, -2 * half), light)
    back = np.array([0, 0.1, h - half])
    corners = [np.array([x, -0.25, z]) for x, z in ((-half, h), (half, h), (half, h - 2 * half), (-half, h - 2 * half))]
    for i in range(4):
        b.panel(back, corners[i] - back, corners[(i + 1) % 4] - back, black, half=True)


def bench(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A long bench of boards."""
    w, d, h = size
    wood, metal = p.wood("boards"), p.metal()
    for i in range(3):
        y = -d / 2 + i * d / 3
        b.box((-w / 2, y + 0.01, h - 0.04), (w / 2, y + d / 3 - 0.01, h), wood, sides=6)
    for x in (-w / 2 + 0.2, w / 2 - 0.25):
        b.box((x, -d / 2 + 0.02, 0), (x + 0.05, d / 2 - 0.02, h - 0.04), metal)


def mats(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A pile of gymnastic mats."""
    w, d, h = size
    colours = [
        p.add("fabric", p.pick(((0.15, 0.25, 0.55), (0.6, 0.15, 0.12), (0.15, 0.4, 0.25), (0.5, 0.4, 0.3))))
        for _ in range(2)
    ]
    count = max(1, round(h / 0.09))
    for i in range(count):
        x, y = rng.uniform(-0.04, 0.04, 2)
        b.box(
            (-w / 2 + x, -d / 2 + y, i * h / count),
            (w / 2 + x, d / 2 + y, (i + 0.93) * h / count),
            int(rng.choice(colours)),
            sides=6,
        )


def vaulting_box(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A vaulting box of wooden frames with a leather top."""
    w, d, h = size
    wood, leather = p.wood("boards"), p.add("plain", (0.45, 0.28, 0.16))
    for i in range(4):
        low, high, share = i * (h - 0.12) / 4, (i + 1) * (h - 0.12) / 4, 1 - 0.06 * i
        b.box((-w / 2 * share, -d / 2 * share, low), (w / 2 * share, d / 2 * share, high - 0.008), wood)
    b.box((-0.4 * w, -0.36 * d, h - 0.12), (0.4 * w, 0.36 * d, h), leather)


def balls(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A few balls on the floor."""
    for _ in range(rng.integers(1, 4)):
        r = rng.uniform(0.08, 0.13)
        angle = np.linspace(-np.pi / 2, np.pi / 2, 9)
        profile = np.stack([r * np.cos(angle), r + r * np.sin(angle)], axis=1)
        x, y = rng.uniform(-0.3, 0.3, 2) * size[0]
        b.lathe(profile, p.add("plain", p.tint((0.3, 0.9), (0.4, 0.9))), 14, (x, y))


def crate(b: Builder, p: Palette, rng: np.random.Generator, size: Size) -> None:
    """A flight case with metal edges."""
    w, d, h = size
    body, edge = (
        p.add("plain", p.pick(((0.08, 0.08, 0.09), (0.3, 0.3, 0.32), (0.15, 0.2, 0.35)))),
        p.add("metal", (0.7, 0.7, 0.72)),
    )
    b.box((-w / 2, -d / 2, 0.08), (w / 2, d / 2, h), body)
    for x in (-w / 2, w / 2):
        for y in (-d / 2, d / 2):
            b.box((x - 0.015, y - 0.015, 0.08), (x + 0.015, y + 0.015, h + 0.003), edge)
    for z in (0.08, h * 0.7, h - 0.02):
        b.box((-w / 2 - 0.006, -d / 2 - 0.006, z), (w / 2 + 0.006, d / 2 + 0.006, z + 0.025), edge)
