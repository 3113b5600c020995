"""Triton kernels for projection, the z-buffer and sensor noise.

They do the float32 operations of `projection`, `zbuffer.rasterize_torch` and `sensor.gaussian_noise` in their order and
unfused, so that triangles and depths agree with the CPU's to the last bit. Triton compiles them at first use.
"""

from typing import no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from posegaussian.synthetic.renderer.constants import NEAR
from posegaussian.types import Camera

TRIANGLES_PER_WARP = 32
"""Triangles per warp, one a lane; each lane visits the pixels of its triangle's bounding box one by one."""
SMALL = 64
"""Where triangles may be large, those whose bounding boxes have more pixels get a program each; chosen by hand."""
LARGE_LANES = 64
"""Lanes of such a program; chosen by hand: each visits every 64th pixel of the box."""
LANES = 256
"""Vertices or pixels per Triton program; a power of two, as Triton demands, and a usual block size."""
_NEAR = tl.constexpr(NEAR)


def draw(
    points: Float32[Tensor, "n v 3"], faces: Int64[Tensor, "f 3"], keys: Int64[Tensor, "n h w"], large: bool = False
) -> None:
    """Lower each pixel's key to the minimum over the triangles there, in place; see `zbuffer.rasterize_torch`."""
    count, height, width = keys.shape
    sizes = points.shape[1], len(faces), width, height, SMALL if large else width * height
    grid = triton.cdiv(len(faces), TRIANGLES_PER_WARP), count
    _draw[grid](points, faces, keys, *sizes, TRIANGLES_PER_WARP, **launch_options(1))  # pyright: ignore[reportIndexIssue]
    if large:
        _draw_large[(len(faces), count)](points, faces, keys, *sizes, LARGE_LANES, **launch_options(2))  # pyright: ignore[reportIndexIssue]


