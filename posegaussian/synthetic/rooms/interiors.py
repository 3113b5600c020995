"""Living rooms and offices; the walls of all interiors."""

import numpy as np

from posegaussian.synthetic.rooms import shell
from posegaussian.synthetic.rooms.site import Lamp, Site
from posegaussian.synthetic.rooms.surfaces import OBJECT


def living(site: Site) -> None:
    """A living room: wood, carpet or tiles, painted or papered walls, a window with curtains, furniture."""
    p, rng = site.palette, site.rng
    _soft_floor(site)
    if rng.uniform() < 0.65:
        _rug(site)
    white = np.full(3, rng.uniform(0.78, 0.88))
    shell.ceiling(site, p.add("plaster", white), white)
    colour = p.paint()
    style = str(rng.choice(["plaster", "plaster", "plaster", "damask", "stripes", "brick"]))
    tone = p.pick(((0.5, 0.28, 0.2), (0.75, 0.72, 0.68))) if style == "brick" else colour
    third = (0.7, 0.68, 0.64) if style == "brick" else tone * 0.7
    paper = p.add(style, tone, np.clip(tone * rng.uniform(0.8, 1.15), 0, 0.9), third)
    plain = p.add("plaster", colour)
    accent = rng.integers(4)
    walls(
        site,
        [paper if style != "brick" or side == accent else plain for side in range(4)],
        tone,
        int(rng.integers(1, 3)),
        curtains=0.8,
    )
    for _ in range(rng.integers(1, 3)):
        _pendant(site)
    full = {
        "sofa": 1.8,
        "shelf": 2.2,
        "cabinet": 2.2,
        "wardrobe": 1.0,
        "plant": 2.2,
        "floor lamp": 0.8,
        "table": 0.7,
        "chair": 2.0,
        "cardboard": 0.5,
    }
    site.furnish(shuffled(rng, full))
    site.furnish({"coffee table": 0.5, "chair": 0.8, "plant": 0.4}, walls=False)


def office(site: Site) -> None:
    """An office: carpet tiles, a grid of ceiling panels with lamps, desks, cabinets, a band of windows."""
    p, rng = site.palette, site.rng
    colour = p.tint((0.02, 0.35), (0.22, 0.55), (0.5, 1.1))
    kind = str(rng.choice(["carpet_tiles", "carpet_tiles", "carpet", "concrete"]))
    shell.floor(site, p.add(kind, colour, colour * 0.8, colour * 0.6), colour)
    white = np.full(3, rng.uniform(0.75, 0.86))
    shell.ceiling(site, p.add("ceiling_tiles", white, white, (0.6, 0.6, 0.6)), white)
    paint = p.tint((0.0, 0.12), (0.68, 0.88))
    plain, strong = p.add("plaster", paint), p.add("plaster", p.tint((0.2, 0.6), (0.35, 0.75)))
    accent = rng.integers(8)
    free = walls(
        site,
        [strong if side == accent else plain for side in range(4)],
        paint,
        int(rng.integers(1, 4)),
        wide=True,
        curtains=0.0,
    )
    _panel_lamps(site, 2.4)
    if rng.uniform() < 0.5:
        side = free[rng.integers(len(free))]
        half = site.wall(side)[2]
        shell.board(
            site,
            side,
            float(rng.uniform(-0.4, 0.4) * half),
            0.95,
            min(1.8, half),
            1.1,
            p.add("plain", (0.88, 0.89, 0.9)),
            p.add("metal", (0.6, 0.6, 0.62)),
        )
    site.furnish(
        shuffled(
            rng,
            {
                "desk": 4.5,
                "wardrobe": 2.0,
                "cabinet": 2.4,
                "shelf": 2.0,
                "office chair": 3.0,
                "plant": 1.8,
                "cardboard": 0.8,
            },
        )
    )
    site.furnish({"desk": 0.8, "office chair": 1.0}, walls=False)
    for _ in range(rng.poisson(1.0 * site.clutter)):
        shell.cable(site, p.add("plain", (0.05, 0.05, 0.05)))


def shuffled(rng: np.random.Generator, names: dict[str, float]) -> dict[str, float]:
    """The same in a random order."""
    return {name: names[name] for name in rng.permutation(list(names))}


def _soft_floor(site: Site) -> None:
    p, rng = site.palette, site.rng
    kind = str(
        rng.choice(
            ["planks", "strips", "boards", "herringbone", "carpet", "tiles"], p=[0.28, 0.14, 0.14, 0.18, 0.14, 0.12]
        )
    )
    if kind == "carpet":
        tone = p.tint((0.05, 0.35), (0.35, 0.7))
        shell.floor(site, p.add(kind, tone, tone * 0.85), tone)
    elif kind == "tiles":
        tone = p.pick(((0.78, 0.74, 0.68), (0.55, 0.52, 0.5), (0.7, 0.5, 0.38)))
        shell.floor(site, p.add(kind, tone, tone * 0.9, tone * 0.75), tone)
    else:
        tone = p.pick(((0.62, 0.45, 0.29), (0.5, 0.33, 0.2), (0.72, 0.58, 0.42), (0.38, 0.25, 0.17), (0.66, 0.58, 0.5)))
        shell.floor(site, p.add(kind, tone, tone * rng.uniform(0.6, 0.8)), tone)


