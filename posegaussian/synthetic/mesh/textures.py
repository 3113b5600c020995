"""Building blocks of solid textures: noise, wrinkles, swatches of cloth, and unrolled limbs.

Textures are functions of canonical points (metres, on the mean body at rest), so they move with the body.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import njit

Colour = Float[np.ndarray, "3"]
Points = Float[np.ndarray, "n 3"]

ARM = np.array([[0.175, -0.026, 0.660], [0.370, -0.040, 0.446], [0.515, -0.235, 0.300]])
"""Shoulder, elbow and wrist of the left arm of the mean body, metres, read off the body asset; sleeves are unrolled
about this line."""
LEG = np.array([[0.115, -0.020, 0.160], [0.152, -0.038, -0.289], [0.196, -0.010, -0.736]])
"""Hip, knee and ankle of the left leg of the mean body, metres. Read off the body asset."""
ARMHOLE = 0.178
"""Distance of the armhole seam from the middle of the body, metres."""


def hsv_to_rgb(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue (0..1), a saturation and a value."""
    ramps = np.clip(abs((hue * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return value * (1 - saturation * (1 - ramps))


def soft_step(distance: np.ndarray, width: float) -> np.ndarray:
    """A soft step from 0 to 1 where a distance passes zero, as wide as `width`."""
    return np.clip(0.5 + distance / width, 0, 1)


def smoothstep(t: np.ndarray | float) -> np.ndarray | np.floating:
    """The smoothstep function: from 0 to 1, with no slope at both ends, while t goes from 0 to 1."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def blend(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Colours blended linearly with another colour, which replaces them where `share` is 1."""
    return below + share[..., None] * (above - below)


@njit(cache=True)
@no_type_check
def noise(points, scale, seed):
    """Smooth value noise in -1..1 with features about `scale` metres wide, at points of shape (n, 3)."""
    values = np.empty(len(points))
    for i in range(len(points)):
        values[i] = _noise(points[i, 0] / scale, points[i, 1] / scale, points[i, 2] / scale, seed)
    return values


@njit(cache=True)
@no_type_check
def wrinkles(points, scale, stretch, seed):
    """Creases in -1..1 from ridges of warped noise, `stretch` times longer than `scale` (metres) along the limbs."""
    values = np.empty(len(points))
    for i in range(len(points)):
        x, y, z = points[i, 0] / scale, points[i, 1] / scale, points[i, 2] / (stretch * scale)
        warp = _noise(0.35 * x, 0.35 * y, 0.35 * z * stretch, seed + 1)
        ridge = 1 - abs(_noise(x + warp, y - warp, z + 0.6 * warp, seed))
        values[i] = 2 * ridge * ridge - 1
    return values


@njit(cache=True)
@no_type_check
def _noise(x, y, z, seed):
    cx, cy, cz = np.floor(x), np.floor(y), np.floor(z)
    tx, ty, tz = _ease(x - cx), _ease(y - cy), _ease(z - cz)
    ix, iy, iz = int(cx), int(cy), int(cz)
    total = 0.0
    for dx in range(2):
        for dy in range(2):
            for dz in range(2):
                weight = (tx if dx else 1 - tx) * (ty if dy else 1 - ty) * (tz if dz else 1 - tz)
                total += weight * _hash(ix + dx, iy + dy, iz + dz, seed)
    return 2 * total - 1


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


def on_arm(points: Points) -> np.ndarray:
    """Whether points lie on the arms: beyond the armhole, and outside a line from there to the hips."""
    x, z = abs(points[:, 0]), points[:, 2]
    return (x > ARMHOLE + 0.9 * np.clip(0.56 - z, 0, 0.17)) & (z > 0.1)


def unroll(points: Points, legs: bool, girth: float = 0.15) -> Float[np.ndarray, "n 2"]:
    """Places of points of the body on flat cloth: around the limb and up along it, metres.

    There is one panel around the trunk, one around each sleeve and one around each trouser leg, as tailors cut cloth.

    Args:
        points: canonical places.
        legs: whether the trunk's cloth is that of two trouser legs instead of one panel.
        girth: radius of the trunk's panel, metres.
    """
    return _unroll(points, ARM, LEG, on_arm(points), legs, girth)


@njit(cache=True)
@no_type_check
def _unroll(points, arm, leg, arms, legs, girth):
    flat = np.empty((len(points), 2))
    line, radius, start = (leg, 0.08, 5.0) if legs else (arm, 0.052, 3.0)
    pieces = _pieces(line)
    for i in range(len(points)):
        x, y, z = abs(points[i, 0]), points[i, 1], points[i, 2]
        side = 1.0 if points[i, 0] >= 0 else -1.0
        if legs or arms[i]:
            angle, along = _about(x - line[1, 0], y - line[1, 1], z - line[1, 2], pieces)
            flat[i] = side * (radius * angle) + start * side, -along
        else:
            flat[i] = girth * np.arctan2(points[i, 0], -(y + 0.01)), z
    return flat


@njit(cache=True)
@no_type_check
def _pieces(line):
    """Of each of the two pieces of a line: its direction, its front, the outside across both, and their bisector."""
    pieces = np.empty((2, 4, 3))
    for piece in range(2):
        axis = line[piece + 1] - line[piece]
        axis = axis / np.sqrt((axis**2).sum())
        front = np.array([0.0, -1.0, 0.0])
        front = front - (front * axis).sum() * axis
        front /= np.sqrt((front**2).sum())
        pieces[piece, 0], pieces[piece, 1], pieces[piece, 2] = axis, front, np.cross(front, axis)
    pieces[:, 3] = pieces[0, 0] + pieces[1, 0]
    return pieces


@njit(cache=True)
@no_type_check
def _about(x, y, z, pieces):
    """Angle around a line of two pieces, from the front towards the outside, and how far along it, from its middle."""
    axis, front, out, bisector = pieces[0]
    if x * bisector[0] + y * bisector[1] + z * bisector[2] >= 0:
        axis, front, out, bisector = pieces[1]
    along = x * axis[0] + y * axis[1] + z * axis[2]
    angle = np.arctan2(x * out[0] + y * out[1] + z * out[2], x * front[0] + y * front[1] + z * front[2])
    return angle, along


def sample_swatch(
    swatch: Float[np.ndarray, "h w c"], flat: Float[np.ndarray, "n 2"], texel: float
) -> Float[np.ndarray, "n c"]:
    """Values of a swatch that repeats in both directions, at places on flat cloth (metres), texels of this size."""
    return _sample_swatch(swatch, flat, texel)


@njit(cache=True)
@no_type_check
def _sample_swatch(swatch, flat, texel):
    height, width, channels = swatch.shape
    values = np.empty((len(flat), channels))
    for i in range(len(flat)):
        x, y = flat[i, 0] / texel + 0.5 * width - 0.5, 0.5 * height - flat[i, 1] / texel - 0.5
        cx, cy = np.floor(x), np.floor(y)
        a, b = x - cx, y - cy
        left, top = int(cx) % width, int(cy) % height
        right, bottom = (left + 1) % width, (top + 1) % height
        for c in range(channels):
            upper = (1 - a) * swatch[top, left, c] + a * swatch[top, right, c]
            lower = (1 - a) * swatch[bottom, left, c] + a * swatch[bottom, right, c]
            values[i, c] = (1 - b) * upper + b * lower
    return values
