"""Numba kernels that project Gaussians, and compute the gradients of the projection; projection.py has the formulas.

Geometry is computed in float64, one Gaussian at a time, and stored in float32. A kernel works on a range of the used
Gaussians and writes only their own entries, so ranges may run in parallel. Kernels that call each other must be in one
file: Numba's cache does not notice changes in other files.
"""

from math import ceil, floor, log, sqrt
from typing import NamedTuple, no_type_check

import numpy as np
from numba import njit

RECORD = 12
"""Numbers of a projected Gaussian that blending uses: x and y of its mean in pixels, three numbers s of its shape,
opacity, RGB, depth, and its horizontal and vertical reach in pixels. With d = mean - pixel centre,
(s0 dx + s1 dy)^2 + (s2 dy)^2 = sigma log2(e): a sum of squares, exact for needles, ready for exp2."""
PARTIAL = 10
"""Numbers that the gradient of blending returns per Gaussian and tile. With r = dL/dalpha alpha, the sums over pixels
of r, r dx, r dy, r dx^2, r dx dy, r dy^2, and the gradients of RGB and depth."""
_LOG2E_HALF = 0.5 / log(2.0)
_TILE = 16  # Equal to numba_blend.TILE, not imported: Numba's cache would not notice a change in another file
_SLACK = 1e-3
"""Added to the reach of a Gaussian, pixels, against rounding in float32; chosen by hand. Pixels beyond the true reach
fail the test of alpha."""

_options = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract"}}


class Rules(NamedTuple):
    """The part of `Semantics` that projection uses."""

    alpha_min: float
    dilation: float
    near: float
    antialiased: bool
    square: bool
    symmetric: bool


@njit(**_options)
@no_type_check
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(**_options)
@no_type_check
def _cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(**_options)
@no_type_check
def _mix(p, a, q, b):
    return p * a[0] + q * b[0], p * a[1] + q * b[1], p * a[2] + q * b[2]


@njit(**_options)
@no_type_check
def _row(matrix, i):
    return matrix[i, 0], matrix[i, 1], matrix[i, 2]


@njit(**_options)
@no_type_check
def _normalised(quaternions, i):
    w, x = np.float64(quaternions[i, 0]), np.float64(quaternions[i, 1])
    y, z = np.float64(quaternions[i, 2]), np.float64(quaternions[i, 3])
    norm = max(sqrt(w * w + x * x + y * y + z * z), 1e-12)
    return w / norm, x / norm, y / norm, z / norm, norm


@njit(**_options)
@no_type_check
def _axes(w, x, y, z):
    """The three axes after rotation by a unit quaternion."""
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
        (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
        (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)),
    )


@njit(**_options)
@no_type_check
def _local(means, i, pose):
    """The mean of a Gaussian in the camera's frame."""
    mean = np.float64(means[i, 0]), np.float64(means[i, 1]), np.float64(means[i, 2])
    return (
        _dot(_row(pose, 0), mean) + pose[0, 3],
        _dot(_row(pose, 1), mean) + pose[1, 3],
        _dot(_row(pose, 2), mean) + pose[2, 3],
    )


@njit(**_options)
@no_type_check
def _limits(k, axis, extent, symmetric):
    """The range of slopes to which the Jacobian is clamped."""
    tangent = extent / (2 * k[axis, axis])
    if symmetric:
        return -1.3 * tangent, 1.3 * tangent
    centre = k[axis, 2]
    return -centre / k[axis, axis] - 0.3 * tangent, (extent - centre) / k[axis, axis] + 0.3 * tangent


@njit(**_options)
@no_type_check
def _jacobian(k, axis, u, v, z):
    """One row of d(pixel)/d(local point) at the slopes u and v."""
    return k[axis, 0] / z, k[axis, 1] / z, -(k[axis, 0] * u + k[axis, 1] * v) / z


@njit(**_options)
@no_type_check
def _turned(row, pose):
    """A row vector times the camera's rotation."""
    return (
        row[0] * pose[0, 0] + row[1] * pose[1, 0] + row[2] * pose[2, 0],
        row[0] * pose[0, 1] + row[1] * pose[1, 1] + row[2] * pose[2, 1],
        row[0] * pose[0, 2] + row[1] * pose[1, 2] + row[2] * pose[2, 2],
    )


@njit(**_options)
@no_type_check
def _shape(point, axes, scale, k, pose, width, height, symmetric):
    """The rows of the factor of the projected covariance, and the intermediate values that their gradients use."""
    x, y, z = point
    low_u, high_u = _limits(k, 0, width, symmetric)
    low_v, high_v = _limits(k, 1, height, symmetric)
    u, v = min(max(x / z, low_u), high_u), min(max(y / z, low_v), high_v)
    p0, p1 = _turned(_jacobian(k, 0, u, v, z), pose), _turned(_jacobian(k, 1, u, v, z), pose)
    t0 = _dot(p0, axes[0]), _dot(p0, axes[1]), _dot(p0, axes[2])
    t1 = _dot(p1, axes[0]), _dot(p1, axes[1]), _dot(p1, axes[2])
    b0 = t0[0] * scale[0], t0[1] * scale[1], t0[2] * scale[2]
    b1 = t1[0] * scale[0], t1[1] * scale[1], t1[2] * scale[2]
    return b0, b1, t0, t1, p0, p1, u, v


