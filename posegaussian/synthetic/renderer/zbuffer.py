"""The nearest triangle and its depth at each pixel's centre: the same result from three back-ends.

A triangle covers a pixel whose centre lies inside it or on its border. The nearest triangle wins; of equally near ones,
the one with the lower number. All back-ends do the same float32 operations in the same order, so they agree to the last
bit. Numba loops over triangles. Triton, or plain torch where Triton does not work, visits the pixels of each triangle's
bounding box and keeps the minimal key of each pixel: the bits of the depth, then the number of the triangle. (Positive
floats sort like their bits.) A minimum does not depend on the order of execution.
"""

import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from posegaussian.synthetic.mesh.scanlines import rasterize_scanlines
from posegaussian.synthetic.renderer.acceleration import has_triton

CANDIDATES = 1 << 23
"""Pixels of bounding boxes that the torch back-end handles at once; it takes about 100 bytes for each, so 0.8 GiB."""
_EMPTY = torch.iinfo(torch.int64).max


def rasterize(
    points: Float32[Tensor, "n v 3"], faces: Int64[Tensor, "f 3"], width: int, height: int, large: bool = False
) -> tuple[Int32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
    """The nearest triangle at every pixel's centre of n images.

    Args:
        points: x and y in pixels (centres at +0.5) and inverse depth in each image; triangles with a corner whose
            inverse depth is not positive are left out.
        faces: vertex numbers, shared by all images.
        width: of the images, pixels.
        height: of the images, pixels.
        large: whether some triangles cover many pixels; the result is the same, but Triton is faster with it.

    Returns:
        the triangle, -1 where there is none.
        its depth, 0 where there is none.
    """
    if points.device.type == "cpu":
        return rasterize_numba(points, faces, width, height)
    if has_triton():
        return rasterize_triton(points, faces, width, height, large)
    return rasterize_torch(points, faces, width, height)


def rasterize_numba(
    points: Float32[Tensor, "n v 3"], faces: Int64[Tensor, "f 3"], width: int, height: int
) -> tuple[Int32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
    """`rasterize` on the CPU."""
    face, depth = rasterize_scanlines(points.numpy(), faces.numpy(), width, height, torch.get_num_threads())
    return torch.from_numpy(face), torch.from_numpy(depth)


def rasterize_torch(
    points: Float32[Tensor, "n v 3"], faces: Int64[Tensor, "f 3"], width: int, height: int
) -> tuple[Int32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
    """`rasterize` in plain torch, on any device."""
    count = len(faces)
    corners = points[:, faces].reshape(-1, 9)  # image by image
    x, y, q = corners[:, 0::3], corners[:, 1::3], corners[:, 2::3]
    (left, right), (top, bottom) = _span(x, width), _span(y, height)
    across, down = (right - left + 1).clamp_min(0), (bottom - top + 1).clamp_min(0)
    boxes = across * down * (q > 0).all(1)
    drawn = boxes.nonzero()[:, 0]
    corners, left, top, across = (values[drawn] for values in (corners, left, top, across))
    ends = boxes[drawn].cumsum(0)
    starts = ends - boxes[drawn]
    first = drawn // count * (width * height) + top * width + left
    keys = torch.full((len(points) * height * width,), _EMPTY, device=points.device)
    total = int(ends[-1]) if len(ends) else 0
    for begin in range(0, total, CANDIDATES):
        candidate = torch.arange(begin, min(begin + CANDIDATES, total), device=points.device)
        box = torch.searchsorted(ends, candidate, right=True)
        place = candidate - starts[box]
        row, column = place // across[box], place % across[box]
        depth = _depth_inside(corners[box], left[box] + column, top[box] + row)
        key = depth.view(torch.int32).long() << 32 | drawn[box] % count
        key = torch.where(torch.isfinite(depth), key, _EMPTY)
        keys.scatter_reduce_(0, first[box] + row * width + column, key, "amin")
    return _resolved(keys.view(len(points), height, width))


def rasterize_triton(
    points: Float32[Tensor, "n v 3"], faces: Int64[Tensor, "f 3"], width: int, height: int, large: bool = False
) -> tuple[Int32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
    """`rasterize` on CUDA."""
    from posegaussian.synthetic.renderer import kernels

    keys = torch.full((len(points), height, width), _EMPTY, device=points.device)
    kernels.draw(points, faces, keys, large)
    return kernels.resolve(keys)


def _resolved(keys: Int64[Tensor, "n h w"]) -> tuple[Int32[Tensor, "n h w"], Float32[Tensor, "n h w"]]:
    """Triangles and depths from the minimal keys."""
    hit = keys != _EMPTY
    face = torch.where(hit, keys & 0xFFFFFFFF, -1).int()
    depth = torch.where(hit, keys >> 32, 0).int().view(torch.float32)
    return face, depth


def _span(values: Float32[Tensor, "f 3"], size: int) -> tuple[Int64[Tensor, "f"], Int64[Tensor, "f"]]:
    """First and last pixel whose centre lies within the range of the values."""
    low, high = values.amin(1), values.amax(1)
    return (low - 0.5).ceil().long().clamp_min(0), (high - 0.5).floor().long().clamp_max(size - 1)


def _depth_inside(
    corners: Float32[Tensor, "m 9"], column: Int64[Tensor, "m"], row: Int64[Tensor, "m"]
) -> Float32[Tensor, "m"]:
    """Depth of each triangle at a pixel's centre; infinite outside."""
    x, y, inverse = corners.unflatten(1, (3, 3)).unbind(2)
    x, y = x - (column.float() + 0.5)[:, None], y - (row.float() + 0.5)[:, None]
    areas = x.roll(-1, 1) * y.roll(1, 1) - x.roll(1, 1) * y.roll(-1, 1)
    u, v, w = areas.unbind(1)
    area = u + v + w
    inside = ((areas >= 0).all(1) & (area > 0)) | ((areas <= 0).all(1) & (area < 0))
    u, v, w = (areas * inverse).unbind(1)
    return torch.where(inside, area / (u + v + w), torch.inf)
