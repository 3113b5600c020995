"""Headgear: caps, beanies, hats and helmets, with the hair below. Sizes are chosen by eye, metres."""

from dataclasses import replace

import numpy as np

from posegaussian.synthetic.clothing.cuts import Field
from posegaussian.synthetic.clothing.details import Details, ribbing, seam, stitched_hem
from posegaussian.synthetic.clothing.drape import tube
from posegaussian.synthetic.clothing.fabrics import make_fabric
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.hairstyles import crop, with_curtain
from posegaussian.synthetic.clothing.head import AXIS, Head
from posegaussian.synthetic.clothing.outfits import cloth_colour
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.mesh.surface import Surface, join
from posegaussian.synthetic.mesh.textures import hsv_to_rgb


def cap(head: Head) -> list[Submesh]:
    """A cap with a visor over cropped hair."""
    rng = head.rng
    cut = brim(0.944, 0.90)
    family = ("flat", "denim", "twill", "camouflage", "corduroy")[rng.integers(5)]
    fabric = make_fabric(family, cloth_colour(rng), cloth_colour(rng), rng)

    def panels(points):
        angle = np.arctan2(points[:, 0], -(points[:, 1] - AXIS[1]))
        return 0.08 * abs((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)

    texture = Details(stitched_hem(cut, 0.01), seam(panels)).applied_to(fabric.texture(head.seed))
    crown = head.shell(cut, lambda p: 0.01 + 0.012 * np.clip((p[:, 2] - 0.94) / 0.05, 0, 1), grip=0.006)
    material = Material("hair", texture, fabric.gloss, fabric.roughness)
    plain = replace(material, texture=fabric.texture(head.seed))
    return [*crop(head, 0.004), Submesh(crown.with_rim(0.003), material), Submesh(_visor(head, 0.944), plain)]


def beanie(head: Head) -> list[Submesh]:
    """A knitted cap with a folded band, over cropped or long hair."""
    rng = head.rng
    low = rng.uniform(0.9, 0.915)
    cut = brim(0.95, low)
    fabric = make_fabric(("knit", "rib")[rng.integers(2)], cloth_colour(rng), cloth_colour(rng), rng)

    def around(points):
        return 0.09 * np.arctan2(points[:, 0], -(points[:, 1] - AXIS[1]))

    def thick(points):
        inside = cut(points)
        return (
            0.011 + 0.005 * np.clip((0.045 - inside) / 0.003, 0, 1) + 0.01 * np.clip((points[:, 2] - 0.98) / 0.04, 0, 1)
        )

    shell = head.shell(cut, thick, grip=0.003)
    material = Material(
        "hair", Details(ribbing(cut, 0.045, None, around)).applied_to(fabric.texture(head.seed)), 0.02, 0.9
    )
    under = crop(head) if rng.uniform() < 0.6 else with_curtain(head, rng.uniform(0.65, 0.8), 0.008)
    return [*under, Submesh(shell.with_rim(0.004), material)]


def hat(head: Head) -> list[Submesh]:
    """A felt or straw hat with a brim all around, over cropped or long hair."""
    rng = head.rng
    cut = brim(0.955, 0.93)
    fabric = make_fabric(("twill", "flat", "corduroy")[rng.integers(3)], cloth_colour(rng), cloth_colour(rng), rng)
    tall = rng.uniform(0.02, 0.05)

    def crown(points):
        rise = np.clip((points[:, 2] - 0.96) / 0.03, 0, 1)
        dent = np.exp(-((points[:, 0] / 0.03) ** 2)) * np.clip((points[:, 2] - 0.99) / 0.02, 0, 1)
        return 0.008 + tall * rise - 0.35 * tall * dent

    ribbon = ribbing(cut, rng.uniform(0.018, 0.03), cloth_colour(rng), lambda p: 0.09 * p[:, 0])
    material = Material("hair", fabric.texture(head.seed), fabric.gloss, fabric.roughness)
    banded = replace(material, texture=Details(ribbon).applied_to(material.texture))
    under = crop(head) if rng.uniform() < 0.6 else with_curtain(head, rng.uniform(0.65, 0.8), 0.006)
    rim = Submesh(_all_around(head, 0.955, 0.93, rng.uniform(0.05, 0.09)), material)
    return [*under, Submesh(head.shell(cut, crown, grip=0.004), banded), rim]


def helmet(head: Head) -> list[Submesh]:
    """A hard hat with a short visor, over cropped hair."""
    rng = head.rng
    cut = brim(0.952, 0.9)
    tone = hsv_to_rgb(*((0.14, 0.85, 0.9), (0.02, 0.8, 0.7), (0.6, 0.7, 0.6), (0.0, 0.0, 0.88))[rng.integers(4)])

    def plastic(points):
        ridge = np.exp(-(((abs(points[:, 0]) - 0.018) / 0.003) ** 2)) * (points[:, 2] > 0.96)
        return np.column_stack([np.tile(tone, (len(points), 1)) * (1 - 0.25 * ridge)[:, None], 1.5e-3 * ridge])

    shell = head.shell(cut, lambda p: 0.022 + 0.012 * np.clip((p[:, 2] - 0.96) / 0.04, 0, 1), grip=0.002)
    material = Material("hair", plastic, 0.35, 0.25)
    visor = Submesh(_visor(head, 0.952), material)
    return [*crop(head, 0.004), Submesh(shell.with_rim(0.004), material), visor]


def _all_around(head: Head, front: float, back: float, width: float) -> Surface:
    """The brim of a hat: a ring that bends down in front and behind, and up at the sides."""
    scalp, columns = head.scalp.canonical, 96
    angle, share = 2 * np.pi * np.arange(columns) / columns, np.linspace(0, 1, 8)[:, None]
    directions = np.stack([np.sin(angle), -np.cos(angle)])
    near = (scalp[:, 2] > back - 0.01) & (scalp[:, 2] < front + 0.02)
    radius = ((scalp[near][:, :2] - AXIS) @ directions).max(0) + 0.004 + share * width
    x, y = radius * np.sin(angle), AXIS[1] - radius * np.cos(angle)
    base = front + np.clip((y[0] + 0.14) / 0.2, 0, 1) * (back - front)
    z = base + 0.004 + share**1.5 * width * (0.15 - 0.35 * np.cos(angle) ** 2)
    points = np.stack([x, y, np.broadcast_to(z, x.shape)], axis=2).reshape(-1, 3)
    faces = tube(len(share), columns)
    upper = head.rigid(Surface(points, head.scale * (points + head.offset), np.zeros((len(points), 1)), faces))
    lower = replace(upper, rest=upper.rest - [0, 0, 0.003], faces=faces[:, ::-1])
    return join([upper, lower]) if vertex_normals(upper.rest, faces)[:, 2].mean() > 0 else join([lower, upper])


def _visor(head: Head, height: float) -> Surface:
    """The visor of a cap: a curved sheet in front of the forehead."""
    scalp = head.scalp
    near = abs(scalp.canonical[:, 2] - height) < 0.012
    angle, share = np.linspace(-1.0, 1.0, 41), np.linspace(0, 1, 12)
    directions = np.stack([np.sin(angle), -np.cos(angle)])
    reach = ((scalp.canonical[near][:, :2] - AXIS) @ directions).max(0) + 0.006
    out = head.rng.uniform(0.055, 0.075) * np.cos(angle * np.pi / 2 / 1.02) ** 0.6
    radius = reach + share[:, None] * out
    drop = 0.03 * share[:, None] ** 1.5 + 0.03 * (1 - np.cos(angle)) * (1 + share[:, None])
    x, y = radius * np.sin(angle), AXIS[1] - radius * np.cos(angle)
    canonical = np.stack([x, y, height + 0.012 - drop], axis=2).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(11), np.arange(40), indexing="ij")
    a = (row * 41 + column).ravel()
    faces = np.concatenate([np.stack([a, a + 41, a + 1], axis=1), np.stack([a + 1, a + 41, a + 42], axis=1)])
    upper = Surface(
        canonical, head.scale * (canonical + head.offset), np.tile(head.weights, (len(canonical), 1)), faces
    )
    upper = upper if vertex_normals(upper.rest, faces)[:, 2].mean() > 0 else replace(upper, faces=faces[:, ::-1])
    lower = replace(upper, rest=upper.rest - [0, 0, 0.003], faces=upper.faces[:, ::-1])
    return join([upper.with_rim(0.003), lower])


def brim(front: float, back: float) -> Field:
    """Above the rim of a cap, from the forehead to the back of the head."""
    return lambda points: points[:, 2] - front - np.clip((points[:, 1] + 0.14) / 0.2, 0, 1) * (back - front)
