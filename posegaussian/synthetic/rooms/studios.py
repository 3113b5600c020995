"""Studios: green or black cloth, and a dome of panels."""

import numpy as np

from posegaussian.synthetic.rooms import shell
from posegaussian.synthetic.rooms.site import Lamp, Site
from posegaussian.synthetic.rooms.surfaces import OBJECT, ROOM
from posegaussian.synthetic.rooms.things import THINGS


def green(site: Site) -> None:
    """A green screen: cloth around and on the floor, soft boxes."""
    hue = site.rng.uniform()
    tone = (
        site.palette.tint((0.7, 0.9), (0.45, 0.7), (0.3, 0.37))
        if hue < 0.8
        else site.palette.tint((0.6, 0.85), (0.35, 0.6), (0.58, 0.62))
    )
    _hung(site, tone, site.rng.uniform() < 0.7)


def black(site: Site) -> None:
    """A black stage: cloth around, often a dark floor."""
    _hung(site, np.full(3, site.rng.uniform(0.015, 0.06)), site.rng.uniform() < 0.5)


def _hung(site: Site, tone, floor: bool) -> None:
    """A hall with cloth on two to four sides."""
    p, rng = site.palette, site.rng
    ground = p.pick(((0.3, 0.29, 0.28), (0.42, 0.4, 0.38), (0.12, 0.12, 0.12), (0.5, 0.38, 0.26)))
    cloth = p.add("cloth", tone, tone * 0.9)
    shell.floor(site, p.add("concrete" if ground[0] < 0.45 else "planks", ground, ground * 0.8, ground * 0.6), ground)
    dark = np.full(3, rng.uniform(0.05, 0.3))
    shell.ceiling(site, p.add("plaster", dark), dark)
    hall = p.paint((0.3, 0.75))
    plain = p.add("plaster", hall)
    sides = rng.permutation(4)[: int(rng.choice([2, 3, 4], p=[0.2, 0.3, 0.5]))]
    folds = rng.uniform() < 0.6
    for side in range(4):
        half = site.wall(side)[2]
        shell.wall(site, side, plain, hall)
        if side in sides:
            top = min(site.height - 0.1, float(rng.uniform(2.6, 3.6)))
            gap = 0.25 + 0.1 * rng.uniform()
            shell.cloth(
                site,
                -half + 0.05,
                half - 0.05,
                0.0,
                top,
                -gap,
                cloth,
                (2 * half) / rng.uniform(0.25, 0.6) if folds else 2 * half / 1.8,
                0.06 if folds else 0.025,
            )
            site.at_wall(side, label=OBJECT)
            site.builder.box((-half, -gap - 0.02, top), (half, -gap + 0.02, top + 0.04), p.metal(), sides=6)
            site.sides[(3, 1, 2, 0)[side]] = tone
    if floor:
        (x0, y0), (x1, y1) = site.plan.low + 0.3, site.plan.high - 0.3
        site.builder.place(label=ROOM, z=-0.002)
        for x in np.arange(x0, x1, 2.9):  # the cloth lies in lengths, which overlap
            end = min(x + 3.0, x1)
            site.builder.panel((x, y0, 0.001 * ((x - x0) // 2.9 % 2)), (end - x, 0, 0), (0, y1 - y0, 0), cloth)
        site.sides[4] = tone
    _truss(site)
    _soft_boxes(site)
    site.furnish({"crate": 2.5, "cardboard": 1.0, "chair": 1.2, "table": 0.6}, walls=True)
    for _ in range(rng.poisson(2.0 * site.clutter)):
        shell.cable(site, p.add("plain", (0.04, 0.04, 0.04)))


def dome(site: Site) -> None:
    """A ring of panels on posts with small lamps, in a plain hall."""
    p, rng, b = site.palette, site.rng, site.builder
    radius = float(np.linalg.norm(site.plan.eyes[:, :2], axis=1).max()) + rng.uniform(0.3, 0.6)
    site.plan.low = np.minimum(site.plan.low, -radius - 0.7)
    site.plan.high = np.maximum(site.plan.high, radius + 0.7)
    ground = p.pick(((0.55, 0.54, 0.52), (0.35, 0.35, 0.36), (0.75, 0.74, 0.72)))
    shell.floor(site, p.add(str(rng.choice(["concrete", "carpet", "plain"])), ground, ground * 0.85), ground)
    grey = np.full(3, rng.uniform(0.3, 0.8))
    plain = p.add("plaster", grey)
    shell.ceiling(site, plain, grey)
    for side in range(4):
        shell.wall(site, side, plain, grey)
    count = int(rng.integers(10, 20))
    panel, post = (
        p.add("plain", p.pick(((0.82, 0.82, 0.8), (0.3, 0.3, 0.32), (0.12, 0.12, 0.13), (0.55, 0.6, 0.62)))),
        p.metal(),
    )
    glow = p.add("plain", (1.0, 0.98, 0.95), glow=1.6)
    top = min(site.height - 0.25, 2.6)
    rows = 3
    for i in range(count):
        angle, wide = 2 * np.pi * (i + 0.5) / count, radius * np.tan(np.pi / count)
        b.place(radius * np.cos(angle), radius * np.sin(angle), angle - np.pi / 2, label=ROOM)
        b.box((-wide - 0.03, -0.03, 0), (-wide + 0.03, 0.05, top + 0.2), post)
        for row in range(rows):
            low, high = row * top / rows + 0.05, (row + 1) * top / rows - 0.02
            if rng.uniform() < 0.93:
                b.panel((-wide + 0.03, 0.0, low), (2 * wide - 0.06, 0, 0), (0, 0, high - low), panel)
            for x in np.linspace(-0.7, 0.7, 3) * wide:
                b.place(radius * np.cos(angle), radius * np.sin(angle), angle - np.pi / 2, label=OBJECT)
                b.box((x - 0.04, -0.03, high - 0.1), (x + 0.04, 0.0, high - 0.04), glow)
            b.box((-0.04, -0.12, low + 0.3), (0.04, -0.01, low + 0.38), post, sides=6)  # a camera
            b.label = ROOM
    for angle in rng.permutation(count)[:6] * 2 * np.pi / count:
        out = np.array([np.cos(angle), np.sin(angle), 0.0])
        side = np.array([-out[1], out[0], 0])
        at = out * (radius - 0.05) + [0, 0, rng.uniform(0.7, 1.0) * top]
        site.lamps.append(Lamp(at, np.array([0.5 * side, [0, 0, 0.4]]), -out))


def _truss(site: Site) -> None:
    """Bars with spotlights under the ceiling."""
    p, b, rng = site.palette, site.builder, site.rng
    metal, glow = p.add("metal", (0.5, 0.5, 0.52)), p.add("plain", (1.0, 0.98, 0.94), glow=1.6)
    z = site.height - 0.3
    b.place(label=OBJECT)
    for y in (0.6 * site.plan.low[1], 0.6 * site.plan.high[1]):
        for shift in (0.0, 0.2):
            b.box(
                (site.plan.low[0], y - 0.02, z + shift), (site.plan.high[0], y + 0.02, z + shift + 0.04), metal, sides=6
            )
        for x in np.arange(site.plan.low[0] + 0.5, site.plan.high[0], 1.3):
            b.lathe([(0.02, z - 0.28), (0.1, z - 0.26), (0.07, z)], metal, 8, (x, y))
            b.lathe([(0.0, z - 0.27), (0.09, z - 0.265)], glow, 8, (x, y))
            if rng.uniform() < 0.35:
                site.lamps.append(site.ceiling_lamp(x, y, (0.1, 0.1), z - 0.3))


def _soft_boxes(site: Site) -> None:
    """Soft boxes on tripods, which face the person."""
    rng = site.rng
    found: list[Lamp] = []
    for _ in range(rng.integers(2, 5)):
        size = THINGS["tripod"].size(rng)
        size = *size[:2], min(size[2], site.height - 0.3)
        for _ in range(12):
            angle = rng.uniform(0, 2 * np.pi)
            at = (
                rng.uniform(0.7, 0.95)
                * np.array([np.cos(angle), np.sin(angle)])
                * np.where(np.cos(angle) > 0, site.plan.high[0], -site.plan.low[0])
            )
            yaw = float(np.arctan2(at[1], at[0]) - np.pi / 2)
            half = size[0] / 2, size[1] / 2
            if site.plan.free(at[0], at[1], half, yaw, 0.0, size[2]):
                site.plan.take(at[0], at[1], half, yaw)
                site.builder.place(at[0], at[1], yaw)
                THINGS["tripod"].build(site.builder, site.palette, rng, size)
                out = np.array([*at, 0.0]) / np.linalg.norm(at)
                side = np.array([-out[1], out[0], 0])
                found.append(
                    Lamp(np.array([*(at - 0.3 * out[:2]), size[2] - 0.35]), np.array([0.35 * side, [0, 0, 0.35]]), -out)
                )
                break
    if rng.uniform() < 0.7:
        site.lamps[:0] = found
    else:
        site.lamps += found
