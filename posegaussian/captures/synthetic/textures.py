"""Solid textures: functions of the place on the mean body at rest, so that they hold still on a moving body.

Metres in, RGB in 0..1 out. Every maker takes a random generator and returns the texture.
"""

import numpy as np
from jaxtyping import Float

from posegaussian.captures.synthetic.mesh import Texture

Colour = Float[np.ndarray, "3"]


def colour(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue (0..1), a saturation and a value."""
    ramps = np.clip(abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return value * (1 - saturation * (1 - ramps))


def noise(points: Float[np.ndarray, "n 3"], scale: float, seed: int) -> Float[np.ndarray, "n"]:
    """Smooth value noise in -1..1 with features about `scale` metres wide."""
    lattice = points / scale
    corner = np.floor(lattice).astype(np.int64)
    t = lattice - corner
    t = t * t * (3 - 2 * t)
    total = np.zeros(len(points))
    for offset in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(offset, t, 1 - t), axis=1)
        total += weight * _hash(corner + offset, seed)
    return 2 * total - 1


def _hash(corner: np.ndarray, seed: int) -> np.ndarray:
    """Uniform numbers in 0..1 from lattice points."""
    x = corner.astype(np.uint64)
    mixed = x[:, 0] * np.uint64(0x9E3779B97F4A7C15) ^ x[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= x[:, 2] * np.uint64(0x165667B19E3779F9) ^ np.uint64(seed * 0x27D4EB2F165667C5 & (1 << 64) - 1)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return (mixed >> np.uint64(11)).astype(np.float64) / (1 << 53)


def _step(values: np.ndarray) -> np.ndarray:
    """A soft step from 0 to 1 where the values pass zero."""
    return np.clip(0.5 + values, 0, 1)


def _mix(a: Colour, b: Colour, share: np.ndarray) -> np.ndarray:
    return a + share[:, None] * (b - a)


def plain(base: Colour, rng: np.random.Generator, grain: float = 0.16, scale: float = 0.012) -> Texture:
    """One colour with the fine irregular grain of knitwear, and slow stains."""
    seed = int(rng.integers(1 << 30))

    def texture(points):
        fine = noise(points, scale, seed) + 0.6 * noise(points, 2.7 * scale, seed + 1)
        slow = noise(points, 0.13, seed + 2)
        return np.clip(base * (1 + grain * fine + 0.08 * slow)[:, None], 0, 1)

    return texture


def stripes(first: Colour, second: Colour, rng: np.random.Generator) -> Texture:
    """Bands across the body, the widths alternating."""
    period, share = rng.uniform(0.035, 0.08), rng.uniform(0.3, 0.7)
    tilt = rng.uniform(-0.15, 0.15)
    weave = plain(np.ones(3) * 0.9, rng, grain=0.12)

    def texture(points):
        phase = (points[:, 2] + tilt * points[:, 0]) / period % 1
        inside = np.minimum(phase, share - phase) * period / 0.004
        return _mix(first, second, _step(inside)) * weave(points)

    return texture


def checks(first: Colour, second: Colour, rng: np.random.Generator) -> Texture:
    """Crossing bands with thin lines between them, as on a flannel shirt."""
    period = rng.uniform(0.05, 0.1)
    line = rng.uniform(0.6, 1.0) * np.ones(3) * rng.choice([0.15, 1.0])
    weave = plain(np.ones(3) * 0.9, rng, grain=0.12)

    def texture(points):
        # Around the body the bands follow x in front and behind, y on the sides.
        u = (points[:, 0] + 0.7 * points[:, 1]) / period % 1
        v = points[:, 2] / period % 1
        bands = [_step(np.minimum(w, 0.5 - w) * period / 0.004) for w in (u, v)]
        thin = [_step((0.03 - abs(w - 0.75)) * period / 0.003) for w in (u, v)]
        colours = _mix(first, second, (bands[0] + bands[1]) / 2)
        share = np.maximum(thin[0], thin[1])[:, None]
        return (colours + share * 0.7 * (line - colours)) * weave(points)

    return texture


def blobs(first: Colour, second: Colour, rng: np.random.Generator) -> Texture:
    """Irregular patches in three tones."""
    scale, seed = rng.uniform(0.03, 0.07), int(rng.integers(1 << 30))
    third = np.clip(0.5 * (first + second) + rng.uniform(-0.25, 0.25, 3), 0, 1)
    weave = plain(np.ones(3) * 0.92, rng, grain=0.12)

    def texture(points):
        a = noise(points, scale, seed) + 0.4 * noise(points, scale / 2.3, seed + 1)
        b = noise(points + 7, scale, seed + 2) + 0.4 * noise(points, scale / 2.3, seed + 3)
        colours = _mix(first, second, _step(a * 12))
        return (colours + _step(b * 12 - 2)[:, None] * (third - colours)) * weave(points)

    return texture


def print_of_dots(first: Colour, second: Colour, rng: np.random.Generator) -> Texture:
    """A fine print: balls on a jittered lattice through space, cut by the surface."""
    period, seed = rng.uniform(0.03, 0.045), int(rng.integers(1 << 30))
    weave = plain(np.ones(3) * 0.93, rng, grain=0.1)

    def texture(points):
        lattice = points / period
        cell = np.floor(lattice).astype(np.int64)
        nearest = np.full(len(points), np.inf)
        tone = np.zeros(len(points))
        for offset in np.ndindex(3, 3, 3):
            other = cell + offset - 1
            centre = other + 0.25 + 0.5 * np.stack([_hash(other, seed + axis) for axis in range(3)], axis=1)
            distance = ((lattice - centre) ** 2).sum(1) / (0.6 + 0.8 * _hash(other, seed + 3))
            closer = distance < nearest
            nearest = np.where(closer, distance, nearest)
            tone = np.where(closer, _hash(other, seed + 4), tone)
        dots = np.clip(second * (0.7 + 0.5 * tone[:, None]), 0, 1)
        share = _step((0.33 - np.sqrt(nearest)) * period / 0.004)[:, None]
        return (first + share * (dots - first)) * weave(points)

    return texture


def denim(base: Colour, rng: np.random.Generator) -> Texture:
    """A coarse twill, faded in front of thighs and knees."""
    weave = plain(base, rng, grain=0.22, scale=0.009)
    seed = int(rng.integers(1 << 30))

    def texture(points):
        x, y, z = points.T
        front = np.clip(-(y + 0.02) / 0.08, 0, 1)
        worn = front * np.exp(-(((z + 0.1) / 0.2) ** 2)) * (0.6 + 0.4 * noise(points, 0.05, seed))
        seam = 0.3 * np.exp(-(((abs(x) - 0.14) ** 2 + 4 * np.clip(y + 0.02, 0, 1) ** 2) / 0.004**2))
        return np.clip(weave(points) * (1 - seam[:, None]) + 0.28 * worn[:, None], 0, 1)

    return texture


PATTERNS = (stripes, checks, blobs, print_of_dots)
"""Makers of textures of two colours."""
