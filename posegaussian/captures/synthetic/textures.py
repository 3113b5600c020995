"""Solid textures: functions of the place on the mean body at rest, so that they hold still on a moving body.

Metres in, RGB in 0..1 out. Every maker takes a random generator and returns the texture.
"""

from collections.abc import Callable
from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

Colour = Float[np.ndarray, "3"]
Texture = Callable[[Float[np.ndarray, "n 3"]], Float[np.ndarray, "n 3"]]


def colour(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue (0..1), a saturation and a value."""
    ramps = np.clip(abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return value * (1 - saturation * (1 - ramps))


@njit(cache=True)
@no_type_check
def noise(points, scale, seed):
    """Smooth value noise in -1..1 with features about `scale` metres wide, at points of shape (n, 3)."""
    values = np.empty(len(points))
    for i in range(len(points)):
        x, y, z = points[i, 0] / scale, points[i, 1] / scale, points[i, 2] / scale
        cx, cy, cz = np.floor(x), np.floor(y), np.floor(z)
        tx, ty, tz = _ease(x - cx), _ease(y - cy), _ease(z - cz)
        total = 0.0
        for dx in range(2):
            for dy in range(2):
                for dz in range(2):
                    weight = (tx if dx else 1 - tx) * (ty if dy else 1 - ty) * (tz if dz else 1 - tz)
                    total += weight * _hash(int(cx) + dx, int(cy) + dy, int(cz) + dz, seed)
        values[i] = 2 * total - 1
    return values


@njit(cache=True)
@no_type_check
def _ease(t):
    return t * t * (3 - 2 * t)


@njit(cache=True)
@no_type_check
def _hash(x, y, z, seed):
    """A number in 0..1 from a lattice point: murmur3's finaliser over a mix of the coordinates."""
    mixed = np.uint32(np.int64(x) * 73856093 ^ np.int64(y) * 19349663 ^ np.int64(z) * 83492791 ^ seed * 2654435761)
    for factor in (np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)):
        mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * factor)
    return (mixed ^ (mixed >> np.uint32(16))) / 4294967296.0


@njit(cache=True)
@no_type_check
def nearest_ball(points, period, seed):
    """Distance to the nearest ball of a jittered lattice, in periods and ball sizes, and that ball's own number."""
    distances, tones = np.empty(len(points)), np.empty(len(points))
    for i in range(len(points)):
        x, y, z = points[i, 0] / period, points[i, 1] / period, points[i, 2] / period
        cx, cy, cz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        nearest, tone = np.inf, 0.0
        for ox in range(cx - 1, cx + 2):
            for oy in range(cy - 1, cy + 2):
                for oz in range(cz - 1, cz + 2):
                    jx, jy, jz = _hash(ox, oy, oz, seed), _hash(ox, oy, oz, seed + 1), _hash(ox, oy, oz, seed + 2)
                    dx, dy, dz = x - ox - 0.25 - 0.5 * jx, y - oy - 0.25 - 0.5 * jy, z - oz - 0.25 - 0.5 * jz
                    distance = np.sqrt(dx * dx + dy * dy + dz * dz) / (0.8 + 0.4 * jx)
                    if distance < nearest:
                        nearest, tone = distance, jy
        distances[i], tones[i] = nearest, tone
    return distances, tones


def _step(values: np.ndarray) -> np.ndarray:
    """A soft step from 0 to 1 where the values pass zero."""
    return np.clip(0.5 + values, 0, 1)


def _mix(a: Colour, b: Colour, share: np.ndarray) -> np.ndarray:
    return a + share[:, None] * (b - a)


def plain(base: Colour, rng: np.random.Generator, grain: float = 0.2, scale: float = 0.007) -> Texture:
    """One colour with the fine irregular grain of knitwear, and slow stains."""
    seed = int(rng.integers(1 << 30))

    def texture(points):
        fine = noise(points, scale, seed) + 0.4 * noise(points, 2.7 * scale, seed + 1)
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
        distance, tone = nearest_ball(points, period, seed)
        dots = np.clip(second * (0.7 + 0.5 * tone[:, None]), 0, 1)
        share = _step((0.33 - distance) * period / 0.004)[:, None]
        return (first + share * (dots - first)) * weave(points)

    return texture


def denim(base: Colour, rng: np.random.Generator) -> Texture:
    """A coarse twill, faded in front of thighs and knees."""
    weave = plain(base, rng, grain=0.25, scale=0.006)
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
