"""Clothes and shoes: which part of which surface they are, how they stand off the body, what lies under them.

Every piece has a signed field over the canonical body (metres, positive inside the piece). The field cuts the piece
with a clean hem, cuts the skin away below it, and places the stitches that follow the hem.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.captures.synthetic.surface import Surface
from posegaussian.captures.synthetic.textures import Texture, noise

Points = Float[np.ndarray, "n 3"]
Field = Callable[[Points], Float[np.ndarray, "n"]]


@dataclass(frozen=True)
class Piece:
    """One piece of clothing, or the hair.

    Args:
        surface: the body model's surface that it is made from.
        field: positive where the piece is, metres from its hem, in canonical places.
        shape: gives it its shape, from that surface on the person at rest.
        texture: what it looks like.
        covers: whether skin under it can never be seen.
    """

    surface: str
    field: Field
    shape: Callable[[Surface], Surface]
    texture: Texture
    covers: bool = True


def shirt(hem: float, sleeve: float, neck: float, depth: float) -> Field:
    """A top.

    Args:
        hem: height of its lower edge.
        sleeve: share of the arm that it covers, from the shoulder (0) to the wrist (1).
        neck: radius of the collar.
        depth: how far the collar's lowest point, in front, lies below the throat.
    """
    end_x, end_z = 0.22 + 0.27 * sleeve, 0.61 - 0.29 * sleeve

    def field(points):
        x, y, z = abs(points[:, 0]), points[:, 1], points[:, 2]
        # Across the arm, which slopes at 45 degrees; below the sleeve's end the line goes on straight down.
        along = (end_x - x + np.maximum(z, end_z - 0.06) - end_z) / np.sqrt(2)
        collar = np.maximum(np.hypot(x, 0.8 * (y + 0.01)) - neck, 0.7 - depth - z)
        return np.min([z - hem, along, collar, 0.76 - z], axis=0)

    return field


def trousers(waist: float, end: float) -> Field:
    """Trousers or shorts from the height of the waist to the height of the legs' ends."""
    return lambda points: np.min([waist - points[:, 2], points[:, 2] - end, 0.3 - abs(points[:, 0])], axis=0)


def skirt(waist: float, hem: float) -> Field:
    """A skirt from the height of the waist to the height of the hem."""
    return lambda points: np.min([waist - points[:, 2], points[:, 2] - hem, 0.33 - abs(points[:, 0])], axis=0)


def shoes(ankle: float) -> Field:
    """Shoes up to this height, with a lower opening over the instep."""

    def field(points):
        _, y, z = points.T
        return np.minimum(np.maximum(ankle - z + 0.35 * np.minimum(y, 0), -0.07 - y), -0.6 - z)

    return field


def loose(amount: float, flare: float, hem: float, seed: int) -> Callable[[Surface], Surface]:
    """Cloth with folds that stands off the body by `amount`, `flare` more near the height `hem`, less at the neck."""

    def shape(surface: Surface) -> Surface:
        surface = surface.subdivided()
        points = surface.canonical
        z = points[:, 2]
        stretched = points * [1, 1, 0.4]
        folds = 0.004 * noise(stretched, 0.04, seed) + 0.004 * noise(stretched, 0.09, seed + 1)
        ease = amount + flare * np.exp(-(((z - hem) / 0.15) ** 2)) + folds
        snug = np.clip((0.72 - z) / 0.06, 0.2, 1)
        return surface.inflated(snug * ease)

    return shape


def sturdy(thickness: float) -> Callable[[Surface], Surface]:
    """Stiff material of even thickness."""

    def shape(surface: Surface) -> Surface:
        surface = surface.subdivided()
        return surface.inflated(np.full(len(surface.rest), thickness))

    return shape


def hemmed(texture: Texture, field: Field, width: float = 0.016) -> Texture:
    """The texture with a double stitch along the hem."""

    def sewn(points):
        distance = field(points)
        stitch = np.exp(-(((distance - width) / 0.0022) ** 2)) + 0.6 * np.exp(-((distance / 0.003) ** 2))
        return texture(points) * (1 - 0.4 * np.clip(stitch, 0, 1))[:, None]

    return sewn


def soled(upper: Texture, sole: Float[np.ndarray, "3"], lace: Float[np.ndarray, "3"]) -> Texture:
    """A shoe: a sole of one colour, and laces over the instep."""

    def texture(points):
        x, y, z = points.T
        colours = upper(points)
        rubber = z < -0.79
        instep = (y < -0.06) & (y > -0.13) & (z > -0.775) & (abs(abs(x) - 0.19 - 0.1 * y) < 0.022)
        laces = instep & ((y / 0.014) % 1 < 0.45)
        colours[laces] = lace
        colours[rubber] = sole
        return colours

    return texture
