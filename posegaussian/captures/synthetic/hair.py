"""Hair: shells over the scalp, from a crop to a bob, and caps."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from posegaussian.captures.synthetic.garments import Field, Piece
from posegaussian.captures.synthetic.surface import Surface
from posegaussian.captures.synthetic.textures import Texture, noise, plain

AXIS = np.array([0.0, -0.045])
"""Where the vertical axis of the head stands on the canonical body (x, y), metres."""


def strands(colour: Float[np.ndarray, "3"], seed: int) -> Texture:
    """Fine streaks that run down from the crown."""

    def texture(points):
        x, y, z = points[:, 0] - AXIS[0], points[:, 1] - AXIS[1], points[:, 2]
        angle = np.stack([0.09 * np.cos(np.arctan2(y, x)), 0.09 * np.sin(np.arctan2(y, x)), 0.1 * z], axis=1)
        tone = 0.3 * noise(angle, 0.003, seed) + 0.25 * noise(angle, 0.008, seed + 1) + 0.1 * noise(points, 0.02, seed)
        return np.clip(colour * (1 + tone)[:, None] + 0.03, 0, 1)

    return texture


def hairline(front: float, nape: float, seed: int) -> Field:
    """Scalp above a line from the forehead (at height `front`) over the ears to the nape (at height `nape`)."""

    def field(points):
        x, y, z = points.T
        share = np.clip((y + 0.15) / 0.2, 0, 1) ** 0.7
        ears = 0.022 * np.exp(-(((y + 0.055) / 0.025) ** 2)) * (abs(x) > 0.05)
        line = front + share * (nape - front) + ears + 0.004 * noise(points, 0.012, seed)
        return (z - line) / 1.2

    return field


def bob(front: float, hem: float, seed: int) -> Field:
    """Scalp and the back and sides of the neck down to the height `hem`, tucked behind the ears."""
    scalp = hairline(front, 0.85, seed)

    def field(points):
        x, y, z = points.T
        opening = np.minimum(y + 0.028, 0.084 - abs(x)) + 0.003 * noise(points, 0.01, seed)
        return np.minimum(np.maximum(scalp(points), opening), z - hem + 0.006 * noise(points, 0.015, seed))

    return field


def tousled(amount: float, seed: int, field: Field, bun: float = 0.0) -> Callable[[Surface], Surface]:
    """A shell of this thickness with locks, thinning towards its line; `bun` is the height of a knot at the back."""

    def shape(surface: Surface) -> Surface:
        surface = surface.subdivided()
        points = surface.canonical
        inside = np.clip(field(points) / 0.02, 0, 1)
        locks = 1 + 0.35 * noise(points * [1, 1, 0.5], 0.022, seed) + 0.2 * noise(points * [1, 1, 0.5], 0.01, seed + 1)
        knot = bun * np.clip(1.2 - ((points - [0, 0.05, 0.985]) ** 2).sum(1) / 0.03**2, 0, 1)
        return _rigid(surface.inflated(0.002 + inside * (amount * locks + knot)))

    return shape


def curtain(amount: float, width: float, seed: int, field: Field) -> Callable[[Surface], Surface]:
    """A shell that hangs straight down from the widest part of the head instead of following the neck."""
    cap = tousled(amount, seed, field)

    def shape(surface: Surface) -> Surface:
        shell = cap(surface)
        scale = np.ptp(surface.rest[:, 2]) / np.ptp(surface.canonical[:, 2])
        head = shell.rest[shell.canonical[:, 2] > 0.93]
        middle = (head.min(0) + head.max(0))[:2] / 2
        out = shell.rest[:, :2] - middle
        radius = np.linalg.norm(out / [1.0, 1.15], axis=1) + 1e-9
        below = np.clip((0.96 - shell.canonical[:, 2]) / 0.05, 0, 1)
        wanted = scale * width * (1 + 0.04 * noise(shell.canonical * [1, 1, 0.2], 0.02, seed))
        stretch = 1 + below * np.maximum(wanted / radius - 1, 0)
        rest = shell.rest.copy()
        rest[:, :2] = middle + stretch[:, None] * out
        return Surface(shell.canonical, rest, shell.weights, shell.faces)

    return shape


def _rigid(surface: Surface) -> Surface:
    """Hair follows the head alone."""
    crown = surface.weights[surface.canonical[:, 2].argmax()]
    return Surface(surface.canonical, surface.rest, np.tile(crown, (len(surface.rest), 1)), surface.faces)


def make_hair(style: int, colour: Float[np.ndarray, "3"], rng: np.random.Generator) -> Piece:
    """A head of hair, or a cap: crop, bob, bun, curls, cap."""
    seed = int(rng.integers(1 << 30))
    front, look = rng.uniform(0.965, 0.975), strands(colour, seed)
    low, high = hairline(front, rng.uniform(0.815, 0.84), seed), hairline(front, 0.86, seed)
    long = bob(front, rng.uniform(0.765, 0.8), seed)
    knitted = hairline(0.945, 0.9, seed)
    wool = plain(rng.uniform(0.15, 0.8, 3), rng, grain=0.3, scale=0.008)
    return (
        Piece("skin", low, tousled(0.012, seed, low), look, covers=False),
        Piece("skin", long, curtain(0.012, rng.uniform(0.085, 0.095), seed, long), look, covers=False),
        Piece("skin", high, tousled(0.008, seed, high, bun=0.035), look, covers=False),
        Piece("skin", low, tousled(0.03, seed, low), look, covers=False),
        Piece("skin", knitted, tousled(0.011, seed, knitted), wool, covers=False),
    )[style % 5]
