"""Colours of a room on CUDA: one Triton kernel shades the samples of every pixel.

It does the float32 operations of `shading.shade_images` and `view.view_room` in their order and unfused, so colours
agree with the CPU's to rounding.
"""

from typing import no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float16, Float32, Int32
from torch import Tensor

from posegaussian.synthetic.renderer.kernels import launch_options, three
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.lookup import COARSEST, panorama_on, pyramid
from posegaussian.synthetic.rooms.lookup_triton import bilinear, far_away
from posegaussian.synthetic.rooms.patterns import SIZE
from posegaussian.synthetic.rooms.shading import LEAST_SLANT
from posegaussian.synthetic.rooms.textures import FULL
from posegaussian.types import Camera

TILE = (8, 16)
"""Rows and columns of pixels per Triton program, as for people."""
_SIZE, _COARSEST, _FULL, _LEAST_SLANT = (tl.constexpr(value) for value in (SIZE, COARSEST, FULL, LEAST_SLANT))
_FAR = tl.constexpr(1e3)

Shaded = tuple[
    Float16[Tensor, "n hs ws 3"], Float16[Tensor, "n h w 3"], Float32[Tensor, "n h w 3"], Float32[Tensor, "n h w 3"]
]


def shade_view(
    lit: LitRoom, dense: Camera, eye: Float32[Tensor, "n 3"], face: Int32[Tensor, "n hs ws"],
    depth: Float32[Tensor, "n hs ws"],
) -> Shaded:  # fmt: skip
    """Colours at the samples, share of the first lamp, places and normals of the pixels; see `view.RoomView`.

    Args:
        lit: the room.
        dense: cameras whose pixels are the samples.
        eye: their centres.
        face: triangle at each sample, -1 where there is none.
        depth: at each sample.
    """
    room, (count, rows, columns) = lit.room, face.shape
    height, width = rows // 2, columns // 2
    colours = torch.empty((*face.shape, 3), dtype=torch.float16, device=face.device)
    key = torch.empty((count, height, width, 3), dtype=torch.float16, device=face.device)
    points, normals = depth.new_empty((2, count, height, width, 3))
    texels = pyramid(face.device, room.surface)
    grid = triton.cdiv(width, TILE[1]), triton.cdiv(height, TILE[0]), count
    tensors = (
        *(colours, key, points, normals, face, depth, lit.mesh.panel, room.rows, room.colours, room.surface),
        *(lit.light, texels.texels.view(torch.int32), texels.starts, room.panorama),
        *(panorama_on(room.panorama_number, face.device).view(torch.int32), room.fixtures.decoding),
        *(room.fixtures.strengths, eye.contiguous(), dense.intrinsics.contiguous(), dense.world_to_camera.contiguous()),
    )
    _shade_view[grid](*tensors, width, height, room.open, *TILE, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return colours, key, points, normals


@triton.jit
@no_type_check
def _shade_view(
    colours, key, points, normals, face, depth, panels, rows, materials, surfaces,
    light, texels, starts, panorama, far, decoding, strengths, eyes, lens, pose,
    width, height, OPEN: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2)
    offset = tl.arange(0, ROWS * COLUMNS)
    column = tl.program_id(0) * COLUMNS + offset % COLUMNS
    row = tl.program_id(1) * ROWS + offset // COLUMNS
    real = (column < width) & (row < height)
    start = image.to(tl.int64) * (4 * width * height)
    corner = start + 2 * row * (2 * width) + 2 * column
    lens, pose = lens + 9 * image, pose + 16 * image
    p0, n0 = _panel(face, depth, panels, corner, real)
    p1, n1 = _panel(face, depth, panels, corner + 1, real)
    p2, n2 = _panel(face, depth, panels, corner + 2 * width, real)
    p3, n3 = _panel(face, depth, panels, corner + 2 * width + 1, real)
    same = (p0 == p1) & (p0 == p2) & (p0 == p3)
    middle = tl.math.div_rn(1.0, tl.maximum((n0 + n1 + n2 + n3) / 4, 1e-9))
    x, y = 2.0 * column + 0.5, 2.0 * row + 0.5
    ax, ay, az = _ray(lens, pose, x, y)
    bx, by, bz = _ray(lens, pose, x + 1, y)
    cx, cy, cz = _ray(lens, pose, x, y + 1)
    dx, dy, dz = _ray(lens, pose, x + 1, y + 1)
    mx, my, mz = (ax + bx + cx + dx) / 4, (ay + by + cy + dy) / 4, (az + bz + cz + dz) / 4
    ex, ey, ez = three(eyes, image)
    spacing = tl.math.div_rn(1.0, tl.load(lens))

    near = tl.load(depth + corner, mask=real, other=0.0)
    hit = p0 >= 0
    place = image.to(tl.int64) * width * height + row * width + column
    _store(points, place, real, tl.where(hit, ex + ax * near, _FAR), tl.where(hit, ey + ay * near, _FAR),
           tl.where(hit, ez + az * near, _FAR))  # fmt: skip
    first = rows + 20 * tl.maximum(p0, 0)
    nx, ny, nz = _vector(first + 9, real)
    side = tl.where(nx * ax + ny * ay + nz * az > 0, -1.0, 1.0)
    _store(normals, place, real, side * nx, side * ny, side * nz)

    whole_r, whole_g, whole_b = x * 0.0, x * 0.0, x * 0.0
    key_r, key_g, key_b = x * 0.0, x * 0.0, x * 0.0
    sum_r, sum_g, sum_b, sum_kr, sum_kg, sum_kb = x * 0.0, x * 0.0, x * 0.0, x * 0.0, x * 0.0, x * 0.0
    for sample in range(0, 4):
        active = real & ((sample == 0) | (~same))
        r, g, b, kr, kg, kb = whole_r, whole_g, whole_b, key_r, key_g, key_b
        if tl.max(active.to(tl.int32), axis=0) > 0:
            at = corner + sample // 2 * (2 * width) + sample % 2
            panel, _ = _panel(face, depth, panels, at, active)
            distance = tl.where(same, middle, tl.load(depth + at, mask=active, other=0.0))
            rx, ry, rz = _ray(lens, pose, x + sample % 2, y + sample // 2)
            rx, ry, rz = tl.where(same, mx, rx), tl.where(same, my, ry), tl.where(same, mz, rz)
            wide = tl.where(same, 2 * spacing, spacing)
            r, g, b, kr, kg, kb = _shade(
                panel, distance, rx, ry, rz, ex, ey, ez, wide, rows, materials, surfaces, light, texels, starts,
                panorama, far, decoding, strengths, active, OPEN,
            )  # fmt: skip
            whole_r, whole_g, whole_b = (
                tl.where(sample == 0, r, whole_r), tl.where(sample == 0, g, whole_g), tl.where(sample == 0, b, whole_b),
            )  # fmt: skip
            key_r, key_g, key_b = (
                tl.where(sample == 0, kr, key_r), tl.where(sample == 0, kg, key_g), tl.where(sample == 0, kb, key_b),
            )  # fmt: skip
        r, g, b = tl.where(same, whole_r, r), tl.where(same, whole_g, g), tl.where(same, whole_b, b)
        kr, kg, kb = tl.where(same, key_r, kr), tl.where(same, key_g, kg), tl.where(same, key_b, kb)
        r, g, b = r + kr, g + kg, b + kb
        _store(colours, corner + sample // 2 * (2 * width) + sample % 2, real, r, g, b)
        sum_r, sum_g, sum_b = sum_r + r, sum_g + g, sum_b + b
        sum_kr, sum_kg, sum_kb = sum_kr + kr, sum_kg + kg, sum_kb + kb
    _store(key, place, real, _share(sum_kr, sum_r), _share(sum_kg, sum_g), _share(sum_kb, sum_b))


@triton.jit
@no_type_check
def _share(part, whole):
    """Share of a mean over four samples in another one."""
    return tl.math.div_rn(part / 4, tl.maximum(whole / 4, 1e-6))


@triton.jit
@no_type_check
def _panel(face, depth, panels, place, real):
    """Panel at a sample, -1 where there is none, and inverse depth, 0 there."""
    triangle = tl.load(face + place, mask=real, other=-1)
    hit = triangle >= 0
    near = tl.load(depth + place, mask=real, other=0.0)
    panel = tl.load(panels + triangle, mask=hit, other=-1).to(tl.int32)
    return panel, tl.where(near > 0, tl.math.div_rn(1.0, tl.where(near > 0, near, 1.0)), 0.0)


@triton.jit
@no_type_check
def _ray(lens, pose, x, y):
    """Direction of a sample in the world, of unit depth; see `view.pinhole_rays`."""
    down = tl.math.div_rn(y - tl.load(lens + 5), tl.load(lens + 4))
    across = tl.math.div_rn(x - tl.load(lens + 2) - tl.load(lens + 1) * down, tl.load(lens))
    return (
        across * tl.load(pose) + down * tl.load(pose + 4) + tl.load(pose + 8),
        across * tl.load(pose + 1) + down * tl.load(pose + 5) + tl.load(pose + 9),
        across * tl.load(pose + 2) + down * tl.load(pose + 6) + tl.load(pose + 10),
    )


@triton.jit
@no_type_check
def _vector(values, real):
    return (
        tl.load(values, mask=real, other=0.0),
        tl.load(values + 1, mask=real, other=0.0),
        tl.load(values + 2, mask=real, other=0.0),
    )


@triton.jit
@no_type_check
def _store(values, place, real, x, y, z):
    kind = values.dtype.element_ty
    tl.store(values + 3 * place, x.to(kind), mask=real)
    tl.store(values + 3 * place + 1, y.to(kind), mask=real)
    tl.store(values + 3 * place + 2, z.to(kind), mask=real)


@triton.jit
@no_type_check
def _shade(
    panel, depth, rx, ry, rz, ex, ey, ez, spacing, rows, materials, surfaces, light, texels, starts,
    panorama, far, decoding, strengths, active, OPEN: tl.constexpr,
):  # fmt: skip
    """RGB of all light but the first lamp's, and of the first lamp's; see `shading._shade`."""
    hit = active & (panel >= 0)
    row = rows + 20 * tl.maximum(panel, 0)
    px, py, pz = _vector(row, hit)
    px, py, pz = ex + rx * depth - px, ey + ry * depth - py, ez + rz * depth - pz
    ux, uy, uz = _vector(row + 3, hit)
    vx, vy, vz = _vector(row + 6, hit)
    s = tl.minimum(tl.maximum(ux * px + uy * py + uz * pz, 0.0), 1.0)
    t = tl.minimum(tl.maximum(vx * px + vy * py + vz * pz, 0.0), 1.0)
    material = tl.load(row + 19, mask=hit, other=0.0).to(tl.int32)
    surface, colour = surfaces + 4 * material, materials + 9 * material
    period, glow = tl.load(surface + 1, mask=hit, other=1.0), tl.load(surface + 2, mask=hit, other=0.0)
    u = tl.math.div_rn(tl.load(row + 14, mask=hit, other=0.0) + s * tl.load(row + 12, mask=hit, other=0.0), period)
    v = tl.math.div_rn(tl.load(row + 15, mask=hit, other=0.0) + t * tl.load(row + 13, mask=hit, other=0.0), period)
    nx, ny, nz = _vector(row + 9, hit)
    slant = tl.math.div_rn(tl.abs(nx * rx + ny * ry + nz * rz), tl.sqrt_rn(rx * rx + ry * ry + rz * rz))
    root = tl.sqrt_rn(tl.maximum(slant, _LEAST_SLANT))
    footprint = tl.math.div_rn(depth * spacing, root * tl.sqrt_rn(root) * period)
    level = tl.log2(tl.minimum(tl.maximum(footprint * _SIZE, 1.0), _COARSEST))
    low = level.to(tl.int32)
    share = level - low
    layer = tl.load(surface, mask=hit, other=0.0).to(tl.int32)
    br, bg, bb = bilinear(texels, starts, layer, u, v, low, hit)
    cr, cg, cb = bilinear(texels, starts, layer, u, v, low + 1, hit)
    shade = (br * (1 - share) + cr * share) * (1 / _FULL)
    second = (bg * (1 - share) + cg * share) * (1 / 255)
    third = (bb * (1 - share) + cb * share) * (1 / 255)
    f1, f2, f3 = three(decoding, 0)
    r = _mixed(colour, 0, shade, second, third, hit)
    g = _mixed(colour, 1, shade, second, third, hit)
    b = _mixed(colour, 2, shade, second, third, hit)
    r, g, b = r * (f1 + r * (f2 + r * f3)), g * (f1 + g * (f2 + g * f3)), b * (f1 + b * (f2 + b * f3))
    lr, lg, lb, lk = _light(light, row, s, t, hit)
    sr, sg, sb = three(strengths, 0)
    kr, kg, kb = r * (lk * sr), g * (lk * sg), b * (lk * sb)
    r, g, b = r * (lr + glow), g * (lg + glow), b * (lb + glow)
    if OPEN:
        missed = active & (panel < 0)
        if tl.max(missed.to(tl.int32), axis=0) > 0:
            fr, fg, fb = far_away(far, rx, ry, rz, tl.load(panorama), missed)
            fr, fg, fb = (
                fr * (f1 + fr * (f2 + fr * f3)),
                fg * (f1 + fg * (f2 + fg * f3)),
                fb * (f1 + fb * (f2 + fb * f3)),
            )
            bright = tl.load(panorama + 1)
            r, g, b = (
                tl.where(missed, fr * bright, r),
                tl.where(missed, fg * bright, g),
                tl.where(missed, fb * bright, b),
            )
            hit = hit | missed
    r, g, b = tl.where(hit, r, 0.0), tl.where(hit, g, 0.0), tl.where(hit, b, 0.0)
    there = panel >= 0
    return r, g, b, tl.where(there, kr, 0.0), tl.where(there, kg, 0.0), tl.where(there, kb, 0.0)


@triton.jit
@no_type_check
def _mixed(colour, channel, shade, second, third, hit):
    """One channel of a material's colour."""
    a = tl.load(colour + channel, mask=hit, other=0.0)
    a = a + second * (tl.load(colour + 3 + channel, mask=hit, other=0.0) - a)
    return (a + third * (tl.load(colour + 6 + channel, mask=hit, other=0.0) - a)) * shade


@triton.jit
@no_type_check
def _light(light, row, s, t, hit):
    """Baked light between the corners of a panel's cell; see `shading._light`."""
    rows, columns = tl.load(row + 16, mask=hit, other=2.0), tl.load(row + 17, mask=hit, other=2.0)
    x, y = s * (rows - 1), t * (columns - 1)
    i, j = tl.minimum(tl.floor(x), rows - 2), tl.minimum(tl.floor(y), columns - 2)
    fx, fy = x - i, y - j
    wide = columns.to(tl.int32)
    first = tl.load(row + 18, mask=hit, other=0.0).to(tl.int32) + i.to(tl.int32) * wide + j.to(tl.int32)
    ar, ag, ab, ak = _four(light + 4 * first, hit)
    br, bg, bb, bk = _four(light + 4 * (first + 1), hit)
    cr, cg, cb, ck = _four(light + 4 * (first + wide), hit)
    dr, dg, db, dk = _four(light + 4 * (first + wide + 1), hit)
    return (
        _between(ar, br, cr, dr, fx, fy),
        _between(ag, bg, cg, dg, fx, fy),
        _between(ab, bb, cb, db, fx, fy),
        _between(ak, bk, ck, dk, fx, fy),
    )


@triton.jit
@no_type_check
def _four(values, hit):
    a, b, c = _vector(values, hit)
    return a, b, c, tl.load(values + 3, mask=hit, other=0.0)


@triton.jit
@no_type_check
def _between(a, b, c, d, fx, fy):
    return (a * (1 - fy) + b * fy) * (1 - fx) + (c * (1 - fy) + d * fy) * fx