def _rug(site: Site) -> None:
    """A rug under or beside the person."""
    p, rng = site.palette, site.rng
    first = p.tint((0.2, 0.6), (0.25, 0.55))
    wide, deep = rng.uniform(1.6, 3.0), rng.uniform(1.2, 2.2)
    x, y = rng.uniform(-0.6, 0.6, 2)
    pattern = rng.uniform() < 0.65
    material = p.add(
        "rug" if pattern else "carpet",
        first,
        p.tint((0.1, 0.45), (0.4, 0.8)),
        p.tint((0.2, 0.6), (0.2, 0.7)),
        period=max(wide, deep) if pattern else None,
    )
    site.builder.place(x, y, rng.uniform(-0.4, 0.4), z=-shell.SUNK)
    site.builder.box((-wide / 2, -deep / 2, 0.0), (wide / 2, deep / 2, shell.SUNK - 0.0005), material)


def walls(site: Site, materials: list[int], colour, windows: int, curtains: float, wide: bool = False) -> list[int]:
    """Four walls, with windows in some and a door in one; returns those without a window."""
    p, rng = site.palette, site.rng
    order = rng.permutation(4)
    frame = p.add("plain", p.pick(((0.86, 0.86, 0.84), (0.3, 0.25, 0.2), (0.15, 0.15, 0.16))))
    board = p.wood() if rng.uniform() < 0.4 else p.add("plain", (0.84, 0.84, 0.82))
    drapes = p.fabric(str(rng.choice(["fabric", "fabric", "stripes", "damask"])))
    for number, side in enumerate(order.tolist()):
        half = site.wall(side)[2]
        openings: list[shell.Opening] = []
        doors: list[shell.Opening] = []
        if number < windows:
            openings = _openings(site, half, wide)
        elif number == 3:
            x = float(rng.uniform(-half + 0.3, half - 1.2))
            doors = [(x, x + float(rng.uniform(0.8, 0.95)), 0.0, min(2.05, site.height - 0.15))]
        shell.wall(site, side, materials[side], colour, openings + doors)
        shell.skirting(site, side, board, doors)
        for opening in openings:
            site.lamps.append(shell.window(site, side, opening, frame, bars=int(rng.integers(0, 3))))
            site.sky = float(rng.uniform(1.3, 2.4))
            if rng.uniform() < curtains:
                shell.curtains(
                    site,
                    side,
                    opening,
                    drapes,
                    float(rng.uniform(0.15, 0.75)),
                    min(opening[3] + 0.15, site.height - 0.02),
                )
            elif rng.uniform() < 0.5:
                shell.blinds(site, side, opening, float(rng.uniform(0.2, 0.9)))
        for opening in doors:
            shell.door(site, side, opening)
            middle = site.in_room(side, (opening[0] + opening[1]) / 2, -0.5, 0.0)
            site.plan.take(middle[0], middle[1], (0.45, 0.45), 0.0)
    return order[windows:].tolist()


def _openings(site: Site, half: float, wide: bool) -> list[shell.Opening]:
    """Windows of one wall."""
    rng = site.rng
    low = float(rng.choice([0.9, 0.8, 0.05], p=[0.5, 0.3, 0.2]))
    high = min(float(rng.uniform(2.0, 2.4)), site.height - 0.15)
    if wide:
        return [(-half + 0.3, half - 0.3, low, high)]
    count = max(1, int(half / 1.6))
    size, step = float(rng.uniform(0.9, 1.5)), 2 * half / count
    return [(-half + (i + 0.5) * step - size / 2, -half + (i + 0.5) * step + size / 2, low, high) for i in range(count)]


def _pendant(site: Site) -> None:
    """A lamp that hangs from the ceiling."""
    p, rng, b = site.palette, site.rng, site.builder
    x, y = rng.uniform(0.7 * site.plan.low, 0.7 * site.plan.high)
    drop = rng.uniform(0.15, 0.5) if site.height > 2.6 else 0.12
    r, z = rng.uniform(0.15, 0.3), site.height - drop
    b.place(x, y, label=OBJECT)
    shade = p.add("fabric", p.tint((0.0, 0.25), (0.8, 0.95), (0.05, 0.15)), glow=float(rng.uniform(0.6, 1.2)))
    b.lathe([(r, z - 0.18), (0.75 * r, z), (0.0, z)], shade, 16)
    b.lathe([(0.006, z), (0.006, site.height)], p.add("plain", (0.1, 0.1, 0.1)), 4)
    site.lamps.append(Lamp(np.array([x, y, z - 0.12]), 0.5 * r * np.eye(3)[:2], np.zeros(3)))


def _panel_lamps(site: Site, step: float) -> None:
    """Glowing panels in the ceiling, in rows."""
    b, rng = site.builder, site.rng
    glow = site.palette.add("plain", (0.95, 0.96, 0.97), glow=float(rng.uniform(1.0, 1.5)))
    half = (0.58, 0.14) if rng.uniform() < 0.5 else (0.29, 0.29)
    b.place(label=OBJECT)
    spots = []
    for x in np.arange(site.plan.low[0] + step / 2, site.plan.high[0], step):
        for y in np.arange(site.plan.low[1] + step / 2, site.plan.high[1], step):
            b.panel((x - half[0], y - half[1], site.height - 0.012), (0, 2 * half[1], 0), (2 * half[0], 0, 0), glow)
            spots.append((x, y))
    spots.sort(key=lambda spot: abs(np.hypot(*spot) - rng.uniform(0.6, 2.0)))
    site.lamps += [site.ceiling_lamp(x, y, half) for x, y in spots]
