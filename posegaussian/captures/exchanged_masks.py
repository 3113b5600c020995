"""Masks of two cameras that are exchanged: each follows the outline of the person in the other camera's image."""

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int, UInt8

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
    edges = {name: _Edges.of(image) for name, image in images.items()}
    outlines = {name: _Outline.of(mask) for name, mask in masks.items()}
    own = {name: _fit(outlines[name], edges[name]) for name in images}
    found = []
    for a, b in combinations(images, 2):
        if images[a].shape != images[b].shape:
            continue
        other = np.sqrt(_fit(outlines[a], edges[b]) * _fit(outlines[b], edges[a]))
        if other > _CLEAR and other > _CLEAR * np.sqrt(own[a] * own[b]):
            found.append((a, b))
    return found


class _Edges(NamedTuple):
    """The edges of an image."""

    gradients: Float32[np.ndarray, "2 h w 3"]
    strength: Float32[np.ndarray, "h w"]

    @staticmethod
    def of(image: UInt8[np.ndarray, "_ _ 3"]) -> "_Edges":
        gradients = _gradients(image)
        return _Edges(gradients, np.linalg.norm(gradients, axis=0).max(-1))


class _Outline(NamedTuple):
    """The n pixels around the outline of a mask; few, so that every mask can be tried on every image."""

    rows: Int[np.ndarray, " n"]
    columns: Int[np.ndarray, " n"]
    gradients: Float32[np.ndarray, "2 n"]

    @staticmethod
    def of(mask: Bool[np.ndarray, "_ _"]) -> "_Outline":
        gradients = _gradients(255 * mask.astype(np.uint8))
        rows, columns = np.nonzero(gradients.any(0))
        return _Outline(rows, columns, gradients[:, rows, columns])


def _gradients(image: UInt8[np.ndarray, "_ _ *channels"]) -> Float32[np.ndarray, "2 h w *channels"]:
    """Horizontal and vertical gradients of a blurred image."""
    longer = max(image.shape[:2])
    scale = min(1.0, _SIZE / longer)
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    blurred = cv2.GaussianBlur(small, (0, 0), _BLUR * scale * longer)
    return np.stack([cv2.Sobel(blurred, cv2.CV_32F, 1, 0), cv2.Sobel(blurred, cv2.CV_32F, 0, 1)])


def _fit(outline: _Outline, edges: _Edges) -> float:
    """Mean strength of the edges along an outline, across it, over that of all edges in the outline's box."""
    rows, columns, gradients = outline
    if not len(rows):
        return 0.0
    box = edges.strength[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    across = np.abs((edges.gradients[:, rows, columns] * gradients[..., None]).sum(0)).max(-1)
    return float(across.sum() / np.linalg.norm(gradients, axis=0).sum() / (box.mean() + 1e-6))
