"""Numba kernels that sort projected Gaussians into tiles, blend them, and compute the gradients of blending.

A tile of 16 x 16 pixels processes its Gaussians one after the other, front to back, and for each only the rows that it
reaches. Every row, or half row, is one loop of fixed length without branches, which the compiler vectorises. It does so
only if the scratch memory is allocated in the same function with a constant shape, and all constants are float32. A
tile writes only its own pixels and its own slots of the partial gradients, so tiles may run in parallel and in any
order with the same bits.
"""

from typing import no_type_check

import numpy as np
from numba import njit

TILE = 16
"""Width and height of a tile, pixels: the tile of the footprint `square`."""
HALF = 8
"""Half a row of a tile, pixels."""
_F = np.float32
_ZERO, _ONE, _HALF = _F(0), _F(1), _F(0.5)
_C0, _C1, _C2, _C3, _C4, _C5 = (
    _F(c) for c in (1.00000007, 0.693146949, 0.240221218, 0.0555074262, 0.00967545975, 0.00132669704)
)
"""Coefficients of a polynomial for 2^x on [-1/2, 1/2], fitted for the smallest relative error: 2e-7."""
_EXPONENT = _F(2**23)
_BIAS = _F(127 * 2**23)
_LOWEST_POWER = _F(-100)
"""Exponents are clamped here: the bits of a float32 power of two need an exponent above -127, and 2^-100 is far below
any useful `alpha_min`."""
_STOP_INTERVAL = 16
"""A tile checks after so many Gaussians whether all of its pixels are complete; chosen by hand."""

_options = {"nogil": True, "cache": True, "error_model": "numpy"}
# Without "nnan", because the test of alpha must reject NaN.
_fast = {**_options, "fastmath": {"reassoc", "contract", "nsz", "arcp"}}


@njit(**_options)
@no_type_check
def order_by_depth(depths, boxes):
    """Indices of the visible Gaussians by depth, then index: a radix sort of the bits, which orders positive floats."""
    visible = np.empty(len(boxes), np.int32)
    count = 0
    for i in range(len(boxes)):
        visible[count] = i
        count += boxes[i, 2] > boxes[i, 0]
    index = visible[:count].copy()
    keys = depths.view(np.uint32)[index]
    other_index, other_keys = np.empty_like(index), np.empty_like(keys)
    for shift in (0, 11, 22):
        places = np.zeros(2049, np.int64)
        for i in range(count):
            places[((keys[i] >> shift) & 2047) + 1] += 1
        places = np.cumsum(places)
        for i in range(count):
            digit = (keys[i] >> shift) & 2047
            other_index[places[digit]], other_keys[places[digit]] = index[i], keys[i]
            places[digit] += 1
        index, other_index, keys, other_keys = other_index, index, other_keys, keys
    return index


@njit(**_options)
@no_type_check
def count_tiles(begin, end, boxes, counts):
    """Count the Gaussians of each tile in the tile rows begin to end; `counts` is (rows, columns)."""
    counts[begin:end] = 0
    for i in range(len(boxes)):
        for row in range(max(boxes[i, 1], begin), min(boxes[i, 3], end)):
            for column in range(boxes[i, 0], boxes[i, 2]):
                counts[row, column] += 1


@njit(**_options)
@no_type_check
def fill_tiles(begin, end, order, boxes, starts, entries):
    """List the Gaussians of each tile in the tile rows begin to end, front to back, from `starts` (rows, columns)."""
    places = starts[begin:end].copy()
    for i in order:
        for row in range(max(boxes[i, 1], begin), min(boxes[i, 3], end)):
            for column in range(boxes[i, 0], boxes[i, 2]):
                entries[places[row - begin, column]] = i
                places[row - begin, column] += 1


@njit(**_fast)
@no_type_check
def _exp2(x):
    """2^x for x <= 0, with a relative error of 2e-7."""
    x = max(x, _LOWEST_POWER)
    whole = np.floor(x + _HALF)
    f = x - whole
    mantissa = ((((_C5 * f + _C4) * f + _C3) * f + _C2) * f + _C1) * f + _C0
    return mantissa * np.int32(whole * _EXPONENT + _BIAS).view(np.float32)


@njit(**_fast)
@no_type_check
def _rows(record, y0):
    """The first row of a tile that a Gaussian reaches, and the one after the last."""
    first = np.ceil(record[1] - record[11] - _HALF) - y0
    last = np.floor(record[1] + record[11] - _HALF) - y0
    return max(np.int64(max(first, _ZERO)), 0), min(np.int64(min(last, _F(TILE - 1))) + 1, TILE)


