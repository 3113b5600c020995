"""Which pixels of a mask are the person, and where they lie. NumPy alone: the MMPose environment imports it.

A mask is coverage, 0..255 (docs/conventions.md). Pixels are (x, y), centres at +0.5.
"""

import numpy as np

PERSON = 128
"""A pixel with at least this coverage, half of 255, is a pixel of the person."""


def is_person(mask: np.ndarray) -> np.ndarray:
    """Boolean mask of the pixels that the person covers by half or more, of the same shape."""
    return mask >= PERSON


def bounding_box(inside: np.ndarray) -> tuple[int, int, int, int] | None:
    """Edges (x0, y0, x1, y1) of the smallest box that holds all true pixels of (h, w); None where there are none."""
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if not columns.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def centroid(inside: np.ndarray) -> np.ndarray:
    """Mean (x, y) of the centres of the true pixels of (h, w); NaN where there are none."""
    rows, columns = np.nonzero(inside)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])
