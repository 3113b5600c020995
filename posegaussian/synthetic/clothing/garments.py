"""Garments: the shape and the material of each kind.

Sizes without a source are chosen by eye on contact sheets.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.clothing.cloth import Fabric
from posegaussian.synthetic.clothing.cuts import FAR, Field, above, beneath, intersection, not_arms
from posegaussian.synthetic.clothing.details import Details, patch, stitched_hem
from posegaussian.synthetic.clothing.drape import ClothedBody
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.surface import Surface
from posegaussian.synthetic.mesh.textures import ARM, ARMHOLE, LEG, Colour, Points, noise, on_arm, smoothstep


@dataclass(frozen=True)
class Submesh:
    """A part of a person with one material: a garment, skin, eyes or hair."""

    surface: Surface  # on the person at rest
    material: Material  # of the surface
    covers: Field | None = None  # field that is positive where it always hides the skin below; None where it does not


def beside_limb(points: Points, limb: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "n"]:
    """Distance from the nearer limb's line, metres."""
    mirrored = np.concatenate([abs(points[:, :1]), points[:, 1:]], axis=1)
    gaps = []
    for start, end in itertools.pairwise(limb):
        axis = end - start
        along = np.clip((mirrored - start) @ axis / (axis @ axis), 0, 1)
        gaps.append(np.linalg.norm(mirrored - start - along[:, None] * axis, axis=1))
    return np.min(gaps, axis=0)


def folds(points: Points, depth: Float[np.ndarray, "n"], seed: int) -> Float[np.ndarray, "n"]:
    """Height of soft folds, metres: long ones down the body, short ones around elbows, knees and waist."""
    long = noise(points * [1, 1, 0.3], 0.045, seed) + 0.6 * noise(points * [1, 1, 0.5], 0.1, seed + 1)
    across = noise(points * [0.35, 0.35, 1], 0.022, seed + 2)
    z = points[:, 2]
    arm = on_arm(points)
    bend = np.where(arm, (z - 0.44) / 0.1, np.where(z < 0.05, (z + 0.3) / 0.12, (z - 0.22) / 0.1))
    bunched = np.exp(-(bend**2)) + np.where(arm, 0, np.exp(-(((z + 0.68) / 0.07) ** 2)))
    return depth * (0.8 * long + 0.9 * bunched * across)


def top(
    body: ClothedBody,
    kind: str,
    fabric: Fabric,
    cut: Field,
    ease: float,
    width: float,
    seed: int,
    details: Details,
    girth: float = 0.15,
    tucked: bool = False,
) -> Submesh:
    """A garment on trunk and arms.

    Args:
        body: the body that wears it; gets one more layer.
        kind: name of the garment.
        fabric: what it is made of.
        cut: field of the garment.
        ease: distance from the trunk, metres.
        width: radius of the ends of long sleeves, metres.
        seed: of its folds.
        details: sewn onto it.
        girth: radius of the panel around the trunk.
        tucked: whether another garment holds it close at the waist.
    """
    points = body.canonical
    x, _, z = points.T
    snug = np.clip((0.74 - z) / 0.08, 0.25, 1) * (1 - 0.6 * tucked * smoothstep((0.38 - z) / 0.12))
    arm = on_arm(points)
    along = np.clip((abs(x) - ARMHOLE) / 0.3, 0, 1)
    sleeve = np.maximum(0.6 * ease, (0.075 + along * (width - 0.075)) - beside_limb(points, ARM))
    slack = np.where(arm, np.clip(sleeve, 0.004, 0.03 + ease), ease)
    depth = 0.22 * ease * snug
    shape = body.add_shell(cut(points), snug * slack, 30, folds(points, depth, seed))
    return Submesh(shape, _material(kind, fabric, details.applied_to(fabric.texture(seed, girth=girth))), cut)


def legwear(
    body: ClothedBody,
    kind: str,
    fabric: Fabric,
    cut: Field,
    knee: float,
    end: float,
    seed: int,
    details: Details,
) -> Submesh:
    """Trousers or shorts with these radii at knee and ankle, metres."""
    points = body.canonical
    z = points[:, 2]
    radius = np.interp(z, [-0.7, -0.3, 0.1], [end, knee, 0.09])
    hips = np.clip((z + 0.05) / 0.15, 0, 1)
    ease = np.where(z < 0.1, radius - beside_limb(points, LEG), 0.007) * (1 - hips) + 0.007 * hips
    slack = np.clip(ease, 0.006, 0.06)
    shape = body.add_shell(cut(points), slack, 12, folds(points, 0.2 * slack + 0.001, seed))
    return Submesh(shape, _material(kind, fabric, details.applied_to(fabric.texture(seed, legs=True))), cut)


def hanging(
    body: ClothedBody,
    kind: str,
    fabric: Fabric,
    waist: float,
    hem: float,
    flare: float,
    flutes: float,
    seed: int,
    details: Details,
) -> Submesh:
    """A skirt, or the lower half of a dress or coat."""
    surface = body.add_hanging(waist, hem, 0.007, flare, flutes, seed)
    texture = details.applied_to(fabric.texture(seed, girth=0.17))
    return Submesh(
        surface, _material(kind, fabric, texture), intersection(above(hem + 0.12), beneath(waist), not_arms())
    )


