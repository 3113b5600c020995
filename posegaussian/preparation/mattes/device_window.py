"""Windows on a CUDA device: their pixels from an image, and their values in the image's pixels.

Everything that varies from frame to frame is a number on the device, and windows are parts of a square of one size: so
one CUDA graph serves all of them.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.preparation.mattes.window import SIZE, Window

SIDE = SIZE
"""Side of the square whose upper left part a window is, pixels."""


def frame_of(window: Window) -> Float64[np.ndarray, "6"]:
    """Left, top, right and bottom edge of a window in its image, its width and its height."""
    return np.array([*window.box, window.width, window.height], np.float64)


def padded(values: np.ndarray) -> np.ndarray:
    """Values of a window in the square, zeros beyond it."""
    return np.pad(values, ((0, SIDE - values.shape[0]), (0, SIDE - values.shape[1])))


def in_window(frame: Float64[Tensor, "6"]) -> Bool[Tensor, "side side"]:
    """Pixels of the square that belong to a window, see `frame_of`."""
    places = torch.arange(SIDE, device=frame.device)
    return (places < frame[5])[:, None] & (places < frame[4])


def window_pixels(
    image: UInt8[Tensor, "h w c"], frame: Float64[Tensor, "6"], rows: int, columns: int
) -> UInt8[Tensor, "c rows columns"]:
    """The image in a window's pixels, black beyond it: area averages, or linear where the window is finer.

    Args:
        image: RGB, or with other channels.
        frame: see `frame_of`.
        rows: of the result, at least those of the window.
        columns: likewise.
    """
    left, top, right, bottom, width, height = frame
    shrinks = width < right - left
    across = _resampling(left, right, width, columns, image.shape[1], shrinks)
    down = _resampling(top, bottom, height, rows, image.shape[0], shrinks)
    return (down @ image.permute(2, 0, 1).float() @ across.T).round().clamp(0, 255).byte()


def _resampling(
    first: Tensor, last: Tensor, count: Tensor, cells: int, length: int, shrinks: Tensor
) -> Float[Tensor, "cells length"]:
    """The matrix that resamples the part of an axis from `first` to `last` to `count` cells, as OpenCV does."""
    cell = torch.arange(cells, dtype=torch.float64, device=first.device)[:, None]
    pixel = torch.arange(length, dtype=torch.float64, device=first.device)
    ratio = (last - first) / count
    edge = first + cell * ratio
    area = (torch.minimum(edge + ratio, pixel + 1) - torch.maximum(edge, pixel)).clamp_min(0) / ratio
    place = first + torch.minimum(((cell + 0.5) * ratio - 0.5).clamp_min(0), last - first - 1)
    linear = (1 - (place - pixel).abs()).clamp_min(0)
    return (torch.where(shrinks, area, linear) * (cell < count)).float()


def in_image(
    values: Float[Tensor, "side side"], frame: Float64[Tensor, "6"], height: int, width: int
) -> tuple[Float[Tensor, "h w"], Bool[Tensor, "h w"]]:
    """Values of a window in the pixels of its image, linearly interpolated, and which of these lie in its box.

    Args:
        values: of the window, in the square.
        frame: see `frame_of`.
        height: of the image.
        width: of the image.
    """
    left, top, right, bottom, columns, rows = frame
    axes, inside = [], []
    for first, last, count, length in ((top, bottom, rows, height), (left, right, columns, width)):
        pixel = torch.arange(length, dtype=torch.float64, device=frame.device)
        place = torch.minimum(((pixel - first + 0.5) * (count / (last - first)) - 0.5).clamp_min(0), count - 1)
        axes.append(place)
        inside.append((pixel >= first) & (pixel < last))
    return sampled(values, *axes), inside[0][:, None] & inside[1]


def sampled(
    values: Float[Tensor, "side side"], rows: Float64[Tensor, " h"], columns: Float64[Tensor, " w"]
) -> Float[Tensor, "h w"]:
    """Values in the square at rows and columns, counted from the centre of the first pixel, linearly interpolated."""
    y, x = (((2 * place + 1) / SIDE - 1).float() for place in (rows, columns))
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
    return functional.grid_sample(values[None, None], grid, padding_mode="border", align_corners=False)[0, 0]
