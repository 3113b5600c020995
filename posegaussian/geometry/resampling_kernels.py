"""Numba kernels that resample single pixels; `resampling` has the same in NumPy and OpenCV, as the reference.

They release Python's lock, so frames are resampled in threads. Kernels that call each other must be in one file:
Numba's cache does not notice changes in other files. Positions count from the centre of the first pixel. Beyond the
image, all is 0.
"""

from math import floor
from typing import no_type_check

import numpy as np
from numba import njit

_options = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


@njit(inline="always", **_options)
@no_type_check
def _catmull_rom(t):
    """Weights of four neighbouring samples at the place t, 0 to 1, between the inner two (Keys, 1981, a = -1/2)."""
    half = np.float32(0.5)
    one = np.float32(1)
    return (
        t * (t * (one - half * t) - half),
        t * t * (np.float32(1.5) * t - np.float32(2.5)) + one,
        t * (t * (np.float32(2) - np.float32(1.5) * t) + half),
        half * t * t * (t - one),
    )


@njit(inline="always", **_options)
@no_type_check
def _sample(image, x, y, found):
    """Write the colours at (x, y) of an image (h, w, c)."""
    height, width, channels = image.shape
    column, row = floor(x), floor(y)
    across, down = _catmull_rom(x - np.float32(column)), _catmull_rom(y - np.float32(row))
    for channel in range(channels):
        found[channel] = 0
    if column >= 1 and row >= 1 and column + 2 < width and row + 2 < height:
        for i in range(4):
            for channel in range(channels):
                line = image[row - 1 + i]
                found[channel] += down[i] * (
                    across[0] * line[column - 1, channel]
                    + across[1] * line[column, channel]
                    + across[2] * line[column + 1, channel]
                    + across[3] * line[column + 2, channel]
                )
    else:
        for i in range(4):
            for j in range(4):
                if 0 <= row - 1 + i < height and 0 <= column - 1 + j < width:
                    for channel in range(channels):
                        found[channel] += down[i] * across[j] * image[row - 1 + i, column - 1 + j, channel]


@njit(inline="always", **_options)
@no_type_check
def _level(value, scale):
    """A value times a scale, clipped to [0, 1], in 8 bits."""
    return np.uint8(np.rint(min(max(value * scale, np.float32(0)), np.float32(1)) * np.float32(255)))


@njit(**_options)
@no_type_check
def sample_box(image, xs, ys, box, near, result):
    """Write samples of an image (h, w, c) in [0, 1] that is 0 outside a box (x0, y0, x1, y1), into (h2, w2, c).

    Where `near` (h, w) is 0, so are all samples that the kernel reaches from there; where it is 2, all of them are 1.
    """
    left, top, right, bottom = box
    height, width = near.shape
    found = np.empty(image.shape[2], np.float32)
    for i in range(xs.shape[0]):
        for j in range(xs.shape[1]):
            x, y = xs[i, j], ys[i, j]
            # The kernel reaches less than two samples far.
            if left - 2 < x < right + 1 and top - 2 < y < bottom + 1:
                column, row = floor(x), floor(y)
                known = near[row, column] if 0 <= column < width and 0 <= row < height else 1
                if known == 0:
                    continue
                if known == 2:
                    result[i, j] = 255
                    continue
                _sample(image, x, y, found)
                for channel in range(image.shape[2]):
                    result[i, j, channel] = _level(found[channel], np.float32(1))


@njit(**_options)
@no_type_check
def sample_where(image, scale, xs, ys, wanted, result):
    """Write samples of an image (h, w, c), in [0, 1] after a factor, where wanted (h2, w2), into (h2, w2, c)."""
    found = np.empty(image.shape[2], np.float32)
    for i in range(wanted.shape[0]):
        for j in range(wanted.shape[1]):
            if wanted[i, j]:
                _sample(image, xs[i, j], ys[i, j], found)
                for channel in range(image.shape[2]):
                    result[i, j, channel] = _level(found[channel], scale)


@njit(**_options)
@no_type_check
def sample_depths(depth, xs, ys, slant, steepest, rows, columns, result, smooth):
    """Write depths, and whether they lie on one surface, of some pixels into (h2, w2); see `resample_depth_at`.

    Args:
        depth: (h, w), along the source's optical axis, 0 where unknown.
        xs: columns of all pixels of the view in it.
        ys: rows, likewise.
        slant: depth along the view's optical axis / depth along the source's.
        steepest: neighbouring depths that differ by a larger share are an edge.
        rows: of the pixels.
        columns: of the pixels.
        result: depths along the view's optical axis.
        smooth: 1 where the depth was interpolated between samples of one surface.
    """
    height, width = depth.shape
    for k in range(rows.shape[0]):
        i, j = rows[k], columns[k]
        x, y = xs[i, j], ys[i, j]
        left, top = floor(x), floor(y)
        nearest, most = np.float32(0), np.float32(-1)
        for corner in range(4):
            column, row = left + corner % 2, top + corner // 2
            share = (1 - abs(x - column)) * (1 - abs(y - row))
            if share > most:
                most = share
                inside = 0 <= column < width and 0 <= row < height
                nearest = depth[row, column] if inside else np.float32(0)
        lowest = highest = nearest
        inverse = 0.0
        for corner in range(4):
            column, row = left + corner % 2, top + corner // 2
            share = (1 - abs(x - column)) * (1 - abs(y - row))
            value = nearest
            if share > 1e-3:  # A sample without weight must not make an edge
                value = depth[row, column] if 0 <= column < width and 0 <= row < height else np.float32(0)
            lowest, highest = min(lowest, value), max(highest, value)
            inverse += share / (value if value > 0 else 1)
        one_surface = lowest > 0 and highest - lowest <= steepest * lowest
        smooth[i, j] = one_surface
        result[i, j] = (1 / inverse if one_surface else nearest) * slant[i, j]
