"""Numba kernels of the soft hull, one cell after the other. They release Python's lock.

Positions are pixels of an image in float32; a window's pixels are (position - shift) * pitch.
"""

from math import floor
from typing import no_type_check

import numpy as np
from numba import njit

_options = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(**_options)
@no_type_check
def split_cells(pixels, slopes, kept, parts, result):
    """Write positions of the parts of the cells that are kept into (m, p, 2).

    Args:
        pixels: (n, 2), of the cells' centres.
        slopes: (n, 3, 2), change of the position from a centre to each of three sides.
        kept: (n,), boolean.
        parts: (p, 3), where the parts lie in a cell, from -1 to 1.
        result: for the m cells that are kept.
    """
    place = 0
    for cell in range(len(kept)):
        if kept[cell]:
            for part in range(len(parts)):
                for axis in range(2):
                    shift = parts[part, 0] * slopes[cell, 0, axis] + parts[part, 1] * slopes[cell, 1, axis]
                    result[place, part, axis] = pixels[cell, axis] + (shift + parts[part, 2] * slopes[cell, 2, axis])
            place += 1


@njit(**_options)
@no_type_check
def look_up(pixels, shift, pitch, around, result):
    """Write the values of a window at positions (n, 2) into (n,); NaN where the position is NaN.

    Args:
        pixels: positions.
        shift: of the window, (2,).
        pitch: of the window, (2,).
        around: (h + 2, w + 2), the window's values with those beyond it.
        result: found values.
    """
    height, width = around.shape[0] - 2, around.shape[1] - 2
    for cell in range(len(pixels)):
        x, y = (pixels[cell, 0] - shift[0]) * pitch[0], (pixels[cell, 1] - shift[1]) * pitch[1]
        if np.isnan(x):
            result[cell] = np.nan
        else:
            result[cell] = around[min(max(floor(y), -1), height) + 1, min(max(floor(x), -1), width) + 1]


@njit(**_options)
@no_type_check
def least_two(known, found):
    """Write the least and the second least log-odds of the cameras that see a cell, and their number, into (n, 3).

    Args:
        known: (cameras, n), NaN where a camera does not see the cell.
        found: infinite where there are fewer.
    """
    for cell in range(known.shape[1]):
        least = second = np.float32(np.inf)
        count = 0
        for camera in range(known.shape[0]):
            value = known[camera, cell]
            if not np.isnan(value):
                count += 1
                if value < least:
                    least, second = value, least
                elif value < second:
                    second = value
        found[cell, 0], found[cell, 1], found[cell, 2] = least, second, count


@njit(**_options)
@no_type_check
def draw_cells(pixels, shift, pitch, size, step, ordered, strict, lenient):
    """Draw the largest evidence of the cells that lie in a window into two maps (r, c), each place `step` pixels wide.

    Args:
        pixels: (n, 2), positions of the cells.
        shift: of the window, (2,).
        pitch: of the window, (2,).
        size: width and height of the window.
        step: pixels of the window.
        ordered: (n, 3), as `least_two` finds it for the other cameras.
        strict: the least of all other cameras.
        lenient: the second least, where more than two cameras see the cell.
    """
    rows, columns = strict.shape
    for cell in range(len(pixels)):
        x, y = (pixels[cell, 0] - shift[0]) * pitch[0], (pixels[cell, 1] - shift[1]) * pitch[1]
        if x >= 0 and y >= 0 and x < size[0] and y < size[1]:
            column, row = min(int(x / step), columns - 1), min(int(y / step), rows - 1)
            least = ordered[cell, 0] if ordered[cell, 2] > 0 else np.float32(0)
            strict[row, column] = max(strict[row, column], least)
            most = ordered[cell, 1] if ordered[cell, 2] > 2 else least
            lenient[row, column] = max(lenient[row, column], most)
