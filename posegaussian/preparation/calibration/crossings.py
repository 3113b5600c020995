"""Corners of squares, where two edges cross, from the edges to both sides of each.

`cv2.cornerSubPix` looks at a window around the corner. Beside the corners of a ChArUco board it may be no larger than
the way to the next marker, 2 to 4 pixels, and noise moves them by 0.1 px. Along the edges nothing is in the way.
"""

import numpy as np
from jaxtyping import Float, UInt8

from posegaussian.preparation.calibration.edges import edge_offsets

_ALONG = np.linspace(0.12, 0.88, 24)
"""Where an edge is sampled, as shares of its length: not near corners, where edges cross. Chosen by hand."""
_LONGEST = 12.0
"""Edges are sampled this far from a corner at most, pixels. Chosen by hand: lenses bend them. One of k1 = -0.12 and a
focal length of 900 px bends an edge at the border of the image by 0.01 px, on average over this length."""
_ROUNDS = 3
"""Times that edges are looked for, each around the corners of the one before; chosen by hand."""
_FAINT = 0.5
"""Samples of less than this share of the edge's median contrast are left out: something is in the way. By hand."""
_MOST_MOVED = 2.0
"""Corners that would move further than this, pixels, and further than the reach, stay. Chosen by hand."""


def refined_crossings(
    grey: UInt8[np.ndarray, "h w"],
    corners: Float[np.ndarray, "n 2"],
    edges: Float[np.ndarray, "n 2 2"],
    reach: Float[np.ndarray, "n 2"],
) -> Float[np.ndarray, "n 2"]:
    """Corners where the lines through their two edges cross; pixel centres at integers.

    Args:
        grey: the image.
        corners: exact to about `reach`.
        edges: vectors from each corner along its two edges to the next corner, pixels.
        reach: how far from each edge nothing else is printed, pixels.
    """
    levels, lengths = grey.astype(float), np.linalg.norm(edges, axis=2)
    along = edges / lengths[..., None]
    normals = np.stack([-along[..., 1], along[..., 0]], axis=2)
    steps = np.minimum(lengths, _LONGEST)[..., None, None] * np.stack([-_ALONG, _ALONG])  # of both halves of an edge
    both = np.repeat(normals[:, :, None], 2, axis=2), np.repeat(reach[:, :, None], 2, axis=2)
    found = corners
    for _ in range(_ROUNDS):
        places = found[:, None, None, None] + steps[..., None] * along[:, :, None, None]
        offsets, contrast = edge_offsets(levels, places, *both)
        crossing = (contrast[:, :, 0].sum(2) * contrast[:, :, 1].sum(2) < 0).all(1)  # dark and bright change sides
        shift = np.linalg.solve(normals, _at_corner(steps, offsets, abs(contrast))[..., None])[..., 0]
        found = np.where(crossing[:, None], found + shift, found)
    near = np.linalg.norm(found - corners, axis=1) <= np.maximum(reach.max(1), _MOST_MOVED)
    return np.where(near[:, None], found, corners)


def _at_corner(steps: np.ndarray, offsets: np.ndarray, contrast: np.ndarray) -> Float[np.ndarray, "n 2"]:
    """Offsets at step 0 of lines fitted to the offsets along each edge, weighted by the contrast."""
    steps, offsets, contrast = (each.reshape(*each.shape[:2], -1) for each in (steps, offsets, contrast))
    weights = np.where(contrast >= _FAINT * np.median(contrast, axis=2, keepdims=True), contrast, 0) + 1e-9
    total = weights.sum(2)
    step, offset = (weights * steps).sum(2) / total, (weights * offsets).sum(2) / total
    apart = steps - step[..., None]
    slope = (weights * apart * offsets).sum(2) / (weights * apart**2).sum(2)
    return offset - slope * step
