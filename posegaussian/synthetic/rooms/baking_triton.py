"""The mesh of a room and its baked light on CUDA, in two Triton kernels.

They do the float32 operations of `RoomMesh.of` in their order and unfused, so vertices have the bits of the CPU, and
those of `baking.bake`, whose results agree to rounding.
"""

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.renderer.kernels import launch_options, three, vector
from posegaussian.synthetic.rooms.baking import (
    BOUNCE,
    CLOSEST,
    CORNER,
    CORNER_DARKNESS,
    LIFT,
    OCCLUSION_REACH,
    SHRINK,
    hemisphere,
)
from posegaussian.synthetic.rooms.room import Room, RoomMesh

LANES = 128
"""Vertices or triangles per Triton program; chosen by hand: a vertex keeps some dozens of registers."""
_BOUNCE, _CLOSEST, _CORNER, _CORNER_DARKNESS, _LIFT, _OCCLUSION_REACH, _SHRINK = (
    tl.constexpr(value) for value in (BOUNCE, CLOSEST, CORNER, CORNER_DARKNESS, LIFT, OCCLUSION_REACH, SHRINK)
)


def lit_mesh(room: Room) -> tuple[RoomMesh, Float32[Tensor, "v 4"]]:
    """The mesh of a room, and its light as `baking.bake` gives it."""
    vertices, normals = room.origin.new_empty((2, room.vertices, 3))
    light = room.origin.new_empty((room.vertices, 4))
    faces, panel = room.cells.new_empty((room.faces, 3)), room.cells.new_empty(room.faces)
    count, fixtures = len(room.cells), room.fixtures
    steps = count.bit_length()
    sizes = triton.cdiv(room.faces, LANES), triton.cdiv(room.vertices, LANES)
    options = launch_options(4)
    _faces[sizes[:1]](room.cells, room.starts, faces, panel, count, room.faces, steps, LANES, **options)  # pyright: ignore[reportIndexIssue]
    tensors = (
        *(room.cells, room.starts, room.origin, room.edges, room.normals, vertices, normals, light),
        *(fixtures.centre, fixtures.axes, fixtures.facing, fixtures.strengths, fixtures.distance, fixtures.fades),
        *(fixtures.ambient, fixtures.bounce, fixtures.low, fixtures.high, fixtures.turn, fixtures.blocks),
        hemisphere(vertices.device),
    )
    numbers = count, room.vertices, len(fixtures.centre), len(fixtures.blocks), steps
    _vertices[sizes[1:]](*tensors, *numbers, LANES, **options)  # pyright: ignore[reportIndexIssue]
    return RoomMesh(vertices, normals, faces, panel), light


@triton.jit
@no_type_check
def _owner(starts, column, place, count, steps):
    """The last panel that starts at or before a place: a binary search of a fixed number of steps."""
    low, high = place * 0, place * 0 + count
    for _ in range(0, steps):
        middle = (low + high) // 2
        before = (tl.load(starts + 2 * middle + column) <= place) & (middle < high)
        low, high = tl.where(before, middle, low), tl.where(before, high, middle)
    return low


@triton.jit(do_not_specialize=["count", "total", "steps"])
@no_type_check
def _faces(cells, starts, faces, panels, count, total, steps, LANES: tl.constexpr):
    place = tl.program_id(0) * LANES + tl.arange(0, LANES)
    real = place < total
    panel = _owner(starts, 1, tl.minimum(place, total - 1), count, steps)
    rest = place - tl.load(starts + 2 * panel + 1).to(tl.int32)
    columns = tl.maximum(tl.load(cells + 2 * panel + 1).to(tl.int32), 1)
    cell, upper = rest // 2, rest % 2
    a = tl.load(starts + 2 * panel).to(tl.int32) + cell // columns * (columns + 1) + cell % columns
    b, c = a + columns + 1, a + 1
    tl.store(faces + 3 * place, tl.where(upper > 0, b + 1, a).to(tl.int64), mask=real)
    tl.store(faces + 3 * place + 1, tl.where(upper > 0, c, b).to(tl.int64), mask=real)
    tl.store(faces + 3 * place + 2, tl.where(upper > 0, b, c).to(tl.int64), mask=real)
    tl.store(panels + place, panel.to(tl.int64), mask=real)


