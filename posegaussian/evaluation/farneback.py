"""Optical flow of Farneback (2003) in torch operations that a CUDA graph can hold, as OpenCV computes it.

Around each pixel the images are quadratic polynomials, fitted with Gaussian weights; the flow is the shift that maps
one onto the other, averaged over a square window, from a coarse level of a pyramid to the finest.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional as F

LEVELS, WINDOW, ITERATIONS, RADIUS, SIGMA = 3, 15, 3, 5, 1.2
"""Levels of the pyramid above the finest, side of the window, iterations, radius of the polynomials and their sigma:
the values of OpenCV's optical flow tutorial. Each level is half as large as the one below."""
_SMALLEST = 32
"""Pixels of the shortest side that a level of OpenCV's pyramid has at least."""
_BORDER = (0.14, 0.14, 0.4472, 0.4472, 0.4472)
"""OpenCV's weights of the outermost pixels."""


def farneback(images: Float32[Tensor, "k h w"], pairs: Sequence[tuple[int, int]]) -> Float32[Tensor, "n 2 h w"]:
    """The flow (x, y) from one image to another, pixels, of several pairs.

    Args:
        images: grey, 0..255.
        pairs: indices of the image in whose pixels the flow is known, and of the one that it points to.
    """
    height, width = images.shape[1:]
    flow, shortest = None, min(height, width)
    for level in range(max((k for k in range(LEVELS + 1) if shortest / 2**k >= _SMALLEST), default=0), -1, -1):
        size = round(height / 2**level), round(width / 2**level)
        found = _polynomials(_level(images, level, size))
        first, second = (torch.stack([found[pair[end]] for pair in pairs]) for end in (0, 1))
        if flow is None:
            flow = first.new_zeros(len(pairs), 2, *size)
        else:
            flow = 2 * F.interpolate(flow, size, mode="bilinear", align_corners=False)
        weights = _weights(first)
        for _ in range(ITERATIONS):
            flow = _solution(_equations(first, second, flow, weights))
    assert flow is not None
    return flow


def shifted(
    values: Float32[Tensor, "n c h w"], flow: Float32[Tensor, "n 2 h w"], padding: str
) -> Float32[Tensor, "n c h w"]:
    """The values at the pixels that the flow points to, bilinear.

    Args:
        values: to look up.
        flow: x and y, pixels.
        padding: of the values, as `grid_sample` names it.
    """
    height, width = flow.shape[2:]
    places = [
        flow[:, 0] + torch.arange(width, device=flow.device, dtype=torch.float32),
        flow[:, 1] + torch.arange(height, device=flow.device, dtype=torch.float32)[:, None],
    ]
    grid = torch.stack([place * (2 / (size - 1)) - 1 for place, size in zip(places, (width, height), strict=True)], -1)
    return F.grid_sample(values, grid, mode="bilinear", padding_mode=padding, align_corners=True)


def _level(images: Float32[Tensor, "n h w"], level: int, size: tuple[int, int]) -> Float32[Tensor, "n hl wl"]:
    """Images of one level of the pyramid."""
    sigma = (2**level - 1) / 2
    side = max(round(5 * sigma) | 1, 3)
    kernel = cv2.getGaussianKernel(side, sigma, cv2.CV_32F)[:, 0].tolist()
    blurred = _correlated(_correlated(images, kernel, 2, "reflect"), kernel, 1, "reflect")
    return F.interpolate(blurred[None], size, mode="bilinear", align_corners=False)[0]


def _correlated(
    values: Float32[Tensor, "c h w"], weights: list[float], axis: int, padding: str
) -> Float32[Tensor, "c h w"]:
    """The correlation along one axis; a sum of shifted images, because convolutions may multiply in TF32."""
    radius, length = len(weights) // 2, values.shape[axis]
    border = (radius, radius, 0, 0) if axis == 2 else (0, 0, radius, radius)
    padded = F.pad(values[None], border, mode=padding)[0]
    total = weights[0] * padded.narrow(axis, 0, length)
    for shift, weight in enumerate(weights[1:], start=1):
        if weight:
            total.add_(padded.narrow(axis, shift, length), alpha=weight)
    return total


