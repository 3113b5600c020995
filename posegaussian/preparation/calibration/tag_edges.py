"""Corners of tags, from lines through their four sides.

Refinement of single corners (`cv2.cornerSubPix`) is for crossings of four squares: at a tag's corner, which is an L, it
ends 0.25 px inside.
"""

import numpy as np
from jaxtyping import Float, UInt8

from posegaussian.preparation.calibration.edges import edge_offsets

_ALONG = np.linspace(0.12, 0.88, 33)
"""Where a side is sampled, as shares of its length: not near corners, where two sides meet. Chosen by hand."""
_ROUNDS = 3
"""Times that sides are fitted, each from the corners of the one before; chosen by hand."""


def refined_tags(
    grey: UInt8[np.ndarray, "h w"], tags: Float[np.ndarray, "n 4 2"], reach: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n 4 2"]:
    """Corners where the lines through neighbouring sides cross; pixel centres at integers.

    Across each side, at 33 places, the edge lies at the mean of the slope of the grey levels. A line is fitted through
    these places by total least squares, weighted by the contrast.

    Args:
        grey: the image.
        tags: corners in a circle, exact to about `reach`.
        reach: how far from each tag's sides nothing else is printed, pixels.
    """
    levels = grey.astype(float)
    for _ in range(_ROUNDS):
        ends = np.roll(tags, -1, axis=1)
        side = ends - tags
        normal = np.stack([side[..., 1], -side[..., 0]], 2) / np.linalg.norm(side, axis=2, keepdims=True)
        base = tags[:, :, None] + _ALONG[:, None] * side[:, :, None]
        offset, contrast = edge_offsets(levels, base, normal, np.repeat(reach[:, None], 4, axis=1))
        weight = np.maximum(contrast, 0)  # outwards, a tag ends dark on white
        points = base + offset[..., None] * normal[:, :, None]
        lines = np.stack(
            [[_line(p, w) for p, w in zip(*sides, strict=True)] for sides in zip(points, weight, strict=True)]
        )
        crossings = np.cross(np.roll(lines, 1, axis=1), lines)
        moved = crossings[..., :2] / crossings[..., 2:]
        near = np.linalg.norm(moved - tags, axis=2, keepdims=True) <= 2 * reach[:, None, None]
        tags = np.where(near, moved, tags)
    return tags


def _line(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Homogeneous line nearest to weighted points."""
    total = max(float(weights.sum()), 1e-9)
    mean = (weights[:, None] * points).sum(0) / total
    spread = np.sqrt(weights)[:, None] * (points - mean)
    across = np.linalg.svd(spread, full_matrices=False)[2][-1]
    return np.array([*across, -across @ mean])