@njit(**_options)
@no_type_check
def project(
    begin, end, used, means, quaternions, scales, opacities, colors, k, pose, width, height, rules, records, boxes
):
    """Fill the records and the tile boxes (x0, y0, x1, y1; empty if invisible) of used Gaussians begin to end."""
    columns, rows = -(-width // _TILE), -(-height // _TILE)
    for entry in range(begin, end):
        boxes[entry] = 0
        i = used[entry]
        point = _local(means, i, pose)
        z = point[2]
        if not z >= rules.near:
            continue
        qw, qx, qy, qz, _ = _normalised(quaternions, i)
        scale = np.float64(scales[i, 0]), np.float64(scales[i, 1]), np.float64(scales[i, 2])
        b0, b1, _, _, _, _, _, _ = _shape(point, _axes(qw, qx, qy, qz), scale, k, pose, width, height, rules.symmetric)
        xx, xy, yy = _dot(b0, b0), _dot(b0, b1), _dot(b1, b1)
        normal = _cross(b0, b1)
        area = _dot(normal, normal)
        determinant = area + rules.dilation * (xx + yy) + rules.dilation * rules.dilation
        if not determinant > 0:
            continue
        xx, yy = xx + rules.dilation, yy + rules.dilation
        opacity = np.float64(opacities[i])
        if rules.antialiased:
            opacity *= sqrt(area / determinant)
        if not opacity >= rules.alpha_min:
            continue
        slope_x, slope_y = point[0] / z, point[1] / z
        px = k[0, 0] * slope_x + k[0, 1] * slope_y + k[0, 2]
        py = k[1, 0] * slope_x + k[1, 1] * slope_y + k[1, 2]
        reach = sqrt(2 * log(opacity / rules.alpha_min))
        reach_x, reach_y = reach * sqrt(xx) + _SLACK, reach * sqrt(yy) + _SLACK

        x0 = ceil(min(max(px - reach_x - 0.5, 0.0), width)) // _TILE
        y0 = ceil(min(max(py - reach_y - 0.5, 0.0), height)) // _TILE
        x1 = (floor(min(max(px + reach_x - 0.5, -1.0), width - 1)) + _TILE) // _TILE
        y1 = (floor(min(max(py + reach_y - 0.5, -1.0), height - 1)) + _TILE) // _TILE
        if rules.square:
            middle = (xx + yy) / 2
            radius = ceil(3 * sqrt(middle + sqrt(max(middle * middle - determinant, 0.1))))
            left, top = px - 0.5 - radius, py - 0.5 - radius
            right, bottom = px - 0.5 + radius + _TILE - 1, py - 0.5 + radius + _TILE - 1
            x0 = max(x0, floor(min(max(left / _TILE, 0.0), columns)))
            y0 = max(y0, floor(min(max(top / _TILE, 0.0), rows)))
            x1 = min(x1, floor(min(max(right / _TILE, 0.0), columns)))
            y1 = min(y1, floor(min(max(bottom / _TILE, 0.0), rows)))
        if x0 >= x1 or y0 >= y1:
            continue
        boxes[entry, 0], boxes[entry, 1], boxes[entry, 2], boxes[entry, 3] = x0, y0, x1, y1

        record = records[entry]
        record[0], record[1] = px, py
        record[2] = sqrt(_LOG2E_HALF * yy / determinant)
        record[3] = -xy * sqrt(_LOG2E_HALF / (yy * determinant))
        record[4] = sqrt(_LOG2E_HALF / yy)
        record[5] = opacity
        record[6], record[7], record[8] = colors[i, 0], colors[i, 1], colors[i, 2]
        record[9] = z
        record[10], record[11] = reach_x, reach_y


@njit(**_options)
@no_type_check
def project_backward(
    begin, end, used, means, quaternions, scales, opacities, k, pose, width, height, rules, partials, offsets, gradients
):
    """Sum the partial gradients of each Gaussian over its tiles, in order, and compute those of its parameters."""
    g_means, g_quaternions, g_scales, g_opacities, g_colors = gradients
    total = np.empty(PARTIAL)
    for entry in range(begin, end):
        if offsets[entry] == offsets[entry + 1]:
            continue
        total[:] = 0
        for slot in range(offsets[entry], offsets[entry + 1]):
            for j in range(PARTIAL):
                total[j] += partials[slot, j]
        i = used[entry]
        point = _local(means, i, pose)
        z = point[2]
        qw, qx, qy, qz, norm = _normalised(quaternions, i)
        scale = np.float64(scales[i, 0]), np.float64(scales[i, 1]), np.float64(scales[i, 2])
        axes = _axes(qw, qx, qy, qz)
        b0, b1, t0, t1, p0, p1, u, v = _shape(point, axes, scale, k, pose, width, height, rules.symmetric)
        xx, xy, yy = _dot(b0, b0), _dot(b0, b1), _dot(b1, b1)
        normal = _cross(b0, b1)
        root = sqrt(_dot(normal, normal))
        determinant = root * root + rules.dilation * (xx + yy) + rules.dilation * rules.dilation
        conic0 = (yy + rules.dilation) / determinant
        conic1 = -xy / determinant
        conic2 = (xx + rules.dilation) / determinant

        # Of the projected mean, conic, opacity; then of the determinant, the covariance and its factor's rows.
        g_px = -(conic0 * total[1] + conic1 * total[2])
        g_py = -(conic1 * total[1] + conic2 * total[2])
        g0, g1, g2 = -total[3] / 2, -total[4], -total[5] / 2
        g_determinant = -(g0 * conic0 + g1 * conic1 + g2 * conic2) / determinant
        g_root = 0.0
        g_opacities[i] = total[0] / opacities[i]
        if rules.antialiased:
            # total[0] is the gradient of the logarithm of the compensated opacity.
            g_root = total[0] / root
            g_determinant -= total[0] / (2 * determinant)
        g_root += 2 * root * g_determinant
        g_xx, g_yy = (
            g2 / determinant + rules.dilation * g_determinant,
            g0 / determinant + rules.dilation * g_determinant,
        )
        g_xy = -g1 / determinant
        factor = g_root / root if root > 0 else 0.0
        g_normal = factor * normal[0], factor * normal[1], factor * normal[2]
        g_b0 = _mix(1.0, _mix(2 * g_xx, b0, g_xy, b1), 1.0, _cross(b1, g_normal))
        g_b1 = _mix(1.0, _mix(2 * g_yy, b1, g_xy, b0), 1.0, _cross(g_normal, b0))

        # Of the scales, the axes and the projection's rows.
        f0 = g_b0[0] * scale[0], g_b0[1] * scale[1], g_b0[2] * scale[2]
        f1 = g_b1[0] * scale[0], g_b1[1] * scale[1], g_b1[2] * scale[2]
        for j in range(3):
            g_scales[i, j] = g_b0[j] * t0[j] + g_b1[j] * t1[j]
        a = _mix(f0[0], p0, f1[0], p1)
        b = _mix(f0[1], p0, f1[1], p1)
        c = _mix(f0[2], p0, f1[2], p1)
        g_w = 2 * (qz * (a[1] - b[0]) + qy * (c[0] - a[2]) + qx * (b[2] - c[1]))
        g_x = 2 * (qy * (a[1] + b[0]) + qz * (a[2] + c[0]) + qw * (b[2] - c[1]) - 2 * qx * (b[1] + c[2]))
        g_y = 2 * (qx * (a[1] + b[0]) + qw * (c[0] - a[2]) + qz * (b[2] + c[1]) - 2 * qy * (a[0] + c[2]))
        g_z = 2 * (qw * (a[1] - b[0]) + qx * (a[2] + c[0]) + qy * (b[2] + c[1]) - 2 * qz * (a[0] + b[1]))
        along = qw * g_w + qx * g_x + qy * g_y + qz * g_z
        g_quaternions[i, 0] = (g_w - qw * along) / norm
        g_quaternions[i, 1] = (g_x - qx * along) / norm
        g_quaternions[i, 2] = (g_y - qy * along) / norm
        g_quaternions[i, 3] = (g_z - qz * along) / norm

        # Of the mean: through its pixel, its depth, and the Jacobian.
        g_p0 = _mix(1.0, _mix(f0[0], axes[0], f0[1], axes[1]), f0[2], axes[2])
        g_p1 = _mix(1.0, _mix(f1[0], axes[0], f1[1], axes[1]), f1[2], axes[2])
        slide0, slide1 = _dot(g_p0, _row(pose, 2)), _dot(g_p1, _row(pose, 2))
        slope_x, slope_y = point[0] / z, point[1] / z
        g_u = k[0, 0] * g_px + k[1, 0] * g_py
        g_v = k[0, 1] * g_px + k[1, 1] * g_py
        if slope_x == u:
            g_u -= (slide0 * k[0, 0] + slide1 * k[1, 0]) / z
        if slope_y == v:
            g_v -= (slide0 * k[0, 1] + slide1 * k[1, 1]) / z
        # The rows of the Jacobian are inversely proportional to the depth.
        g_depth = total[9] - (_dot(g_p0, p0) + _dot(g_p1, p1)) / z - (g_u * slope_x + g_v * slope_y) / z
        for j in range(3):
            g_means[i, j] = (g_u * pose[0, j] + g_v * pose[1, j]) / z + g_depth * pose[2, j]
            g_colors[i, j] = total[6 + j]