def _polynomials(images: Float32[Tensor, "n h w"]) -> Float32[Tensor, "n 5 h w"]:
    """Coefficients of y, x, y^2, x^2 and xy around each pixel, by weighted least squares."""
    offsets = np.arange(-RADIUS, RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    lines = [(weights * offsets**power).tolist() for power in range(3)]
    plain, slope, bend = (_correlated(images, line, 1, "replicate") for line in lines)
    moment = [float((weights * offsets**power).sum()) for power in (0, 2, 4)]
    # The normal matrix of (1, x^2, y^2) is inverted; those of x, of y and of xy are numbers.
    normal = np.array([[1, moment[1], moment[1]], [moment[1], moment[2], moment[1] ** 2]])
    normal = np.linalg.inv(np.vstack([normal, [moment[1], moment[1] ** 2, moment[2]]]))
    ones, squares = float(normal[1, 0]), float(normal[1, 1])
    constant = _correlated(plain, lines[0], 2, "replicate")
    found = [
        _correlated(slope, lines[0], 2, "replicate") / moment[1],
        _correlated(plain, lines[1], 2, "replicate") / moment[1],
        ones * constant + squares * _correlated(bend, lines[0], 2, "replicate"),
        ones * constant + squares * _correlated(plain, lines[2], 2, "replicate"),
        _correlated(slope, lines[1], 2, "replicate") / moment[1] ** 2,
    ]
    return torch.stack(found, 1)


def _weights(like: Float32[Tensor, "n 5 h w"]) -> Float32[Tensor, "5 h w"]:
    """What multiplies the sums and differences of two images' coefficients: halves, less at the border of the image.

    OpenCV's polynomial holds half of the coefficient of xy.
    """
    halves = torch.full((5, 1, 1), 0.5, device=like.device)
    halves[4] = 0.25
    rows, columns = (_border(length, like.device) for length in like.shape[2:])
    return halves * rows[:, None] * columns


def _border(length: int, device: torch.device) -> Float32[Tensor, " n"]:
    """Weights along an axis."""
    place = torch.arange(length, device=device)
    weights = torch.ones(length, device=device)
    for distance, weight in enumerate(_BORDER):  # products: a number in torch.where would be copied from the host
        for edge in (distance, length - 1 - distance):
            weights = weights * (1 - (1 - weight) * (place == edge))
    return weights


def _equations(
    first: Float32[Tensor, "n 5 h w"],
    second: Float32[Tensor, "n 5 h w"],
    flow: Float32[Tensor, "n 2 h w"],
    weights: Float32[Tensor, "5 h w"],
) -> Float32[Tensor, "n 5 h w"]:
    """At each pixel the symmetric matrix (yy, xy, xx) and the right side (y, x) of the equations of its flow."""
    height, width = flow.shape[2:]
    dx, dy = flow.unbind(1)
    column = (dx + torch.arange(width, device=flow.device, dtype=torch.float32)).floor()
    row = (dy + torch.arange(height, device=flow.device, dtype=torch.float32)[:, None]).floor()
    inside = ((column >= 0) & (column < width - 1) & (row >= 0) & (row < height - 1))[:, None]
    there = shifted(second, flow, "border")
    linear = first[:, :2] - there[:, :2] * inside
    curved = first[:, 2:] + torch.where(inside, there[:, 2:], first[:, 2:])
    right_y, right_x = (linear * weights[:2]).unbind(1)
    yy, xx, xy = (curved * weights[2:]).unbind(1)
    y = right_y.addcmul(yy, dy).addcmul(xy, dx)
    x = right_x.addcmul(xy, dy).addcmul(xx, dx)
    cross = xy * xy
    return torch.stack(
        [
            cross.addcmul(yy, yy),
            (yy + xx) * xy,
            cross.addcmul(xx, xx),
            (yy * y).addcmul(xy, x),
            (xy * y).addcmul(xx, x),
        ],
        1,
    )


def _solution(equations: Float32[Tensor, "n 5 h w"]) -> Float32[Tensor, "n 2 h w"]:
    """The flow that solves the equations, averaged over the window."""
    padded = F.pad(equations, (WINDOW // 2,) * 4, mode="replicate")
    mean = F.avg_pool2d(F.avg_pool2d(padded, (1, WINDOW), stride=1), (WINDOW, 1), stride=1)
    yy, xy, xx, y, x = mean.unbind(1)
    determinant = yy * xx - xy * xy + 1e-3
    return torch.stack([(yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant], 1)
