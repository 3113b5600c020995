"""Clothes, shoes and hair: which part of which surface, how far off the body, and what lies under them.

Every piece is a signed field over the canonical body (metres, positive inside the piece). The field cuts the piece with
a clean hem, and cuts the skin away below it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.captures.synthetic.mesh import Texture
from posegaussian.captures.synthetic.textures import noise

Points = Float[np.ndarray, "n 3"]
Field = Callable[[Points], Float[np.ndarray, "n"]]


@dataclass(frozen=True)
class Garment:
    """One piece of clothing.

    Args:
        surface: the body model's surface that it is cut from.
        field: positive where the piece is, metres from its hem, in canonical places.
        ease: how far it stands off that surface, metres, in canonical places.
        texture: what it looks like.
    """

    surface: str
    field: Field
    ease: Field
    texture: Texture


def shirt(hem: float, sleeve: float, neck: float) -> Field:
    """A top.

    Args:
        hem: height of its lower edge.
        sleeve: share of the arm that it covers, from the shoulder (0) to the wrist (1).
        neck: radius of the collar.
    """
    end_x, end_z = 0.22 + 0.27 * sleeve, 0.61 - 0.29 * sleeve

    def field(points):
        x, y, z = abs(points[:, 0]), points[:, 1], points[:, 2]
        # Across the arm, which slopes at 45 degrees; below the sleeve's end the line goes on straight down.
        along = (end_x - x + np.maximum(z, end_z - 0.06) - end_z) / np.sqrt(2)
        collar = np.maximum(np.hypot(x, 0.8 * (y + 0.015)) - neck, 0.66 - z)
        return np.min([z - hem, along, collar, 0.77 - z], axis=0)

    return field


def trousers(waist: float, leg: float) -> Field:
    """Trousers or shorts from the waist's height down to the height of the leg's end."""
    return lambda points: np.minimum(np.minimum(waist - points[:, 2], points[:, 2] - leg), 0.3 - abs(points[:, 0]))


def skirt(hem: float) -> Field:
    """A skirt down to this height."""
    return lambda points: np.where(abs(points[:, 0]) < 0.35, points[:, 2] - hem, -1.0)


def shoes(ankle: float) -> Field:
    """Shoes up to this height, lower in front than behind."""
    return lambda points: ankle - points[:, 2] + 0.15 * points[:, 1]


def loose(amount: float, flare: float, at: float, seed: int) -> Field:
    """Ease that grows from `amount` by `flare` towards the height `at`, with folds."""

    def ease(points):
        growth = np.exp(-(((points[:, 2] - at) / 0.2) ** 2))
        stretched = points * [1, 1, 0.45]
        folds = 0.0035 * noise(stretched, 0.045, seed) + 0.003 * noise(stretched, 0.09, seed + 1)
        return amount + flare * growth + folds

    return ease