@njit(**_fast)
@no_type_check
def _all_stopped(state):
    """Whether all pixels of a tile are complete: their transmittance in `state` is 0."""
    total = _ZERO
    for i in range(256):
        total += state[i]
    return total == _ZERO


@njit(**_fast)
@no_type_check
def _halves(record, x0):
    """The first half (0 or 1) of a tile's rows that a Gaussian reaches, and the one after the last."""
    middle = x0 + _F(HALF)
    left = 0 if record[0] - record[10] < middle else 1
    right = 2 if record[0] + record[10] > middle else 1
    return left, right


@njit(**_fast)
@no_type_check
def blend(tiles, columns, starts, entries, records, background, alpha_max, alpha_min, stop, colors, alphas, depths):
    """Blend the given tiles into colours (3, h, w), alphas (h, w) and expected depths (h, w)."""
    height, width = alphas.shape
    # Planes of a tile: transmittance (0 for a complete pixel), red, green, blue, depth, alpha.
    state = np.empty(6 * 256, np.float32)
    for tile in tiles:
        y0, x0 = TILE * (tile // columns), TILE * (tile % columns)
        state[:256] = _ONE
        state[256:] = _ZERO
        for nth in range(starts[tile + 1] - starts[tile]):
            if nth % _STOP_INTERVAL == _STOP_INTERVAL - 1 and _all_stopped(state):
                break
            record = records[entries[starts[tile] + nth]]
            dx, dy = record[0] - _F(x0) - _HALF, record[1] - _F(y0) - _HALF
            s0, s1, s2, opacity = record[2], record[3], record[4], record[5]
            red, green, blue, depth = record[6], record[7], record[8], record[9]
            first, last = _rows(record, _F(y0))
            left, right = _halves(record, _F(x0))
            for row in range(first, last):
                down = s2 * (dy - _F(row))
                down *= down
                for half in range(left, right):
                    base = np.uint64(TILE * row + HALF * half)
                    across = s0 * (dx - _F(HALF * half)) + s1 * (dy - _F(row))
                    for column in range(HALF):
                        i = base + np.uint64(column)
                        u = across - s0 * _F(column)
                        alpha = min(opacity * _exp2(-(u * u + down)), alpha_max)
                        alpha = alpha if alpha >= alpha_min else _ZERO
                        before = state[i]
                        after = before * (_ONE - alpha)
                        taken = after > stop
                        weight = alpha * before if taken else _ZERO
                        state[i] = after if taken else _ZERO
                        state[i + np.uint64(256)] += weight * red
                        state[i + np.uint64(512)] += weight * green
                        state[i + np.uint64(768)] += weight * blue
                        state[i + np.uint64(1024)] += weight * depth
                        state[i + np.uint64(1280)] += weight
        for row in range(min(TILE, height - y0)):
            for column in range(min(TILE, width - x0)):
                i = TILE * row + column
                alpha = state[1280 + i]
                y, x = y0 + row, x0 + column
                alphas[y, x] = alpha
                depths[y, x] = state[1024 + i] / alpha if alpha > _ZERO else _ZERO
                for c in range(3):
                    colors[c, y, x] = state[256 * (c + 1) + i] + (_ONE - alpha) * background[c]


@njit(**_fast)
@no_type_check
def blend_backward(
    tiles,
    columns,
    starts,
    entries,
    records,
    background,
    alpha_max,
    alpha_min,
    stop,
    colors,
    alphas,
    depths,
    g_colors,
    g_alphas,
    g_depths,
    boxes,
    offsets,
    partials,
    g_background,
):
    """Partial gradients of the given tiles: per Gaussian and tile, and of the background per tile.

    A second pass front to back: with q the product of a Gaussian's features and the pixel's gradient,
    dL/dalpha = transmittance q - (sum of weight q over the Gaussians behind) / (1 - alpha).
    """
    height, width = alphas.shape
    # Planes of a tile: transmittance, the sum of weight q still to come, and the gradients of the accumulated features.
    state = np.empty(7 * 256, np.float32)
    # Sums over rows, per column: r, r dy, r dy^2, and the gradients of red, green, blue, depth.
    sums = np.empty(7 * TILE, np.float32)
    for tile in tiles:
        y0, x0 = TILE * (tile // columns), TILE * (tile % columns)
        state[:] = _ZERO
        for c in range(3):
            g_background[tile, c] = _ZERO
        for row in range(min(TILE, height - y0)):
            for column in range(min(TILE, width - x0)):
                i = TILE * row + column
                y, x = y0 + row, x0 + column
                alpha, depth = alphas[y, x], depths[y, x]
                g_depth = g_depths[y, x] / alpha if alpha > _ZERO else _ZERO
                g_alpha = g_alphas[y, x] - g_depth * depth
                to_come = g_depth * depth * alpha
                for c in range(3):
                    g = g_colors[c, y, x]
                    g_alpha -= g * background[c]
                    to_come += g * (colors[c, y, x] - (_ONE - alpha) * background[c])
                    g_background[tile, c] += g * (_ONE - alpha)
                    state[256 * (c + 2) + i] = g
                state[i] = _ONE
                state[256 + i] = to_come + g_alpha * alpha
                state[1280 + i] = g_depth
                state[1536 + i] = g_alpha
        for nth in range(starts[tile + 1] - starts[tile]):
            if nth % _STOP_INTERVAL == _STOP_INTERVAL - 1 and _all_stopped(state):
                break
            entry = entries[starts[tile] + nth]
            record = records[entry]
            dx, dy = record[0] - _F(x0) - _HALF, record[1] - _F(y0) - _HALF
            s0, s1, s2, opacity = record[2], record[3], record[4], record[5]
            red, green, blue, depth = record[6], record[7], record[8], record[9]
            first, last = _rows(record, _F(y0))
            sums[:] = _ZERO
            for row in range(first, last):
                offset = dy - _F(row)
                down = s2 * offset
                down *= down
                across = s0 * dx + s1 * offset
                base = np.uint64(TILE * row)
                for column in range(TILE):
                    j = np.uint64(column)
                    i = base + j
                    u = across - s0 * _F(column)
                    raw = opacity * _exp2(-(u * u + down))
                    alpha = min(raw, alpha_max)
                    alpha = alpha if alpha >= alpha_min else _ZERO
                    before = state[i]
                    after = before * (_ONE - alpha)
                    taken = after > stop
                    weight = alpha * before if taken else _ZERO
                    state[i] = after if taken else _ZERO
                    g_red, g_green, g_blue = (
                        state[i + np.uint64(512)],
                        state[i + np.uint64(768)],
                        state[i + np.uint64(1024)],
                    )
                    g_depth = state[i + np.uint64(1280)]
                    q = g_red * red + g_green * green + g_blue * blue + g_depth * depth + state[i + np.uint64(1536)]
                    behind = state[i + np.uint64(256)] - weight * q
                    state[i + np.uint64(256)] = behind
                    r = weight * q - alpha * behind / (_ONE - alpha)
                    r = r if taken and raw <= alpha_max else _ZERO
                    sums[j] += r
                    sums[j + np.uint64(16)] += r * offset
                    sums[j + np.uint64(32)] += r * offset * offset
                    sums[j + np.uint64(48)] += weight * g_red
                    sums[j + np.uint64(64)] += weight * g_green
                    sums[j + np.uint64(80)] += weight * g_blue
                    sums[j + np.uint64(96)] += weight * g_depth
            box = boxes[entry]
            slot = offsets[entry] + (y0 // TILE - box[1]) * (box[2] - box[0]) + x0 // TILE - box[0]
            partial = partials[slot]
            r_sum, x_sum, y_sum, xx_sum, xy_sum, yy_sum = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
            red_sum, green_sum, blue_sum, depth_sum = _ZERO, _ZERO, _ZERO, _ZERO
            for column in range(TILE):
                offset = dx - _F(column)
                r, ry = sums[column], sums[column + 16]
                r_sum += r
                x_sum += r * offset
                y_sum += ry
                xx_sum += r * offset * offset
                xy_sum += ry * offset
                yy_sum += sums[column + 32]
                red_sum += sums[column + 48]
                green_sum += sums[column + 64]
                blue_sum += sums[column + 80]
                depth_sum += sums[column + 96]
            partial[0], partial[1], partial[2] = r_sum, x_sum, y_sum
            partial[3], partial[4], partial[5] = xx_sum, xy_sum, yy_sum
            partial[6], partial[7], partial[8], partial[9] = red_sum, green_sum, blue_sum, depth_sum
