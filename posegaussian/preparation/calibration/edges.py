"""Where printed edges lie in an image, to a fraction of a pixel."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import map_coordinates

_ACROSS = np.linspace(-1, 1, 25)
"""Where profiles are sampled across an edge, as shares of the reach: fine enough for reaches of some pixels."""


def edge_offsets(
    levels: Float[np.ndarray, "h w"],
    places: Float[np.ndarray, "*edges samples 2"],
    normals: Float[np.ndarray, "*edges 2"],
    reach: Float[np.ndarray, "*edges"],
) -> tuple[Float[np.ndarray, "*edges samples"], Float[np.ndarray, "*edges samples"]]:
    """How far edges lie from places near them, along their normals, and their contrast.

    Across each place, the edge lies at the mean of the slope of the grey levels.

    Args:
        levels: the image.
        places: pixel centres at integers.
        normals: unit vectors across the edges.
        reach: how far from each edge nothing else is printed, pixels.

    Returns:
        The offsets, pixels, and the contrasts, grey levels: negative where the image becomes darker along the normal.
    """
    steps = reach[..., None] * _ACROSS
    around = places[..., None, :] + steps[..., None, :, None] * normals[..., None, None, :]
    slopes = np.diff(map_coordinates(levels, [around[..., 1], around[..., 0]], order=1, mode="nearest"), axis=-1)
    rising = np.where(slopes.sum((-2, -1), keepdims=True) < 0, -1.0, 1.0)
    slopes = np.maximum(rising * slopes, 0)
    middles = (steps[..., 1:] + steps[..., :-1]) / 2
    contrast = slopes.sum(-1)
    return (slopes * middles[..., None, :]).sum(-1) / np.maximum(contrast, 1e-9), rising[..., 0] * contrast
