"""Mesh colours (Yuksel, Keyser, House 2010): triangular grids of samples of colour and relief on triangles.

The resolution of a grid follows from the triangle's size. The renderer only reads the samples, so no texture code runs
while rendering, and every device sees the same colours.
"""

from dataclasses import dataclass
from typing import no_type_check

import cv2
import numpy as np
from jaxtyping import Float, Int, Int64, UInt8
from numba import njit

MAX_GRID = 24
"""Largest number of samples along the side of a triangle: 24 mm at the finest texel, more than the 14 mm of refined
bodies."""
MAX_SLOPE = 1.5
"""Steepest relief that is stored, metres of height per metre (56 degrees); steeper slopes are clipped."""
SLOPE_SCALE = 127 / MAX_SLOPE
"""Relief slopes are stored as 128 + SLOPE_SCALE x slope in 8 bits."""


@dataclass(frozen=True)
class MeshColours:
    """Samples of a mesh's colour and relief."""

    grids: UInt8[np.ndarray, "f"]  # samples along each side of a face
    starts: Int64[np.ndarray, "f"]  # first sample of each face
    # RGB albedo, and the relief's slopes along the first side of the face and across it, at each sample
    texels: UInt8[np.ndarray, "n 5"]


def grid_sizes(
    vertices: Float[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"], texel: float
) -> Int64[np.ndarray, "f"]:
    """Samples along the sides of an equilateral triangle of the same area."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return np.clip(np.round(np.sqrt(area * 4 / np.sqrt(3)) / texel), 1, MAX_GRID).astype(np.int64)


def texel_layout(grids: Int64[np.ndarray, "f"]) -> tuple[Int64[np.ndarray, "f"], int]:
    """The first sample of each face, and how many there are in all."""
    counts = (grids + 1) * (grids + 2) // 2
    ends = np.cumsum(counts)
    return ends - counts, int(ends[-1])


def from_texture(
    vertices: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    places: Float[np.ndarray, "f 3 2"],
    texture: UInt8[np.ndarray, "h w 3"],
    texel: float,
) -> MeshColours:
    """The colours of a textured mesh, without relief.

    Args:
        vertices: metres.
        faces: vertex numbers.
        places: where the corners of each face lie in the texture: shares of its width and height from its lower left.
        texture: RGB.
        texel: distance between neighbouring samples, metres.
    """
    count = len(faces)
    grids = grid_sizes(vertices, faces, texel)
    starts, total = texel_layout(grids)
    flat = np.concatenate([places.reshape(-1, 2), np.zeros((3 * count, 1))], axis=1)
    sampled, samples = sample_places(flat, np.arange(3 * count).reshape(-1, 3), np.arange(count), grids, starts)
    texels = np.full((total, 5), 128, np.uint8)  # slopes of 0
    texels[samples, :3] = _sample_texture(texture, sampled[:, :2])
    return MeshColours(grids.astype(np.uint8), starts, texels)


def _sample_texture(texture: UInt8[np.ndarray, "h w 3"], places: Float[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "n 3"]:
    """Colours of the texture, linearly between its pixels' centres."""
    height, width = texture.shape[:2]
    x = (places[:, 0] * width - 0.5).astype(np.float32)
    y = ((1 - places[:, 1]) * height - 0.5).astype(np.float32)
    step = 1 << 14  # cv2.remap takes images of at most 32767 columns
    parts = [
        cv2.remap(texture, x[None, i : i + step], y[None, i : i + step], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        for i in range(0, len(x), step)
    ]
    return np.concatenate(parts, axis=1)[0]


@njit(cache=True)
@no_type_check
def sample_places(canonical, faces, chosen, grids, starts):
    """Canonical places of the samples of some faces, and the samples' numbers."""
    total = 0
    for f in chosen:
        total += (grids[f] + 1) * (grids[f] + 2) // 2
    places, samples = np.empty((total, 3)), np.empty(total, np.int64)
    at = 0
    for f in chosen:
        a, b, c = canonical[faces[f, 0]], canonical[faces[f, 1]], canonical[faces[f, 2]]
        size, number = grids[f], starts[f]
        for i in range(size + 1):
            for j in range(size + 1 - i):
                u, v = i / size, j / size
                for axis in range(3):
                    places[at, axis] = (1 - u - v) * a[axis] + u * b[axis] + v * c[axis]
                samples[at] = number
                at += 1
                number += 1
    return places, samples


@njit(cache=True)
@no_type_check
def write_slopes(rest, faces, grids, starts, relief, texels, scale):
    """Write differences of the relief along the grid: slopes along the face's first side and across it."""
    for f in range(len(faces)):
        a = rest[faces[f, 0]]
        first, second = rest[faces[f, 1]] - a, rest[faces[f, 2]] - a
        size, start = grids[f], starts[f]
        long = np.sqrt((first * first).sum()) + 1e-12
        along = (first * second).sum() / long  # the second side in the frame of the first
        across = np.sqrt(max((second * second).sum() - along * along, 1e-16))
        for i in range(size + 1):
            row = start + i * (2 * size + 3 - i) // 2
            for j in range(size + 1 - i):
                room = size - i - j
                low_i, high_i = max(i - 1, 0), i + min(room, 1)
                low_j, high_j = max(j - 1, 0), j + min(room, 1)
                below = relief[start + low_i * (2 * size + 3 - low_i) // 2 + j]
                above = relief[start + high_i * (2 * size + 3 - high_i) // 2 + j]
                du = (above - below) / max(high_i - low_i, 1) * size
                dv = (relief[row + high_j] - relief[row + low_j]) / max(high_j - low_j, 1) * size
                s = du / long
                t = (dv - s * along) / across
                texels[row + j, 3] = np.uint8(min(max(128 + scale * s + 0.5, 1.0), 255.0))
                texels[row + j, 4] = np.uint8(min(max(128 + scale * t + 0.5, 1.0), 255.0))
