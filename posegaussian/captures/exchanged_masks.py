"""Masks of two cameras that are exchanged: each follows the outline of the person in the other camera's image."""

from collections.abc import Mapping
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

_SIZE = 512
"""Longer side of the images and masks that are compared, pixels; larger ones are shrunk."""
_BLUR = 0.003
"""Standard deviation of the blur before gradients, as a share of the longer side: soft and ragged edges count, too."""
_CLEAR = 1.6
"""Exchanged masks fit each other's image so many times as well as their own, and edges under their outlines are so many
times as strong as others in its box. On 86 pairs of cameras (val people 101 to 110 in rooms and before walls, two
demo people at 160 px) 85 are found where exact masks are exchanged, and 81 where these are blurred by 4 px. Masks
that are not exchanged are never named: exact, blurred, boxes, cut in half, moved by 12 or 30 px, 3 or 8 px too large, 3
or 6 px too small. Of these the nearest has 1.50."""


def exchanged_masks(
    images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]], masks: Mapping[str, Bool[np.ndarray, "_ _"]]
) -> list[tuple[str, str]]:
    """The pairs of cameras whose masks are clearly exchanged.

    Args:
        images: of one frame, RGB, by camera.
        masks: of the same frame and cameras.
    """
    edges = {name: _gradients(image) for name, image in images.items()}
    outlines = {name: _gradients(255 * mask.astype(np.uint8)) for name, mask in masks.items()}
    found = []
    for a, b in combinations(images, 2):
        if images[a].shape != images[b].shape:
            continue
        other = np.sqrt(_fit(outlines[a], edges[b]) * _fit(outlines[b], edges[a]))
        own = np.sqrt(_fit(outlines[a], edges[a]) * _fit(outlines[b], edges[b]))
        if other > _CLEAR and other > _CLEAR * own:
            found.append((a, b))
    return found


def _gradients(image: UInt8[np.ndarray, "_ _ *channels"]) -> Float32[np.ndarray, "2 h w *channels"]:
    """Horizontal and vertical gradients of a blurred image."""
    longer = max(image.shape[:2])
    scale = min(1.0, _SIZE / longer)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    blurred = cv2.GaussianBlur(small, (0, 0), _BLUR * scale * longer)
    return np.stack([cv2.Sobel(blurred, cv2.CV_32F, 1, 0), cv2.Sobel(blurred, cv2.CV_32F, 0, 1)])


def _fit(outline: Float32[np.ndarray, "2 h w"], edges: Float32[np.ndarray, "2 h w 3"]) -> float:
    """Mean strength of the edges along an outline, across it, over that of all edges in the outline's box."""
    weights = np.linalg.norm(outline, axis=0)
    rows, columns = np.nonzero(weights)
    if not len(rows):
        return 0.0
    box = np.s_[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    outline, edges = outline[box], edges[box]
    across = np.abs((edges * outline[..., None]).sum(0)).max(-1)
    return float(across.sum() / weights.sum() / (np.linalg.norm(edges, axis=0).max(-1).mean() + 1e-6))
