"""Cuts: signed fields over the canonical body, in metres, positive inside a garment.

A field cuts the cloth along a clean hem, removes the skin below, and places the stitches along the hem. Heights and
radii are read off the mean body, or chosen by eye.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.mesh.textures import ARM, Points, on_arm, smoothstep, unroll

Field = Callable[[Points], Float[np.ndarray, "n"]]
FAR = 0.25
"""Value of a field far away from a hem, metres; any length above the widest hem will do."""


def intersection(*fields: Field) -> Field:
    """Inside all of these fields."""
    return lambda points: np.min([field(points) for field in fields], axis=0)


def above(height: float, curve: float = 0.0) -> Field:
    """Above a hem, which rises by `curve` at the sides (a shirt's tail)."""
    return lambda points: points[:, 2] - height - curve * np.clip(points[:, 0] / 0.15, -1, 1) ** 2


def beneath(height: float) -> Field:
    """Below a hem."""
    return lambda points: height - points[:, 2]


def sleeves(share: float) -> Field:
    """Trunk and arms from the shoulder (0) to this share of the way to the wrist (1)."""
    upper, lower = (np.linalg.norm(ARM[i + 1] - ARM[i]) for i in (0, 1))
    end = share * (upper + lower) - upper

    def field(points):
        arm, inside = on_arm(points), np.full(len(points), FAR)
        inside[arm] = np.minimum(end + unroll(points[arm], False)[:, 1], FAR)
        return inside

    return field


def round_neck(radius: float, depth: float) -> Field:
    """Outside a round neckline whose lowest point, in front, lies `depth` below the throat."""

    def field(points):
        x, y, z = points.T
        # The neckline climbs from the front to the nape; its corners are round (a soft maximum).
        low = 0.7 - depth + (0.02 + depth) * smoothstep((y + 0.06) / 0.07) - z
        ring = np.hypot(x, 0.8 * (y + 0.01)) - radius
        return np.minimum(0.008 * np.logaddexp(ring / 0.008, low / 0.008), 0.765 - z)

    return field


def v_neck(radius: float, depth: float) -> Field:
    """Outside a neckline that ends in a point in front."""
    collar = round_neck(radius, 0.02)

    def field(points):
        x, y, z = points.T
        notch = np.where(y < -0.02, abs(x) - 0.8 * (z - 0.7 + depth), FAR)
        return np.minimum(collar(points), 0.75 * notch)

    return field


def high_neck(height: float) -> Field:
    """Below this height on the neck."""
    return lambda points: height - points[:, 2] - 0.15 * points[:, 1]


def opening(gap: float, top: float) -> Field:
    """Outside a gap in front, which widens towards this height."""

    def field(points):
        x, y, z = points.T
        half = gap * (0.6 + 0.8 * np.clip((z - 0.2) / (top - 0.2), 0, 1))
        return np.where(y < 0.01, abs(x) - half, FAR)

    return field


def not_arms() -> Field:
    """Outside the arms."""
    return lambda points: np.where(on_arm(points), -FAR, FAR)
