"""Heatmaps resampled from the frame of a detector's box into the frame of the image. NumPy alone."""

import numpy as np

STRIDE = 4
"""Image pixels per cell, on either axis: cell (i, j) covers rows 4i..4i+3 and columns 4j..4j+3."""


def resample_maps(maps: np.ndarray, first: np.ndarray, pitch: np.ndarray, width: int, height: int) -> np.ndarray:
    """Maps resampled linearly from the frame of a box into that of the image; zero outside the box.

    Boxes are parallel to the image's axes, so the resampling separates into one small matrix per axis. Where the maps
    are finer than the image's cells, the linear kernel is as wide as a cell, so that no peak is lost between samples.

    Args:
        maps: (joints, rows, columns).
        first: (x, y) of the centre of the map's first cell, in image pixels (centres at +0.5).
        pitch: (x, y) distance between the centres of its cells, in image pixels.
        width: the image's, a multiple of STRIDE.
        height: the image's, a multiple of STRIDE.

    Returns:
        (joints, height / STRIDE, width / STRIDE), float32.
    """
    across = axis_weights(width // STRIDE, maps.shape[2], first[0], pitch[0])
    down = axis_weights(height // STRIDE, maps.shape[1], first[1], pitch[1])
    return down @ maps.astype(np.float32) @ across.T


def axis_weights(cells: int, samples: int, first: float, pitch: float) -> np.ndarray:
    """Weights (cells, samples) of the interpolation from samples at `first + pitch * index` to the centres of cells."""
    centres = STRIDE * (np.arange(cells) + 0.5)
    distance = np.abs((centres[:, None] - first) / pitch - np.arange(samples))
    reach = max(1.0, STRIDE / pitch)  # half width of the kernel, in samples
    return (np.maximum(0.0, 1.0 - distance / reach) / reach).astype(np.float32)
