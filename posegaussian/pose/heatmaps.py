"""Heatmaps resampled from the frame of a detector's box into the frame of the image. NumPy alone."""

import numpy as np

STRIDE = 4
"""Cell (i, j) of a placed map covers image pixels 4i..4i+3, 4j..4j+3."""


def resample_maps(maps: np.ndarray, first: np.ndarray, pitch: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resample maps from a box's frame into the image's, linearly; zero outside the box.

    A box is never turned, so that the resampling separates into one small matrix per axis. Where the map is finer than
    the image's cells, the linear kernel widens to a cell, so that nothing falls between two samples.

    Args:
        maps: (joints, rows, columns).
        first: (x, y) of the centre of the map's first cell, in image pixels (centres at +0.5).
        pitch: (x, y) distance between the centres of its cells, in image pixels.
        width: the image's, a multiple of STRIDE.
        height: the image's, a multiple of STRIDE.

    Returns:
        (joints, height / STRIDE, width / STRIDE), float32.
    """
    across = _weights(width // STRIDE, maps.shape[2], first[0], pitch[0])
    down = _weights(height // STRIDE, maps.shape[1], first[1], pitch[1])
    return down @ maps.astype(np.float32) @ across.T


def _weights(cells: int, samples: int, first: float, pitch: float) -> np.ndarray:
    """Linear interpolation from samples at `first + pitch * index` to the centres of cells: (cells, samples)."""
    centres = STRIDE * (np.arange(cells) + 0.5)
    distance = np.abs((centres[:, None] - first) / pitch - np.arange(samples))
    reach = max(1.0, STRIDE / pitch)
    return (np.maximum(0.0, 1.0 - distance / reach) / reach).astype(np.float32)
