"""Numba kernels for the person on black and for soft pixels with their background.

They visit soft pixels one by one, where NumPy and OpenCV filter the person's whole box. They release Python's lock.
Kernels that call each other must be in one file: Numba's cache does not notice changes in other files.
"""

from typing import no_type_check

import numpy as np
from numba import njit

_options = {"nogil": True, "cache": True, "error_model": "numpy"}


@njit(inline="always", **_options)
@no_type_check
def _mirrored(index, length):
    """An index beyond the ends mirrored at the centres of the outermost pixels, as OpenCV does by default."""
    if length == 1:
        return 0
    while index < 0 or index >= length:
        index = -index if index < 0 else 2 * length - 2 - index
    return index


@njit(inline="always", **_options)
@no_type_check
def _clear_pixels(image, mask, row, column, reach, sums):
    """Number of pixels without the person around one; the sums of their colours are written."""
    height, width = mask.shape
    count = 0
    sums[0] = sums[1] = sums[2] = 0
    for i in range(row - reach, row + reach + 1):
        i = _mirrored(i, height)
        for j in range(column - reach, column + reach + 1):
            j = _mirrored(j, width)
            if mask[i, j] == 0:
                count += 1
                for channel in range(3):
                    sums[channel] += image[i, j, channel]
    return count


@njit(**_options)
@no_type_check
def person_on_black(image, mask, reach, result):
    """Write the person of an image (h, w, 3) with coverage (h, w), in 8 bits, into a black image; see `compositing`."""
    sums = np.empty(3, np.int64)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            cover = np.int64(mask[i, j])
            if cover == 255:
                for channel in range(3):
                    result[i, j, channel] = image[i, j, channel]
            elif cover > 0:
                count = _clear_pixels(image, mask, i, j, reach, sums)
                for channel in range(3):
                    color = np.int64(image[i, j, channel])
                    if count > 0:
                        scale = 255 * count
                        behind = (2 * (255 - cover) * sums[channel] + scale) // (2 * scale)
                        result[i, j, channel] = min(max(color - behind, 0), cover)
                    else:
                        result[i, j, channel] = (2 * cover * color + 255) // 510


@njit(**_options)
@no_type_check
def with_background(person, filmed, mask, reach, exact, result):
    """Write the image as filmed of which `person_on_black` returns this person; all (h, w, 3), in 8 bits.

    Where the person is brighter than the mask, its colour is that of the mask. If not `exact`, soft pixels without
    background nearby are as filmed.
    """
    sums = np.empty(3, np.int64)
    for i in range(mask.shape[0]):
        for j in range(mask.shape[1]):
            cover = np.int64(mask[i, j])
            if cover == 0:
                for channel in range(3):
                    result[i, j, channel] = filmed[i, j, channel]
            elif cover == 255:
                for channel in range(3):
                    result[i, j, channel] = person[i, j, channel]
            else:
                count = _clear_pixels(filmed, mask, i, j, reach, sums)
                for channel in range(3):
                    alone = min(np.int64(person[i, j, channel]), cover)
                    if count > 0:
                        scale = 255 * count
                        behind = (2 * (255 - cover) * sums[channel] + scale) // (2 * scale)
                        result[i, j, channel] = alone + behind
                    elif exact:
                        result[i, j, channel] = (510 * alone + cover) // (2 * cover)
                    else:
                        result[i, j, channel] = filmed[i, j, channel]


@njit(**_options)
@no_type_check
def cut_out(image, scale, mask, weights, reach, fallback, result):
    """Write the premultiplied colours of an image (h, w, 3) and its coverage into (h, w, 4).

    Args:
        image: in [0, 1] after a factor.
        scale: that factor.
        mask: coverage (h, w), 0..255.
        weights: of pixels in the estimate of the background, by their coverage; 0 for the last one.
        reach: radius of the window of that estimate.
        fallback: weight of the pixel itself in it.
        result: black.
    """
    height, width = mask.shape
    share = 1 / (2 * reach + 1) ** 2  # means as OpenCV's `blur` makes them: in float64, rounded to float32 at the end
    zero, one = np.float32(0), np.float32(1)
    sums = np.empty(4, np.float64)
    for row in range(height):
        for column in range(width):
            level = mask[row, column]
            if level == 0:
                continue
            cover = np.float32(level) / np.float32(255)
            result[row, column, 3] = cover
            if level == 255:
                for channel in range(3):
                    result[row, column, channel] = min(max(image[row, column, channel] * scale, zero), one)
                continue
            sums[:] = 0
            for i in range(row - reach, row + reach + 1):
                i = _mirrored(i, height)
                for j in range(column - reach, column + reach + 1):
                    j = _mirrored(j, width)
                    weight = weights[mask[i, j]]
                    if weight > 0:
                        sums[0] += weight
                        for channel in range(3):
                            sums[channel + 1] += weight * (image[i, j, channel] * scale)
            total = np.float32(sums[0] * share) + fallback
            for channel in range(3):
                color = image[row, column, channel] * scale
                background = (np.float32(sums[channel + 1] * share) + fallback * color) / total
                alone = color - (one - cover) * background
                result[row, column, channel] = min(max(alone, zero), cover)


@njit(**_options)
@no_type_check
def mark_shown(image, found):
    """Write 1 where a pixel (h, w, c) is not black in any channel."""
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            for channel in range(image.shape[2]):
                if image[i, j, channel] > 0:
                    found[i, j] = 1


@njit(**_options)
@no_type_check
def widen(mask, spread, result):
    """Write whether a pixel (h, w) lies near one that is not 0.

    Args:
        mask: (h, w).
        spread: columns that a pixel reaches to either side, in its own row, in the next ones, and so on.
        result: (h, w).
    """
    height, width = mask.shape
    counts = np.zeros((height, width + 1), np.int32)  # steps of the number of intervals that cover a pixel
    for row in range(height):
        column = 0
        while column < width:
            start = column
            while column < width and mask[row, column] != 0:
                column += 1
            if start == column:
                column += 1
                continue
            for other in range(max(row - len(spread) + 1, 0), min(row + len(spread), height)):
                reach = spread[abs(other - row)]
                counts[other, max(start - reach, 0)] += 1
                counts[other, min(column + reach, width)] -= 1
    for row in range(height):
        covered = 0
        for column in range(width):
            covered += counts[row, column]
            result[row, column] = covered > 0