def resolve(keys: Int64[Tensor, "n h w"]) -> tuple[Int32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
    """Triangles and depths from the minimal keys; see `zbuffer.rasterize`."""
    face = torch.empty(keys.shape, dtype=torch.int32, device=keys.device)
    depth = torch.empty(keys.shape, device=keys.device)
    count = keys.numel()
    _resolve[(triton.cdiv(count, LANES),)](keys, face, depth, count, LANES)  # pyright: ignore[reportIndexIssue]
    return face, depth


def project(vertices: Float32[Tensor, "n v 3"], camera: Camera) -> Float32[Tensor, "n v 3"]:
    """Projected vertices, as `projection.project_vertices` gives them for pinhole cameras."""
    points = torch.empty_like(vertices, memory_format=torch.contiguous_format)
    count, size = vertices.shape[:2]
    tensors = (value.contiguous() for value in (vertices, camera.world_to_camera, camera.intrinsics))
    grid = triton.cdiv(size, LANES), count
    _project[grid](*tensors, points, size, LANES, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return points


def noise(shape: tuple[int, ...], seed: Int64[Tensor, "n"]) -> Float32[Tensor, "n c h w"]:
    """Noise, as `sensor.gaussian_noise` gives it."""
    values = torch.empty(shape, device=seed.device)
    count = values[0].numel()
    grid = triton.cdiv(count, LANES), len(seed)
    _noise[grid](seed, values, count, LANES, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return values


def launch_options(warps: int) -> dict:
    """Options of a launch without fused multiply-adds: the CPU rounds after each operation, and so must the kernels."""
    return {"num_warps": warps, "enable_fp_fusion": False}


@triton.jit(do_not_specialize=["vertices", "triangles", "most"])
@no_type_check
def _draw(points, faces, keys, vertices, triangles, width, height, most, TRIANGLES_PER_WARP: tl.constexpr):
    triangle = tl.program_id(0) * TRIANGLES_PER_WARP + tl.arange(0, TRIANGLES_PER_WARP)
    image = tl.program_id(1)
    real = triangle < triangles
    ax, ay, aq = _corner(points, faces, image * vertices, triangle, 0, real)
    bx, by, bq = _corner(points, faces, image * vertices, triangle, 1, real)
    cx, cy, cq = _corner(points, faces, image * vertices, triangle, 2, real)
    real = real & (aq > 0) & (bq > 0) & (cq > 0)
    left, right = _span(tl.minimum(tl.minimum(ax, bx), cx), tl.maximum(tl.maximum(ax, bx), cx), width)
    top, bottom = _span(tl.minimum(tl.minimum(ay, by), cy), tl.maximum(tl.maximum(ay, by), cy), height)
    boxes = tl.where(real, tl.maximum(right - left + 1, 0) * tl.maximum(bottom - top + 1, 0), 0)
    boxes = tl.where(boxes > most, 0, boxes)
    start = keys + image.to(tl.int64) * width * height
    row, column = top, left
    for number in range(0, tl.max(boxes, axis=0)):
        inside, key = _key(ax, ay, aq, bx, by, bq, cx, cy, cq, column, row, triangle)
        tl.atomic_min(start + row * width + column, key, mask=(number < boxes) & inside, sem="relaxed")
        ended = column == right
        row, column = tl.where(ended, row + 1, row), tl.where(ended, left, column + 1)


@triton.jit(do_not_specialize=["vertices", "triangles", "most"])
@no_type_check
def _draw_large(points, faces, keys, vertices, triangles, width, height, most, LANES: tl.constexpr):
    triangle, image = tl.program_id(0), tl.program_id(1)
    ax, ay, aq = _corner(points, faces, image * vertices, triangle, 0, True)
    bx, by, bq = _corner(points, faces, image * vertices, triangle, 1, True)
    cx, cy, cq = _corner(points, faces, image * vertices, triangle, 2, True)
    left, right = _span(tl.minimum(tl.minimum(ax, bx), cx), tl.maximum(tl.maximum(ax, bx), cx), width)
    top, bottom = _span(tl.minimum(tl.minimum(ay, by), cy), tl.maximum(tl.maximum(ay, by), cy), height)
    across = tl.maximum(right - left + 1, 0)
    box = across * tl.maximum(bottom - top + 1, 0)
    if (box > most) & (aq > 0) & (bq > 0) & (cq > 0):
        start = keys + image.to(tl.int64) * width * height
        for begin in range(0, box, LANES):
            place = begin + tl.arange(0, LANES)
            row, column = top + place // across, left + place % across
            inside, key = _key(ax, ay, aq, bx, by, bq, cx, cy, cq, column, row, triangle)
            tl.atomic_min(start + row * width + column, key, mask=(place < box) & inside, sem="relaxed")


@triton.jit
@no_type_check
def _key(ax, ay, aq, bx, by, bq, cx, cy, cq, column, row, triangle):
    """Whether a triangle covers a pixel's centre, and its key there."""
    x, y = column.to(tl.float32) + 0.5, row.to(tl.float32) + 0.5
    u, v, w = areas(ax - x, ay - y, bx - x, by - y, cx - x, cy - y)
    area = u + v + w
    inside = ((u >= 0) & (v >= 0) & (w >= 0) & (area > 0)) | ((u <= 0) & (v <= 0) & (w <= 0) & (area < 0))
    depth = tl.math.div_rn(area, u * aq + v * bq + w * cq)
    key = (depth.to(tl.int32, bitcast=True).to(tl.int64) << 32) | triangle.to(tl.int64)
    return inside & (depth < float("inf")), key


@triton.jit
@no_type_check
def _corner(points, faces, first, triangle, corner, real):
    """x, y and inverse depth of a corner of triangles."""
    place = 3 * (first + tl.load(faces + 3 * triangle + corner, mask=real, other=0))
    return (
        tl.load(points + place, mask=real, other=0.0),
        tl.load(points + place + 1, mask=real, other=0.0),
        tl.load(points + place + 2, mask=real, other=0.0),
    )


@triton.jit
@no_type_check
def _span(low, high, size):
    """First and last pixel whose centre lies in a range."""
    first = tl.maximum(tl.ceil(tl.minimum(tl.maximum(low - 0.5, -1.0), 1e6)).to(tl.int32), 0)
    last = tl.minimum(tl.floor(tl.minimum(tl.maximum(high - 0.5, -1.0), 1e6)).to(tl.int32), size - 1)
    return first, last


@triton.jit
@no_type_check
def areas(ax, ay, bx, by, cx, cy):
    """Twice the signed areas of the triangles that the origin makes with each side."""
    return bx * cy - cx * by, cx * ay - ax * cy, ax * by - bx * ay


@triton.jit(do_not_specialize=["count"])
@no_type_check
def _resolve(keys, face, depth, count, LANES: tl.constexpr):
    pixel = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    real = pixel < count
    key = tl.load(keys + pixel, mask=real, other=0)
    hit = key != 0x7FFFFFFFFFFFFFFF
    tl.store(face + pixel, tl.where(hit, key & 0xFFFFFFFF, -1).to(tl.int32), mask=real)
    tl.store(depth + pixel, tl.where(hit, key >> 32, 0).to(tl.int32).to(tl.float32, bitcast=True), mask=real)


@triton.jit(do_not_specialize=["size"])
@no_type_check
def _project(vertices, pose, lens, points, size, LANES: tl.constexpr):
    image = tl.program_id(1)
    vertex = tl.program_id(0) * LANES + tl.arange(0, LANES)
    real = vertex < size
    x, y, z = vector(vertices, image * size + vertex, real)
    across, down, inverse = projected(pose + 16 * image, lens + 9 * image, x, y, z)
    place = points + 3 * (image * size + vertex)
    tl.store(place, across, mask=real)
    tl.store(place + 1, down, mask=real)
    tl.store(place + 2, inverse, mask=real)


@triton.jit
@no_type_check
def projected(pose, lens, x, y, z):
    """x and y in pixels, and inverse depth, which is 0 for points nearer than `NEAR`."""
    across = tl.load(pose) * x + tl.load(pose + 1) * y + tl.load(pose + 2) * z + tl.load(pose + 3)
    down = tl.load(pose + 4) * x + tl.load(pose + 5) * y + tl.load(pose + 6) * z + tl.load(pose + 7)
    depth = tl.load(pose + 8) * x + tl.load(pose + 9) * y + tl.load(pose + 10) * z + tl.load(pose + 11)
    seen = depth > _NEAR
    inverse = tl.math.div_rn(1.0, tl.where(seen, depth, 1.0))
    across, down = across * inverse, down * inverse
    column = tl.load(lens) * across + tl.load(lens + 1) * down + tl.load(lens + 2)
    row = tl.load(lens + 3) * across + tl.load(lens + 4) * down + tl.load(lens + 5)
    return column, row, tl.where(seen, inverse, 0.0)


@triton.jit(do_not_specialize=["count"])
@no_type_check
def _noise(seeds, values, count, LANES: tl.constexpr):
    image = tl.program_id(1)
    pixel = tl.program_id(0) * LANES + tl.arange(0, LANES)
    state = tl.load(seeds + image) * 0x1F3D5B79A3C1E587 + pixel.to(tl.int64) * -0x61C8864680B583EB
    state = (state ^ ((state >> 30) & 0x3FFFFFFFF)) * -0x40A7B892E31B1A47
    state = (state ^ ((state >> 27) & 0x1FFFFFFFFF)) * -0x6B2FB644ECCEEE15
    state = state ^ ((state >> 31) & 0x1FFFFFFFF)
    total = (state & 0xFFFF) + ((state >> 16) & 0xFFFF) + ((state >> 32) & 0xFFFF) + ((state >> 48) & 0xFFFF)
    value = (tl.math.div_rn(total.to(tl.float32), 65535.0) - 2) * 1.7320508075688772
    tl.store(values + image.to(tl.int64) * count + pixel, value, mask=pixel < count)


@triton.jit
@no_type_check
def vector(values, index, real):
    """Three values of each lane."""
    return (
        tl.load(values + 3 * index, mask=real, other=0.0),
        tl.load(values + 3 * index + 1, mask=real, other=0.0),
        tl.load(values + 3 * index + 2, mask=real, other=0.0),
    )


@triton.jit
@no_type_check
def three(values, index):
    """Three values for all lanes."""
    return tl.load(values + 3 * index), tl.load(values + 3 * index + 1), tl.load(values + 3 * index + 2)
