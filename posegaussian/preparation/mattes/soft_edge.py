"""From log-odds in a window to coverage of the image: what is kept of them, and edges that follow the image."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from posegaussian.geometry.masks import is_person
from posegaussian.preparation.mattes.guided_filter import guided_filter
from posegaussian.preparation.mattes.window import Window

_SPECK = 0.01
"""Components smaller than this share of the person are removed, if the coarse matte does not know them. By hand."""

ANCHOR = 0.02
"""Distance from the edge of the coarse matte beyond which it counts, as a share of the window's longer side. Of 0.01 to
0.04, 0.02 gave the best median IoU inside and outside on people 101 to 112 of `val`: 0.972 instead of 0.971."""
SURE = 15
"""The coarse matte is sure where it differs from 0 or 255 by at most this. Chosen by hand."""
HELD = 2.5
"""Log-odds to which the coarse matte holds the fine one; other evidence can outweigh them. Chosen by hand."""
YIELD = 2.0
"""Slope with which this yields to log-odds above 0 where the coarse matte is sure that nobody is there, since it lacks
what people hold and wear: from HELD / (YIELD - 1) on, 2.5, they count in full. Sharp limits at 1 and at 2.5 and a hold
that never yields gave a mean IoU of 0.968, 0.967 and 0.965 on people 161 to 188 of `val` with things, and the same on
125 to 144 without. With a steeper slope or a sharp limit, rounding changes more pixels between CPU and GPU."""
HAZE = 0.015
"""Soft coverage ends at this distance from what is more person than not, as a share of the window's longer side: 8
pixels of 512. Chosen by hand: wider than motion blur."""
NOTHING = -9.0
"""Log-odds of a coverage that is 0 in 8 bits."""
_FINER = 1.1
"""Pixels of the image in one of the window, above which its edges are looked for in the image. Chosen by hand."""
_REACH = 2.0
"""Radius of the guided filter, pixels of the window. Of 1 and 2, 2 gave the higher IoU on people 102, 105, 109, 111 of
`val`: 0.9766 instead of 0.9743, and 0.9719 without the filter."""
EPSILON = 1e-4
"""Of the guided filter. Of 1e-3 and 1e-4, it left the smaller difference of the coverage on the same people."""
UNSURE = 0.48
"""Coverage that differs from half by less than this is filtered. Chosen by hand: the rest is certain."""


def anchored(
    logits: Float32[np.ndarray, "h w"], coarse: UInt8[np.ndarray, "h w"], near: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w"]:
    """Log-odds that agree with the coarse matte where it is sure, far from its edge.

    The coarse matte is the work of a network that has seen many real people; the fine one has seen synthetic ones. But
    the coarse one often holds somebody or something close behind the person, so it is right about them alone. And it
    lacks what they hold, so outside of it the fine one is right where it is clear.

    Args:
        logits: that a pixel shows the person.
        coarse: the coarse matte, 0..255.
        near: where the coarse matte may be sure of the person; see `near_skeleton`.
    """
    person, reach = is_person(coarse), ANCHOR * max(coarse.shape)
    inside, outside = (cv2.distanceTransform(side.astype(np.uint8), cv2.DIST_L2, 5) for side in (person, ~person))
    logits = np.where(near & (inside > reach) & (coarse >= 255 - SURE), np.maximum(logits, HELD), logits)
    held = np.minimum(logits, np.maximum(-HELD, YIELD * logits - HELD))
    return np.where((outside > reach) & (coarse <= SURE), held, logits).astype(np.float32)


def keep_person(logits: Float32[np.ndarray, "h w"], coarse: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Log-odds without small components that the coarse matte does not know, and without haze beside the person.

    Args:
        logits: that a pixel shows the person.
        coarse: the coarse matte, 0..255.
    """
    dropped = small_components(logits > 0, coarse)
    away = ((logits <= 0) | dropped).astype(np.uint8)
    beside = cv2.distanceTransform(away, cv2.DIST_L2, 5) > HAZE * max(coarse.shape)
    return np.where(beside | dropped, np.minimum(logits, NOTHING), logits).astype(np.float32)


def small_components(person: Bool[np.ndarray, "h w"], coarse: UInt8[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels of small components that the coarse matte does not know.

    Args:
        person: what is more person than not.
        coarse: the coarse matte, 0..255.
    """
    found = cv2.connectedComponentsWithStats(person.astype(np.uint8), connectivity=8)
    labels, statistics = np.asarray(found[1], np.int32), found[2]
    small = statistics[:, cv2.CC_STAT_AREA] < _SPECK * np.count_nonzero(person)
    small[0] = False
    if small.any():
        small[labels[is_person(coarse)]] = False
    return small[labels] if small.any() else np.zeros_like(person)


def soft_coverage(window: Window, logits: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "_ _"]:
    """Coverage, 0..255, in the image's pixels of the window's box; edges follow the image where it is finer."""
    coverage = 1 / (1 + np.exp(-window.enlarged(logits)))
    radius = filter_radius(window)
    if radius is not None:
        guide = window.image[window.rows, window.columns].astype(np.float32) / 255
        followed = guided_filter(guide, coverage, radius, EPSILON)
        coverage = np.where(abs(coverage - 0.5) < UNSURE, np.clip(followed, 0, 1), coverage)
    return np.rint(255 * coverage).astype(np.uint8)


def filter_radius(window: Window) -> int | None:
    """Radius of the guided filter, pixels of the image; None where the image is no finer than the window."""
    coarseness = 1 / float(window.pitch.mean())
    return max(1, round(_REACH * coarseness)) if coarseness > _FINER else None