@triton.jit(do_not_specialize=["count", "total", "lamps", "boxes", "steps"])
@no_type_check
def _vertices(
    cells, starts, origin, edges, corner_normals, vertices, normals, light,
    centre, axes, facing, strengths, reach, fades, ambient, bounce, low, high, turn, blocks, around,
    count, total, lamps, boxes, steps, LANES: tl.constexpr,
):  # fmt: skip
    place = tl.program_id(0) * LANES + tl.arange(0, LANES)
    real = place < total
    panel = _owner(starts, 0, tl.minimum(place, total - 1), count, steps)
    rest = place - tl.load(starts + 2 * panel).to(tl.int32)
    rows = tl.maximum(tl.load(cells + 2 * panel).to(tl.int32), 1)
    columns = tl.maximum(tl.load(cells + 2 * panel + 1).to(tl.int32), 1)
    s = tl.math.div_rn((rest // (columns + 1)).to(tl.float32), rows.to(tl.float32))
    t = tl.math.div_rn((rest % (columns + 1)).to(tl.float32), columns.to(tl.float32))
    x, y, z = vector(origin, panel, real)
    ax, ay, az = vector(edges, 2 * panel, real)
    bx, by, bz = vector(edges, 2 * panel + 1, real)
    x, y, z = x + s * ax + t * bx, y + s * ay + t * by, z + s * az + t * bz
    nx, ny, nz = vector(corner_normals, 3 * panel, real)
    ax, ay, az = vector(corner_normals, 3 * panel + 1, real)
    bx, by, bz = vector(corner_normals, 3 * panel + 2, real)
    ax, ay, az, bx, by, bz = ax - nx, ay - ny, az - nz, bx - nx, by - ny, bz - nz
    nx, ny, nz = nx + s * ax + t * bx, ny + s * ay + t * by, nz + s * az + t * bz
    size = tl.maximum(tl.sqrt_rn(nx * nx + ny * ny + nz * nz), 1e-9)
    nx, ny, nz = tl.math.div_rn(nx, size), tl.math.div_rn(ny, size), tl.math.div_rn(nz, size)
    _store(vertices, place, x, y, z, real)
    _store(normals, place, nx, ny, nz, real)
    x, y, z = x + _LIFT * nx, y + _LIFT * ny, z + _LIFT * nz
    open_ = _openness(x, y, z, nx, ny, nz, around, blocks, boxes)
    red, green, blue = _ambient(x, y, z, nx, ny, nz, ambient, bounce, low, high, turn)
    red, green, blue, key = red * open_, green * open_, blue * open_, red * 0.0
    for spot in range(0, lamps + 3):  # four points on the first lamp, one on each other
        lamp = tl.maximum(spot - 3, 0)
        cx, cy, cz = three(centre, lamp)
        first_x, first_y, first_z = three(axes, 2 * lamp)
        second_x, second_y, second_z = three(axes, 2 * lamp + 1)
        u = tl.where(spot > 3, 0.0, (spot % 2) - 0.5)
        v = tl.where(spot > 3, 0.0, (spot // 2) - 0.5)
        dx, dy, dz = (
            cx + u * first_x + v * second_x - x,
            cy + u * first_y + v * second_y - y,
            cz + u * first_z + v * second_z - z,
        )
        distance = tl.sqrt_rn(dx * dx + dy * dy + dz * dz)
        dx, dy, dz = tl.math.div_rn(dx, distance), tl.math.div_rn(dy, distance), tl.math.div_rn(dz, distance)
        free = _nearest(x, y, z, dx, dy, dz, blocks, boxes) >= distance
        fx, fy, fz = three(facing, lamp)
        towards = tl.minimum(tl.maximum(0.1 - 1.3 * (fx * dx + fy * dy + fz * dz), 0.0), 1.0)
        towards = tl.where(fx * fx + fy * fy + fz * fz < 0.25, 1.0, towards)
        ratio = tl.math.div_rn(tl.load(reach + lamp), distance)
        fall = tl.minimum(tl.where(tl.load(fades + lamp) > 0, ratio * ratio, 1.0), _CLOSEST)
        received = tl.maximum(nx * dx + ny * dy + nz * dz, 0.0) * towards * fall * tl.where(free, 1.0, 0.0)
        kr, kg, kb = three(strengths, lamp)
        other = tl.where(spot > 3, received, 0.0)
        red, green, blue = red + other * kr, green + other * kg, blue + other * kb
        key += tl.where(spot > 3, 0.0, 0.25 * received)
    tl.store(light + 4 * place, red, mask=real)
    tl.store(light + 4 * place + 1, green, mask=real)
    tl.store(light + 4 * place + 2, blue, mask=real)
    tl.store(light + 4 * place + 3, key, mask=real)


@triton.jit
@no_type_check
def _store(values, place, x, y, z, real):
    tl.store(values + 3 * place, x, mask=real)
    tl.store(values + 3 * place + 1, y, mask=real)
    tl.store(values + 3 * place + 2, z, mask=real)


@triton.jit
@no_type_check
def _openness(x, y, z, nx, ny, nz, around, blocks, boxes):
    """Share of the hemisphere that no box hides; see `baking.openness`."""
    flat = tl.abs(nz) > 0.9
    sx, sy, sz = tl.where(flat, 1.0, -ny), tl.where(flat, 0.0, nx), nx * 0.0
    lean = sx * nx + sy * ny + sz * nz
    sx, sy, sz = sx - nx * lean, sy - ny * lean, sz - nz * lean
    size = tl.maximum(tl.sqrt_rn(sx * sx + sy * sy + sz * sz), 1e-6)
    sx, sy, sz = tl.math.div_rn(sx, size), tl.math.div_rn(sy, size), tl.math.div_rn(sz, size)
    ox, oy, oz = ny * sz - nz * sy, nz * sx - nx * sz, nx * sy - ny * sx
    total = nx * 0.0
    for ray in range(0, 6):
        a, b, c = three(around, ray)
        dx, dy, dz = a * sx + b * ox + c * nx, a * sy + b * oy + c * ny, a * sz + b * oz + c * nz
        near = _nearest(x, y, z, dx, dy, dz, blocks, boxes)
        total += tl.sqrt_rn(tl.minimum(tl.maximum(near / _OCCLUSION_REACH, 0.0), 1.0))
    return total / 6


@triton.jit
@no_type_check
def _nearest(x, y, z, dx, dy, dz, blocks, boxes):
    """Distance to the first box along a ray; infinite where there is none."""
    found = x * 0.0 + float("inf")
    for box in range(0, boxes):
        row = blocks + 7 * box
        yaw = tl.load(row + 6)
        cos, sin = tl.cos(yaw), tl.sin(yaw)
        px, py, pz = x - tl.load(row), y - tl.load(row + 1), z - tl.load(row + 2)
        near_x, far_x = _slab(cos * px + sin * py, cos * dx + sin * dy, tl.load(row + 3))
        near_y, far_y = _slab(cos * py - sin * px, cos * dy - sin * dx, tl.load(row + 4))
        near_z, far_z = _slab(pz, dz, tl.load(row + 5))
        entry = tl.maximum(tl.maximum(near_x, near_y), near_z)
        leave = tl.minimum(tl.minimum(far_x, far_y), far_z)
        found = tl.where((leave > entry) & (entry > 0), tl.minimum(found, entry), found)
    return found


@triton.jit
@no_type_check
def _slab(start, step, half):
    """Where a ray enters and leaves the space between two parallel planes."""
    inverse = tl.math.div_rn(1.0, tl.where(tl.abs(step) < 1e-6, 1e-6, step))
    reach = tl.maximum(half - _SHRINK, 0.004) * tl.abs(inverse)
    near = -start * inverse
    return near - reach, near + reach


@triton.jit
@no_type_check
def _ambient(x, y, z, nx, ny, nz, ambient, bounce, low, high, turn):
    """Ambient light: darker in corners, tinted by what is near; see `baking.ambient`."""
    lx, ly, lz = three(low, 0)
    hx, hy, hz = three(high, 0)
    size = tl.math.div_rn((hx - lx) + (hy - ly) + (hz - lz), 3.0)
    corner, weight, red, green, blue = x * 0.0 + 1, x * 0.0, x * 0.0, x * 0.0, x * 0.0
    for axis in range(0, 3):
        tx, ty, tz = three(turn, axis)
        local, slope = tx * x + ty * y + tz * z, tx * nx + ty * ny + tz * nz
        for side in range(0, 2):
            signed = tl.where(side == 0, -slope, slope)
            gap = tl.where(side == 0, local - tl.load(low + axis), tl.load(high + axis) - local)
            gap = tl.maximum(gap, 0.0)
            flat = tl.minimum(tl.maximum(1 - tl.abs(signed), 0.0), 1.0)
            corner = corner * (1 - _CORNER_DARKNESS * tl.exp(-gap / _CORNER) * flat)
            half = 0.5 + 0.5 * signed
            share = half * half / (0.25 + gap / size)
            r, g, b = three(bounce, 2 * axis + side)
            red, green, blue, weight = red + share * r, green + share * g, blue + share * b, weight + share
    ar, ag, ab = three(ambient, 0)
    return (
        ar * ((1 - _BOUNCE) + _BOUNCE * (red / weight)) * corner,
        ag * ((1 - _BOUNCE) + _BOUNCE * (green / weight)) * corner,
        ab * ((1 - _BOUNCE) + _BOUNCE * (blue / weight)) * corner,
    )
