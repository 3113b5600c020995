"""What a person wears, from a seed."""

import numpy as np

from posegaussian.captures.synthetic.garments import (
    Piece,
    hemmed,
    loose,
    shirt,
    shoes,
    skirt,
    soled,
    sturdy,
    trousers,
)
from posegaussian.captures.synthetic.textures import PATTERNS, colour, denim, plain

OVERLAP = 0.03
"""How far a lower layer reaches under a hem, metres."""


def choose_clothes(pattern: int, rng: np.random.Generator) -> list[Piece]:
    """A top with a pattern, something below, and shoes."""
    hue = rng.uniform(0, 1)
    first = colour(hue, rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.9))
    second = colour(hue + rng.uniform(0.25, 0.75), rng.uniform(0.1, 0.7), rng.uniform(0.55, 1.0))
    fabric = PATTERNS[pattern % len(PATTERNS)](first, second, rng)
    sleeve = rng.choice([rng.uniform(0.28, 0.42), rng.uniform(0.9, 1.0)])
    neck, depth = rng.uniform(0.083, 0.095), rng.uniform(0.02, 0.05)
    folds = int(rng.integers(1 << 30))
    below = _below(rng, folds)
    waist = 0.26 if below.surface == "skirt" else rng.uniform(0.11, 0.16)
    cut = shirt(waist, sleeve, neck, depth)
    top = Piece(
        "suit", cut, loose(0.012, 0.0 if below.surface == "skirt" else 0.016, waist, folds), hemmed(fabric, cut)
    )
    return [top, below, _shoes(rng)]


def _below(rng: np.random.Generator, folds: int) -> Piece:
    """Jeans, other trousers, shorts or a skirt."""
    tone = colour(rng.uniform(0.25, 0.95), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.7))  # no skin tones
    kind = rng.choice(["jeans", "trousers", "shorts", "skirt"], p=[0.35, 0.2, 0.25, 0.2])
    if kind == "skirt":
        cut = skirt(0.29, rng.uniform(-0.4, -0.15))
        fabric = PATTERNS[rng.integers(len(PATTERNS))](tone, np.clip(1.2 - tone, 0, 1), rng)
        return Piece("skirt", cut, loose(0.01, 0.0, 0.0, folds + 9), hemmed(fabric, cut))
    end = rng.uniform(-0.28, -0.1) if kind == "shorts" else rng.uniform(-0.72, -0.68)
    cut = trousers(0.22, end)
    fabric = (
        denim(colour(0.6, rng.uniform(0.4, 0.7), rng.uniform(0.25, 0.65)), rng) if kind == "jeans" else plain(tone, rng)
    )
    return Piece("suit", cut, loose(0.006, 0.012, end, folds + 9), hemmed(fabric, cut))


def _shoes(rng: np.random.Generator) -> Piece:
    """Shoes with a sole and laces, in muted or loud colours."""
    upper = colour(rng.uniform(0, 1), rng.uniform(0, 0.8), rng.uniform(0.15, 0.8))
    cut = shoes(rng.choice([-0.735, -0.68]))
    sole = np.full(3, rng.choice([0.12, 0.92]))
    return Piece("suit", cut, sturdy(0.006), soled(hemmed(plain(upper, rng), cut, 0.006), sole, np.full(3, 0.85)))
