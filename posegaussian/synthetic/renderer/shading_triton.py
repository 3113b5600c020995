"""Shading on CUDA: one Triton kernel shades the samples of every pixel and averages them.

It does the float32 operations of `shading.shade` and `ShadowMap.visibility` in their order and unfused, so that colours
agree with the CPU's to rounding. Triton compiles it at first use.
"""

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from posegaussian.synthetic.mesh.mesh_colours import SLOPE_SCALE
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.kernels import areas, launch_options, projected, three, vector
from posegaussian.synthetic.renderer.lights import SHADOW_BIAS, SHADOW_EXTENT, SHADOW_TAPS, Lights, ShadowMap
from posegaussian.synthetic.renderer.shading import INNER_SIDE, SKY_GRADIENT, blinn_phong_exponent

TILE = (8, 16)
"""Rows and columns of pixels per Triton program; chosen by hand."""
_SHADOW_BIAS, _SHADOW_EXTENT, _SLOPE_SCALE, _INNER_SIDE, _SKY_GRADIENT = (
    tl.constexpr(value) for value in (SHADOW_BIAS, SHADOW_EXTENT, SLOPE_SCALE, INNER_SIDE, SKY_GRADIENT)
)


def shade_samples(
    points: Float32[Tensor, "n v 3"],
    face: Int32[Tensor, "n hs ws"],
    posed: PosedMesh,
    frame: Int64[Tensor, "n"],
    eye: Float32[Tensor, "n 3"],
    lights: Lights,
    shadows: ShadowMap,
    samples: int,
) -> tuple[Float32[Tensor, "n 3 h w"], Float32[Tensor, "n 1 h w"]]:
    """Colours on black and coverage of n images.

    Args:
        points: vertices in each image, in samples.
        face: the triangle at each sample, -1 where there is none.
        posed: the mesh in t frames.
        frame: the frame that each image shows.
        eye: centre of the camera of each image, metres.
        lights: the light.
        shadows: of the first lamp.
        samples: number of samples per pixel and axis.
    """
    mesh, (count, rows, columns) = posed.mesh, face.shape
    height, width = rows // samples, columns // samples
    colours = points.new_empty((count, 3, height, width))
    coverage = points.new_empty((count, 1, height, width))
    grid = triton.cdiv(width, TILE[1]), triton.cdiv(height, TILE[0]), count
    tensors = (
        *(colours, coverage, points, face, frame, eye.contiguous(), posed.vertices, posed.normals),
        *(mesh.faces, mesh.occlusion, mesh.grids, mesh.starts, mesh.texels),
        *(mesh.material_ids, mesh.gloss, blinn_phong_exponent(mesh.roughness)),
        *(lights.directions, lights.strengths, lights.ambient, lights.softness, lights.decoding),
        *(shadows.depth, shadows.camera.intrinsics.contiguous(), shadows.camera.world_to_camera.contiguous()),
    )
    sizes = points.shape[1], width, height, len(lights.directions), shadows.depth.shape[-1]
    _shade_samples[grid](*tensors, *sizes, samples, SHADOW_TAPS, *TILE, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return colours, coverage


@triton.jit(do_not_specialize=["vertices", "lamps"])
@no_type_check
def _shade_samples(
    colours, coverage, points, face, frames, eyes, places, normals,
    faces, occlusion, grids, starts, texels, material_ids, gloss, exponents,
    directions, strengths, ambient, softness, decoding, shadow, lens, pose,
    vertices, width, height, lamps, shadow_size,
    SAMPLES: tl.constexpr, SHADOW_TAPS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(2)
    offset = tl.arange(0, ROWS * COLUMNS)
    column = tl.program_id(0) * COLUMNS + offset % COLUMNS
    row = tl.program_id(1) * ROWS + offset // COLUMNS
    real = (column < width) & (row < height)
    frame = tl.load(frames + image).to(tl.int32)
    first = frame * vertices
    eye_x, eye_y, eye_z = three(eyes, image)
    first_, second_, third_ = three(decoding, 0)
    red, green, blue, covered = offset * 0.0, offset * 0.0, offset * 0.0, offset * 0.0
    for sample in range(0, SAMPLES * SAMPLES):
        y, x = SAMPLES * row + sample // SAMPLES, SAMPLES * column + sample % SAMPLES
        place = image.to(tl.int64) * (SAMPLES * SAMPLES * width * height) + y * (SAMPLES * width) + x
        triangle = tl.load(face + place, mask=real, other=-1)
        hit = triangle >= 0
        if tl.max(triangle, axis=0) >= 0:
            a = tl.load(faces + 3 * triangle, mask=hit, other=0)
            b = tl.load(faces + 3 * triangle + 1, mask=hit, other=0)
            c = tl.load(faces + 3 * triangle + 2, mask=hit, other=0)
            wa, wb, wc, front = _weights(points, image * vertices, a, b, c, x + 0.5, y + 0.5, hit)
            ax, ay, az = vector(places, first + a, hit)
            bx, by, bz = vector(places, first + b, hit)
            cx, cy, cz = vector(places, first + c, hit)
            px, py, pz = wa * ax + wb * bx + wc * cx, wa * ay + wb * by + wc * cy, wa * az + wb * bz + wc * cz
            nax, nay, naz = vector(normals, first + a, hit)
            nbx, nby, nbz = vector(normals, first + b, hit)
            ncx, ncy, ncz = vector(normals, first + c, hit)
            sx, sy, sz = _unit(
                wa * nax + wb * nbx + wc * ncx, wa * nay + wb * nby + wc * ncy, wa * naz + wb * nbz + wc * ncz
            )
            r, g, bl, slope_along, slope_across = _texel(grids, starts, texels, triangle, wb, wc, hit)
            r = r * (first_ + r * (second_ + r * third_))
            g = g * (first_ + g * (second_ + g * third_))
            bl = bl * (first_ + bl * (second_ + bl * third_))
            ux, uy, uz = bx - ax, by - ay, bz - az
            lean = ux * sx + uy * sy + uz * sz
            ux, uy, uz = _unit(ux - sx * lean, uy - sy * lean, uz - sz * lean)
            vx, vy, vz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
            nx, ny, nz = _unit(
                sx - slope_along * ux - slope_across * vx,
                sy - slope_along * uy - slope_across * vy,
                sz - slope_along * uz - slope_across * vz,
            )
            side = tl.where(front, 1.0, -1.0)
            sx, sy, sz, nx, ny, nz = side * sx, side * sy, side * sz, side * nx, side * ny, side * nz
            open_ = (
                wa * tl.load(occlusion + a, mask=hit, other=0.0)
                + wb * tl.load(occlusion + b, mask=hit, other=0.0)
                + wc * tl.load(occlusion + c, mask=hit, other=0.0)
            )
            lit = lamp_visibility(
                shadow, lens + 9 * frame, pose + 16 * frame, frame, shadow_size, tl.load(softness),
                px + _SHADOW_BIAS * sx, py + _SHADOW_BIAS * sy, pz + _SHADOW_BIAS * sz, hit, SHADOW_TAPS,
            )  # fmt: skip
            material = tl.load(material_ids + triangle, mask=hit, other=0).to(tl.int32)
            shine_of, sharp = (
                tl.load(gloss + material, mask=hit, other=0.0),
                tl.load(exponents + material, mask=hit, other=1.0),
            )
            ex, ey, ez = _unit(eye_x - px, eye_y - py, eye_z - pz)
            sky = (1 + _SKY_GRADIENT * nz) * open_
            dr, dg, db = tl.load(ambient) * sky, tl.load(ambient + 1) * sky, tl.load(ambient + 2) * sky
            hr, hg, hb = dr * 0.0, dr * 0.0, dr * 0.0
            for lamp in range(0, lamps):
                lx, ly, lz = three(directions, lamp)
                kr, kg, kb = three(strengths, lamp)
                level = sx * lx + sy * ly + sz * lz
                facing = tl.maximum(nx * lx + ny * ly + nz * lz, 0.0) * tl.minimum(tl.maximum(4 * level, 0.0), 1.0)
                reach = tl.where(lamp == 0, lit, open_)
                mx, my, mz = ex + lx, ey + ly, ez + lz
                high = tl.math.div_rn(nx * mx + ny * my + nz * mz, tl.sqrt_rn(mx * mx + my * my + mz * mz))
                high = tl.exp2(sharp * tl.log2(tl.maximum(high, 0.0)))
                diffuse, shine = facing * reach, high * tl.where(facing > 0, 1.0, 0.0) * reach
                dr, dg, db = dr + diffuse * kr, dg + diffuse * kg, db + diffuse * kb
                hr, hg, hb = hr + shine * kr, hg + shine * kg, hb + shine * kb
            dim, shine_of = tl.where(front, 1.0, _INNER_SIDE), tl.where(front, shine_of, 0.0)
            red += tl.where(hit, r * dim * dr + shine_of * hr, 0.0)
            green += tl.where(hit, g * dim * dg + shine_of * hg, 0.0)
            blue += tl.where(hit, bl * dim * db + shine_of * hb, 0.0)
            covered += tl.where(hit, 1.0, 0.0)
    total: tl.constexpr = SAMPLES * SAMPLES
    size = width * height
    pixel = row * width + column
    start = colours + image.to(tl.int64) * 3 * size
    tl.store(start + pixel, red / total, mask=real)
    tl.store(start + size + pixel, green / total, mask=real)
    tl.store(start + 2 * size + pixel, blue / total, mask=real)
    tl.store(coverage + image.to(tl.int64) * size + pixel, covered / total, mask=real)


@triton.jit
@no_type_check
def _weights(points, first, a, b, c, x, y, hit):
    """Perspective-correct weights of the corners, and whether the front is seen."""
    ax, ay, aq = vector(points, first + a, hit)
    bx, by, bq = vector(points, first + b, hit)
    cx, cy, cq = vector(points, first + c, hit)
    u, v, w = areas(ax - x, ay - y, bx - x, by - y, cx - x, cy - y)
    front = u + v + w < 0
    u, v, w = u * aq, v * bq, w * cq
    total = tl.where(hit, u + v + w, 1.0)
    return tl.math.div_rn(u, total), tl.math.div_rn(v, total), tl.math.div_rn(w, total), front


@triton.jit
@no_type_check
def _texel(grids, starts, texels, triangle, x, y, hit):
    """Colour and slopes of the relief, linearly between the three nearest samples of the triangle's grid."""
    size = tl.load(grids + triangle, mask=hit, other=1).to(tl.int32)
    first = tl.load(starts + triangle, mask=hit, other=0)
    x, y = x * size, y * size
    i = tl.minimum(tl.maximum(x.to(tl.int32), 0), size - 1)
    j = tl.minimum(tl.maximum(y.to(tl.int32), 0), size - 1 - i)
    x, y = tl.minimum(tl.maximum(x - i, 0.0), 1.0), tl.minimum(tl.maximum(y - j, 0.0), 1.0)
    upper = (x + y > 1) & (i + j < size - 1)
    total = tl.minimum(x + y, 1.0)
    sum_ = tl.maximum(x + y, 1.0)
    over = tl.where(upper, 1, 0)
    p = texels + 5 * (first + (i + over) * (2 * size + 3 - i - over) // 2 + j + over)
    q = texels + 5 * (first + (i + 1) * (2 * size + 2 - i) // 2 + j)
    r = texels + 5 * (first + i * (2 * size + 3 - i) // 2 + j + 1)
    wp = tl.where(upper, x + y - 1, 1 - total)
    wq = tl.where(upper, 1 - y, tl.math.div_rn(x, sum_))
    wr = tl.where(upper, 1 - x, tl.math.div_rn(y, sum_))
    return (
        _between(p, q, r, wp, wq, wr, hit) / 255,
        _between(p + 1, q + 1, r + 1, wp, wq, wr, hit) / 255,
        _between(p + 2, q + 2, r + 2, wp, wq, wr, hit) / 255,
        (_between(p + 3, q + 3, r + 3, wp, wq, wr, hit) - 128) / _SLOPE_SCALE,
        (_between(p + 4, q + 4, r + 4, wp, wq, wr, hit) - 128) / _SLOPE_SCALE,
    )


@triton.jit
@no_type_check
def _between(p, q, r, wp, wq, wr, hit):
    """Weighted sum of three samples."""
    first = wp * tl.load(p, mask=hit, other=0).to(tl.float32)
    second = wq * tl.load(q, mask=hit, other=0).to(tl.float32)
    return first + second + wr * tl.load(r, mask=hit, other=0).to(tl.float32)


@triton.jit
@no_type_check
def lamp_visibility(shadow, lens, pose, frame, size, softness, x, y, z, hit, SHADOW_TAPS: tl.constexpr):
    """Visible share of the first lamp; see `ShadowMap.visibility`."""
    column, row, inverse = projected(pose, lens, x, y, z)
    limit = tl.math.div_rn(1.0, inverse) - 0.5 * _SHADOW_BIAS
    spread = tl.math.div_rn(softness * size, SHADOW_TAPS * 2 * _SHADOW_EXTENT)
    free = x * 0.0
    for tap in range(0, SHADOW_TAPS * SHADOW_TAPS):
        i = (row + spread * (tap // SHADOW_TAPS - SHADOW_TAPS // 2)).to(tl.int32)
        j = (column + spread * (tap % SHADOW_TAPS - SHADOW_TAPS // 2)).to(tl.int32)
        i, j = tl.minimum(tl.maximum(i, 0), size - 1), tl.minimum(tl.maximum(j, 0), size - 1)
        found = tl.load(shadow + (frame * size + i) * size + j, mask=hit, other=0.0)
        free += tl.where((found == 0) | (found >= limit), 1.0, 0.0)
    return free / (SHADOW_TAPS * SHADOW_TAPS)


@triton.jit
@no_type_check
def _unit(x, y, z):
    length = tl.sqrt_rn(tl.maximum(x * x + y * y + z * z, 1e-20))
    return tl.math.div_rn(x, length), tl.math.div_rn(y, length), tl.math.div_rn(z, length)
