"""Optical flow between two grey images (Farneback 2003), by OpenCV on the CPU and as one CUDA graph on a GPU.

Both compute the same: around each pixel the images are quadratic polynomials, fitted with Gaussian weights; the flow is
the shift that maps one onto the other, averaged over a square window, from a coarse level of a pyramid to the finest.
"""

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional as F

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.geometry.masks import bounding_box
from posegaussian.streams import own_stream, to_device, to_host

_LEVELS, _WINDOW, _ITERATIONS, _RADIUS, _SIGMA = 3, 15, 3, 5, 1.2
"""Levels of the pyramid above the finest, side of the window, iterations, radius of the polynomials and their sigma:
the values of OpenCV's optical flow tutorial. Each level is half as large as the one below."""
_CELL = 2**_LEVELS
"""Pixels of the image in one of the coarsest image of the pyramid."""
_ROOM = 64
"""Pixels around the person in which OpenCV looks for flow: on built-in people of 1024 px the temporal metrics of a
frame differ from those of the whole image by 5e-6 of their value, in 0.6 of the time; with 48 pixels by 1.5e-3."""
_SMALLEST = 32
"""Pixels of the shortest side that a level of OpenCV's pyramid has at least."""
_BORDER = (0.14, 0.14, 0.4472, 0.4472, 0.4472)
"""OpenCV's weights of the outermost pixels."""


def optical_flow(
    previous: UInt8[np.ndarray, "h w"], current: UInt8[np.ndarray, "h w"], device: str = "cpu"
) -> Float32[np.ndarray, "h w 2"]:
    """The flow (x, y) from one image to the next, pixels.

    Args:
        previous: black where nobody is.
        current: likewise.
        device: on the CPU the flow is 0 far from both people, and only the window around them is looked at.
    """
    if device != "cpu":
        place = torch.device(device)
        with own_stream(place):
            (flow,) = _GRAPHS(place, to_device(previous, place), to_device(current, place))
            return to_host(flow)
    (height, width), box = previous.shape, bounding_box(np.maximum(previous, current) > 0)
    flow = np.zeros((height, width, 2), np.float32)
    if box is not None:
        rows, columns = _widened(box[1], box[3], height), _widened(box[0], box[2], width)
        first, second = (np.ascontiguousarray(image[rows, columns]) for image in (previous, current))
        settings = (0.5, _LEVELS, _WINDOW, _ITERATIONS, _RADIUS, _SIGMA, 0)
        flow[rows, columns] = cv2.calcOpticalFlowFarneback(first, second, None, *settings)  # type: ignore[call-overload]
    return flow


def _widened(start: int, end: int, length: int) -> slice:
    """Where an axis is looked at: whole cells of the coarsest image of the pyramid, with room around the person."""
    if length % _CELL:
        return slice(0, length)
    return slice(max(start - _ROOM, 0) // _CELL * _CELL, min(-(-(end + _ROOM) // _CELL) * _CELL, length))


def farneback(previous: UInt8[Tensor, "h w"], current: UInt8[Tensor, "h w"]) -> tuple[Float32[Tensor, "h w 2"]]:
    """The flow as OpenCV computes it, in torch operations that a CUDA graph can hold."""
    height, width = previous.shape
    flow = None
    shortest = min(height, width)
    for level in range(max((k for k in range(_LEVELS + 1) if shortest / 2**k >= _SMALLEST), default=0), -1, -1):
        size = round(height / 2**level), round(width / 2**level)
        first, second = _polynomials(_level(torch.stack([previous, current]).float(), level, size))
        if flow is None:
            flow = first.new_zeros(2, *size)
        else:
            flow = 2 * F.interpolate(flow[None], size, mode="bilinear", align_corners=False)[0]
        for _ in range(_ITERATIONS):
            flow = _solution(_equations(first, second, flow))
    assert flow is not None
    return (flow.movedim(0, -1).contiguous(),)


_GRAPHS = GraphPerShape(farneback)


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
            total = total.add(padded.narrow(axis, shift, length), alpha=weight)
    return total


def _polynomials(images: Float32[Tensor, "n h w"]) -> Float32[Tensor, "n 5 h w"]:
    """Coefficients of y, x, y^2, x^2 and xy around each pixel, by weighted least squares."""
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
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


def _equations(
    first: Float32[Tensor, "5 h w"], second: Float32[Tensor, "5 h w"], flow: Float32[Tensor, "2 h w"]
) -> Float32[Tensor, "5 h w"]:
    """At each pixel the symmetric matrix (yy, xy, xx) and the right side (y, x) of the equations of its flow."""
    height, width = flow.shape[1:]
    y = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None]
    x = torch.arange(width, device=flow.device, dtype=torch.float32)
    dx, dy = flow
    column, row = (x + dx).floor(), (y + dy).floor()
    inside = (column >= 0) & (column < width - 1) & (row >= 0) & (row < height - 1)
    across, down = x + dx - column, y + dy - row
    corner = (row.clamp(0, height - 2) * width + column.clamp(0, width - 2)).long().reshape(-1)
    flat = second.reshape(5, -1)
    corners = (
        ((1 - across) * (1 - down), 0),
        (across * (1 - down), 1),
        ((1 - across) * down, width),
        (across * down, width + 1),
    )
    there = torch.stack([weight * flat[:, corner + step].reshape(5, height, width) for weight, step in corners]).sum(0)
    yy, xx, xy = (
        torch.where(inside, (here + other) / 2, here) for here, other in zip(first[2:], there[2:], strict=True)
    )
    xy = xy / 2
    zero = torch.zeros((), device=flow.device)
    right = (first[:2] - torch.where(inside, there[:2], zero)) / 2
    right = torch.stack([right[0] + yy * dy + xy * dx, right[1] + xy * dy + xx * dx])
    weight = _border(height, flow.device)[:, None] * _border(width, flow.device)
    yy, xx, xy, right = yy * weight, xx * weight, xy * weight, right * weight
    return torch.stack(
        [
            yy**2 + xy**2,
            (yy + xx) * xy,
            xx**2 + xy**2,
            yy * right[0] + xy * right[1],
            xy * right[0] + xx * right[1],
        ]
    )


def _border(length: int, device: torch.device) -> Float32[Tensor, " n"]:
    """Weights along an axis."""
    place = torch.arange(length, device=device)
    weights = torch.ones(length, device=device)
    for distance, weight in enumerate(_BORDER):  # products: a number in torch.where would be copied from the host
        for edge in (distance, length - 1 - distance):
            weights = weights * (1 - (1 - weight) * (place == edge))
    return weights


def _solution(equations: Float32[Tensor, "5 h w"]) -> Float32[Tensor, "2 h w"]:
    """The flow that solves the equations, averaged over the window."""
    radius = _WINDOW // 2
    padded = F.pad(equations[None], (radius,) * 4, mode="replicate")
    mean = F.avg_pool2d(F.avg_pool2d(padded, (1, _WINDOW), stride=1), (_WINDOW, 1), stride=1)[0]
    yy, xy, xx, y, x = mean
    determinant = yy * xx - xy * xy + 1e-3
    return torch.stack([(yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant])
