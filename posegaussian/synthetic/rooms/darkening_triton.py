"""Darkness that people throw on a room, on CUDA: the contact map, and images of a person in front of the room.

The kernels do the float32 operations of `contact.contact_map`, `view.darkness`, `view.composed` and
`bystanders.with_bystanders`; results agree with the CPU's to rounding.
"""

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Bool, Float16, Float32, Int64
from torch import Tensor

from posegaussian.synthetic.renderer.kernels import LANES, launch_options, vector
from posegaussian.synthetic.renderer.lights import SHADOW_BIAS, SHADOW_TAPS, ShadowMap
from posegaussian.synthetic.renderer.shading_triton import lamp_visibility
from posegaussian.synthetic.rooms.contact import BELOW, EXTENT, FADE, LAYERS, SIZE, blur_weights

_BIAS, _EXTENT, _FADE, _SIZE, _BELOW = (tl.constexpr(value) for value in (SHADOW_BIAS, EXTENT, FADE, SIZE, BELOW))
_ROW = tl.constexpr(triton.next_power_of_2(SIZE))
Light = tuple[Float16[Tensor, "v h w 3"], Float32[Tensor, "k 3"], Float32[Tensor, "k 3"]]
"""Share of the first lamp, places and normals of a `RoomView`."""


def free_light(depth: Float32[Tensor, "t s s"]) -> Float32[Tensor, "t s s"]:
    """Share of the ambient light that reaches the floor, from the depth map from below."""
    across, free = depth.new_empty((len(LAYERS), *depth.shape)), depth.new_ones(depth.shape)
    for number, (reach, sigma, darkness) in enumerate(LAYERS):
        weights = blur_weights(sigma, depth.device)
        numbers = len(weights) // 2, reach, darkness
        for down in (False, True):
            _blur[(SIZE, len(depth))](depth, across[number], free, weights, *numbers, down, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return free


def composed(
    light: Light, colours: Float16[Tensor, "v hs ws 3"], hit: Bool[Tensor, "n hs ws"],
    person: Float32[Tensor, "n 3 h w"], frame: Int64[Tensor, "n"], shadows: ShadowMap, softness: Float32[Tensor, ""],
    free: Float32[Tensor, "t s s"], middle: Float32[Tensor, "3"],
) -> Float32[Tensor, "n 3 h w"]:  # fmt: skip
    """Images of a person in a room.

    Args:
        light: of the v views of the empty room; image i shows view i modulo v.
        colours: of the room at the samples.
        hit: samples that show the person.
        person: their colours, multiplied by the coverage.
        frame: the frame that each image shows.
        shadows: of the first lamp, t frames.
        softness: of the shadows.
        free: contact map of t frames.
        middle: of the contact map.
    """
    images = person.new_empty(person.shape)
    count, _, height, width = images.shape
    grid = triton.cdiv(height * width, LANES), count
    tensors = images, *light, colours, hit, person.contiguous(), frame, *_shadow(shadows), softness, free, middle
    sizes = len(colours), width, height, shadows.depth.shape[-1]
    _compose[grid](*tensors, *sizes, SHADOW_TAPS, LANES, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return images


def inhabited(
    light: Light, colours: Float16[Tensor, "v hs ws 3"], depth: Float32[Tensor, "v hs ws"],
    person: Float32[Tensor, "v 3 hs ws"], near: Float32[Tensor, "v hs ws"], frame: Int64[Tensor, "v"],
    shadows: ShadowMap, softness: Float32[Tensor, ""], free: Float32[Tensor, "1 s s"], middle: Float32[Tensor, "3"],
) -> tuple[Float32[Tensor, "v hs ws"], Float16[Tensor, "v hs ws 3"], Float16[Tensor, "v h w 3"]]:  # fmt: skip
    """Depth, colours and share of the first lamp of a room with one more person in it."""
    key = light[0]
    found = depth.new_empty(depth.shape), colours.new_empty(colours.shape), key.new_empty(key.shape)
    count, height, width, _ = key.shape
    grid = triton.cdiv(height * width, LANES), count
    tensors = (
        *found,
        *light,
        colours,
        depth,
        person.contiguous(),
        near,
        frame,
        *_shadow(shadows),
        softness,
        free,
        middle,
    )
    _inhabit[grid](*tensors, width, height, shadows.depth.shape[-1], SHADOW_TAPS, LANES, **launch_options(4))  # pyright: ignore[reportIndexIssue]
    return found


def _shadow(shadows: ShadowMap) -> tuple[Tensor, Tensor, Tensor]:
    camera = shadows.camera
    return shadows.depth, camera.intrinsics.contiguous(), camera.world_to_camera.contiguous()


@triton.jit(do_not_specialize=["radius"])
@no_type_check
def _blur(depth, across, free, weights, radius, reach, darkness, DOWN: tl.constexpr):
    """A Gaussian along the rows of one layer, or, after that, along its columns, and its darkness."""
    row, image = tl.program_id(0), tl.program_id(1)
    column = tl.arange(0, _ROW)
    start = image * _SIZE * _SIZE
    total = column * 0.0
    for tap in range(0, 2 * radius + 1):
        weight = tl.load(weights + tap)
        if DOWN:
            line = row + tap - radius
            inside = (column < _SIZE) & (line >= 0) & (line < _SIZE)
            total += weight * tl.load(across + start + line * _SIZE + column, mask=inside, other=0.0)
        else:
            at = column + tap - radius
            near = tl.load(depth + start + row * _SIZE + at, mask=(at >= 0) & (at < _SIZE), other=0.0)
            height = tl.maximum(near - _BELOW, 0.0)
            total += weight * tl.where(near > 0, tl.exp(-height / reach), 0.0)
    place = start + row * _SIZE + column
    if DOWN:
        before = tl.load(free + place, mask=column < _SIZE, other=1.0)
        tl.store(free + place, before * (1 - darkness * total), mask=column < _SIZE)
    else:
        tl.store(across + place, total, mask=column < _SIZE)


@triton.jit
@no_type_check
def _compose(
    images, key, points, normals, colours, hit, person, frames, shadow, lens, pose, softness, free, middle,
    views, width, height, shadow_size, SHADOW_TAPS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    image = tl.program_id(1)
    pixel = tl.program_id(0) * LANES + tl.arange(0, LANES)
    size = width * height
    real = pixel < size
    view, frame = image % views, tl.load(frames + image).to(tl.int32)
    left_r, left_g, left_b = _left(
        key, points, normals, view * size + pixel, frame, shadow, lens, pose, softness, free, middle, shadow_size, real,
        SHADOW_TAPS,
    )  # fmt: skip
    red, green, blue = left_r * 0.0, left_r * 0.0, left_r * 0.0
    corner = pixel // width * 4 * width + pixel % width * 2
    for sample in range(0, 4):
        place = corner + sample // 2 * (2 * width) + sample % 2
        covered = tl.load(hit + image.to(tl.int64) * 4 * size + place, mask=real, other=0).to(tl.int32)
        seen = real & (covered == 0)
        r, g, b = vector(colours, view.to(tl.int64) * 4 * size + place, seen)
        red, green, blue = red + r.to(tl.float32), green + g.to(tl.float32), blue + b.to(tl.float32)
    start = image.to(tl.int64) * 3 * size + pixel
    tl.store(images + start, tl.load(person + start, mask=real, other=0.0) + red / 4 * left_r, mask=real)
    start += size
    tl.store(images + start, tl.load(person + start, mask=real, other=0.0) + green / 4 * left_g, mask=real)
    start += size
    tl.store(images + start, tl.load(person + start, mask=real, other=0.0) + blue / 4 * left_b, mask=real)


@triton.jit
@no_type_check
def _inhabit(
    new_depth, new_colours, new_key, key, points, normals, colours, depth, person, nears, frames, shadow, lens, pose,
    softness, free, middle, width, height, shadow_size, SHADOW_TAPS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    view = tl.program_id(1)
    pixel = tl.program_id(0) * LANES + tl.arange(0, LANES)
    size = width * height
    real = pixel < size
    left_r, left_g, left_b = _left(
        key, points, normals, view * size + pixel, tl.load(frames + view).to(tl.int32), shadow, lens, pose, softness,
        free, middle, shadow_size, real, SHADOW_TAPS,
    )  # fmt: skip
    covered = left_r * 0.0
    corner = pixel // width * 4 * width + pixel % width * 2
    kind = new_colours.dtype.element_ty
    for sample in range(0, 4):
        place = corner + sample // 2 * (2 * width) + sample % 2
        flat = view.to(tl.int64) * 4 * size + place
        near, limit = tl.load(nears + flat, mask=real, other=0.0), tl.load(depth + flat, mask=real, other=0.0)
        hit = (near > 0) & (near < limit)
        r, g, b = vector(colours, flat, real)
        r, g, b = r.to(tl.float32) * left_r, g.to(tl.float32) * left_g, b.to(tl.float32) * left_b
        own = person + view.to(tl.int64) * 12 * size + place
        r = tl.where(hit, tl.load(own, mask=real, other=0.0), r)
        g = tl.where(hit, tl.load(own + 4 * size, mask=real, other=0.0), g)
        b = tl.where(hit, tl.load(own + 8 * size, mask=real, other=0.0), b)
        tl.store(new_depth + flat, tl.where(hit, near, limit), mask=real)
        tl.store(new_colours + 3 * flat, r.to(kind), mask=real)
        tl.store(new_colours + 3 * flat + 1, g.to(kind), mask=real)
        tl.store(new_colours + 3 * flat + 2, b.to(kind), mask=real)
        covered += tl.where(hit, 1.0, 0.0)
    r, g, b = vector(key, view * size + pixel, real)
    rest = 1 - covered / 4
    place = new_key + 3 * (view * size + pixel)
    tl.store(place, (r.to(tl.float32) * rest).to(kind), mask=real)
    tl.store(place + 1, (g.to(tl.float32) * rest).to(kind), mask=real)
    tl.store(place + 2, (b.to(tl.float32) * rest).to(kind), mask=real)


@triton.jit
@no_type_check
def _left(
    key, points, normals, place, frame, shadow, lens, pose, softness, free, middle, shadow_size, real,
    SHADOW_TAPS: tl.constexpr,
):  # fmt: skip
    """What a person leaves of the light in each pixel; see `view.darkness`."""
    x, y, z = vector(points, place, real)
    nx, ny, nz = vector(normals, place, real)
    lit = lamp_visibility(
        shadow, lens + 9 * frame, pose + 16 * frame, frame, shadow_size, tl.load(softness),
        x + _BIAS * nx, y + _BIAS * ny, z + _BIAS * nz, real, SHADOW_TAPS,
    )  # fmt: skip
    near = _contact(free + frame * _SIZE * _SIZE, middle, x, y, z, real)
    r, g, b = vector(key, place, real)
    r, g, b = r.to(tl.float32), g.to(tl.float32), b.to(tl.float32)
    return r * lit + (1 - r) * near, g * lit + (1 - g) * near, b * lit + (1 - b) * near


@triton.jit
@no_type_check
def _contact(free, middle, x, y, z, real):
    """The share of ambient light at points; see `contact.contact_at`."""
    u = ((x - tl.load(middle)) / _EXTENT + 1) * (0.5 * _SIZE) - 0.5
    v = ((y - tl.load(middle + 1)) / _EXTENT + 1) * (0.5 * _SIZE) - 0.5
    u, v = tl.minimum(tl.maximum(u, -2.0), _SIZE + 1.0), tl.minimum(tl.maximum(v, -2.0), _SIZE + 1.0)
    left, top = tl.floor(u), tl.floor(v)
    fx, fy = u - left, v - top
    i, j = left.to(tl.int32), top.to(tl.int32)
    dark = (1 - fy) * ((1 - fx) * _dark(free, i, j, real) + fx * _dark(free, i + 1, j, real))
    dark += fy * ((1 - fx) * _dark(free, i, j + 1, real) + fx * _dark(free, i + 1, j + 1, real))
    return 1 - dark * tl.exp(-tl.maximum(z, 0.0) / _FADE)


@triton.jit
@no_type_check
def _dark(free, i, j, real):
    inside = real & (i >= 0) & (i < _SIZE) & (j >= 0) & (j < _SIZE)
    return 1 - tl.load(free + j * _SIZE + i, mask=inside, other=1.0)