def collar(body: ClothedBody, fabric: Fabric, points_length: float, seed: int) -> Submesh:
    """A shirt's collar, folded over, with two points in front."""

    def field(points):
        x, y, z = points.T
        front = np.clip((-0.02 - y) / 0.05, 0, 1)
        tips = points_length * front * np.exp(-(((abs(x) - 0.045) / 0.03) ** 2))
        outer = 0.098 + tips - np.hypot(x, 0.8 * (y + 0.01)) - 0.4 * np.clip(0.68 - z, 0, 1)
        notch = np.where(y < -0.03, abs(x) - 0.006 - 0.35 * np.clip(0.72 - z, 0, 1), FAR)
        return np.min([outer, 0.765 - 0.3 * front * 0.05 - z - 0.1 * y, notch, z - 0.6], axis=0)

    points = body.canonical
    ease = 0.006 + 0.006 * np.clip((0.77 - points[:, 2]) / 0.05, 0, 1)
    shape = body.add_shell(field(points), np.maximum(ease, body.standoff + 0.005), 2, np.zeros(len(points)))
    texture = Details(stitched_hem(field, 0.006)).applied_to(fabric.texture(seed))
    return Submesh(shape, _material("collar", fabric, texture))


def hood(body: ClothedBody, fabric: Fabric, seed: int) -> Submesh:
    """A hood that lies on the back of neck and shoulders."""

    def field(points):
        x, y, z = points.T
        ring = np.hypot(x, 0.8 * (y + 0.01))
        return np.min(
            [
                0.125 + 0.06 * np.clip(y / 0.05, 0, 1) - ring,
                0.775 - z - 0.2 * y,
                ring - 0.055 - 0.9 * np.clip(-0.03 - y, 0, 1),
                z - 0.56,
            ],
            axis=0,
        )

    points = body.canonical
    inside = np.clip(field(points) / 0.045, 0, 1)
    back = np.clip((points[:, 1] + 0.07) / 0.1, 0, 1)
    bulk = 0.008 + inside * (0.006 + 0.03 * back) + 0.004 * noise(points, 0.03, seed)
    shape = body.add_shell(field(points), body.standoff + bulk, 5, np.zeros(len(points)))
    return Submesh(
        shape, _material("hood", fabric, Details(stitched_hem(field, 0.012)).applied_to(fabric.texture(seed)))
    )


def shoes(
    body: ClothedBody, ankle: float, thick: float, upper: Fabric, sole: Colour, lace: Colour, seed: int
) -> Submesh:
    """Shoes up to this height, with a lower opening over the instep and a flat sole."""

    def field(points):
        _, y, z = points.T
        return np.minimum(np.maximum(ankle - z + 0.35 * np.minimum(y, 0), -0.07 - y), -0.6 - z)

    points = body.canonical
    z = points[:, 2]
    welt = np.clip((-0.797 - z) / 0.006, 0, 1)
    toe = np.clip((-0.12 - points[:, 1]) / 0.06, 0, 1)
    shape = body.add_shell(field(points), 0.006 + 0.005 * welt + 0.004 * toe, 3, np.zeros(len(points)))
    rest = shape.rest.copy()
    ground = rest[:, 2].min()
    height = rest[:, 2] - ground
    rest[:, 2] = ground + height * smoothstep(height / 0.022) - thick * (1 - smoothstep(height / 0.03))
    details = Details(stitched_hem(field, 0.004), laces(lace), soles(sole))
    shape = Surface(shape.canonical, rest, shape.weights, shape.faces)
    return Submesh(shape, _material("shoes", upper, details.applied_to(upper.texture(seed, legs=True))), field)


def laces(tone: Colour):
    """Laces over the instep."""

    def detail(points, values):
        x, y, z = abs(points[:, 0]), points[:, 1], points[:, 2]
        instep = np.clip((0.02 - abs(x - 0.19 - 0.1 * y)) / 0.002, 0, 1) * ((y < -0.06) & (y > -0.14) & (z > -0.775))
        row = np.cos(2 * np.pi * (y + 0.4 * abs(x - 0.19 - 0.1 * y)) / 0.014)
        share = instep * np.clip(0.5 + 2 * row, 0, 1)
        patch(values, share, tone, 0.0015)

    return detail


def soles(tone: Colour):
    """A sole of one colour, with a groove above it."""

    def detail(points, values):
        z = points[:, 2]
        patch(values, np.clip((-0.801 - z) / 0.0015, 0, 1), tone, 0.0)
        values[:, 3] -= 0.001 * np.exp(-(((z + 0.8) / 0.0015) ** 2))

    return detail


def band(
    body: ClothedBody,
    kind: str,
    fabric: Fabric,
    low: float,
    high: float,
    seed: int,
    details: Details,
    field: Field,
) -> Submesh:
    """A waistband or belt around the trunk."""
    points = body.canonical
    cut = intersection(above(low), beneath(high), field)
    shape = body.add_shell(cut(points), body.standoff + 0.0035, 4, np.zeros(len(points)))
    return Submesh(shape, _material(kind, fabric, details.applied_to(fabric.texture(seed))))


def _material(kind: str, fabric: Fabric, texture) -> Material:
    return Material(kind, texture, fabric.gloss, fabric.roughness)
