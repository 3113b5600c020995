"""Texture lookups for the kernels of rooms, as `lookup` makes them in torch."""

import math
from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from posegaussian.synthetic.rooms.panorama import HEIGHT, HIGHEST, LOWEST, WIDTH
from posegaussian.synthetic.rooms.patterns import SIZE

_SIZE, _HEIGHT, _WIDTH, _HIGHEST, _LOWEST, _PI = (
    tl.constexpr(value) for value in (SIZE, HEIGHT, WIDTH, HIGHEST, LOWEST, math.pi)
)


@triton.jit
@no_type_check
def bilinear(texels, starts, layer, u, v, level, hit):
    """Three channels of the atlas in one level; see `lookup.Pyramid`."""
    size = _SIZE >> level
    x, y = u * size - 0.5, v * size - 0.5
    left, top = tl.floor(x), tl.floor(y)
    fx, fy = x - left, y - top
    mask = size - 1
    column, line = left.to(tl.int32) & mask, top.to(tl.int32) & mask
    right, below = (column + 1) & mask, (line + 1) & mask
    first = tl.load(starts + level, mask=hit, other=0) + layer * size * size
    ar, ag, ab = _texel(texels + first + line * size + column, hit)
    br, bg, bb = _texel(texels + first + line * size + right, hit)
    cr, cg, cb = _texel(texels + first + below * size + column, hit)
    dr, dg, db = _texel(texels + first + below * size + right, hit)
    return (
        (ar * (1 - fx) + br * fx) * (1 - fy) + (cr * (1 - fx) + dr * fx) * fy,
        (ag * (1 - fx) + bg * fx) * (1 - fy) + (cg * (1 - fx) + dg * fx) * fy,
        (ab * (1 - fx) + bb * fx) * (1 - fy) + (cb * (1 - fx) + db * fx) * fy,
    )


@triton.jit
@no_type_check
def _texel(place, hit):
    """Three bytes as floats."""
    value = tl.load(place, mask=hit, other=0)
    return (value & 255).to(tl.float32), ((value >> 8) & 255).to(tl.float32), ((value >> 16) & 255).to(tl.float32)


@triton.jit
@no_type_check
def far_away(far, x, y, z, turn, missed):
    """RGB of the panorama in some directions; see `lookup.far_away`."""
    tangent = tl.math.div_rn(z, tl.maximum(tl.sqrt_rn(x * x + y * y), 1e-4))
    tangent = tl.minimum(tl.maximum(tangent, _LOWEST), _HIGHEST)
    column = (_atan2(y, x) + turn) * (_WIDTH / (2 * _PI)) - 0.5
    row = (_HIGHEST - tangent) * ((_HEIGHT - 1) / (_HIGHEST - _LOWEST))
    left, top = tl.floor(column), tl.minimum(tl.maximum(tl.floor(row), 0.0), _HEIGHT - 2.0)
    fx, fy = column - left, row - top
    first = (left.to(tl.int32) + 4 * _WIDTH) % _WIDTH
    second, start = (first + 1) % _WIDTH, top.to(tl.int32) * _WIDTH
    ar, ag, ab = _texel(far + start + first, missed)
    br, bg, bb = _texel(far + start + second, missed)
    cr, cg, cb = _texel(far + start + _WIDTH + first, missed)
    dr, dg, db = _texel(far + start + _WIDTH + second, missed)
    return (
        ((ar * (1 - fx) + br * fx) * (1 - fy) + (cr * (1 - fx) + dr * fx) * fy) / 255,
        ((ag * (1 - fx) + bg * fx) * (1 - fy) + (cg * (1 - fx) + dg * fx) * fy) / 255,
        ((ab * (1 - fx) + bb * fx) * (1 - fy) + (cb * (1 - fx) + db * fx) * fy) / 255,
    )


@triton.jit
@no_type_check
def _atan2(y, x):
    """Angle of a direction, radians, off by up to 3e-7: Abramowitz and Stegun, 4.4.49, for the smaller side."""
    a, b = tl.abs(x), tl.abs(y)
    t = tl.math.div_rn(tl.minimum(a, b), tl.maximum(tl.maximum(a, b), 1e-20))
    q = t * t
    angle = -0.0161657367 + 0.0028662257 * q
    angle = 0.0429096138 + angle * q
    angle = -0.0752896400 + angle * q
    angle = 0.1065626393 + angle * q
    angle = -0.1420889944 + angle * q
    angle = 0.1999355085 + angle * q
    angle = -0.3333314528 + angle * q
    angle = t * (1 + angle * q)
    angle = tl.where(b > a, 0.5 * _PI - angle, angle)
    angle = tl.where(x < 0, _PI - angle, angle)
    return tl.where(y < 0, -angle, angle)
