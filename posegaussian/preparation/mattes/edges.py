"""A rough mask refined: GrabCut at a moderate size, then soft edges that follow the image."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from posegaussian.geometry.masks import bounding_box

_PADDING, _LEAST_PADDING = 0.1, 4
"""Room around the mask's box: a share of its longer side, and pixels. Chosen by hand."""
_GRAB_CUT_SIZE = 480
"""Longest side of the crop that GrabCut gets, pixels; its time grows with the area. Chosen by hand."""
_ITERATIONS = 3
"""Iterations of GrabCut. Chosen by hand."""
_SURE = 0.012
"""Pixels further inside the rough mask than this are certain, and those twice as far outside are certainly not the
person; as a share of the person's size. Chosen by hand."""
_SPECK = 0.002
"""Components and holes smaller than this share of the person are removed or filled. Chosen by hand."""
_SOFT = 1 / 400
"""Radius of the guided filter as a share of the person's size, at least one pixel. Chosen by hand."""
_EPSILON = 1e-3
"""Epsilon of the guided filter: edges of less variance (of images in [0, 1]) are smoothed. Chosen by hand."""
_SHARPEN = 1.25
"""The filtered coverage is stretched about 0.5 by this factor, so that it reaches 0 and 1. Chosen by hand."""


def refine_mask(
    image: UInt8[np.ndarray, "h w 3"],
    rough: Bool[np.ndarray, "h w"],
    region: Bool[np.ndarray, "h w"],
    sure: Bool[np.ndarray, "h w"],
) -> UInt8[np.ndarray, "h w"]:
    """Coverage of the person, 0..255.

    Args:
        image: RGB.
        rough: approximate mask of the person; not empty.
        region: pixels outside are certainly not the person.
        sure: pixels that certainly are the person, such as those along the bones of a known pose.
    """
    box = _padded_box(rough | sure)
    coverage = np.zeros(rough.shape, np.uint8)
    coverage[box] = _guided_filter(image[box], _grab_cut(image[box], rough[box], region[box], sure[box]))
    return coverage


def _padded_box(mask: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """Rows and columns of the mask's bounding box, padded."""
    box = bounding_box(mask)
    assert box is not None, "callers refuse an empty mask"
    x0, y0, x1, y1 = box
    room = round(_PADDING * (max(x1 - x0, y1 - y0) - 1)) + _LEAST_PADDING
    height, width = mask.shape
    return slice(max(0, y0 - room), min(height, y1 + room)), slice(max(0, x0 - room), min(width, x1 + room))


def _grab_cut(image: np.ndarray, rough: np.ndarray, region: np.ndarray, sure: np.ndarray) -> Bool[np.ndarray, "h w"]:
    """Mask by GrabCut (Rother et al., 2004), which decides the pixels that are neither certain nor excluded."""
    height, width = rough.shape
    scale = min(1.0, _GRAB_CUT_SIZE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    rough, region, sure = (
        cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0 for mask in (rough, region, sure)
    )
    rough &= region
    step = max(2.0, _SURE * max(size))
    inside = cv2.distanceTransform(rough.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~rough).astype(np.uint8), cv2.DIST_L2, 5)
    labels = np.where(rough, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[(inside > step) | sure] = cv2.GC_FGD
    labels[((outside > 2 * step) | ~region) & ~sure] = cv2.GC_BGD
    if (labels == cv2.GC_BGD).any() and (labels == cv2.GC_FGD).any():
        cv2.setRNGSeed(0)  # GrabCut starts with k-means: the same image has to give the same mask
        models, unused = (np.zeros((1, 65)), np.zeros((1, 65))), (0, 0, 1, 1)
        bgr = np.ascontiguousarray(small[..., ::-1])
        cv2.grabCut(bgr, labels, unused, *models, _ITERATIONS, cv2.GC_INIT_WITH_MASK)
    found = _without_specks((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    smooth = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth >= 0.5


def _without_specks(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Mask without small components and small holes."""
    least = _SPECK * mask.sum()
    for value in (True, False):
        _, components, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8), connectivity=4)
        small = stats[:, cv2.CC_STAT_AREA] < least
        small[0] = False  # the label of the other value
        mask = np.where(small[components], not value, mask)
    return mask


def _guided_filter(image: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Coverage, 0..255, with edges softened by the guided filter (He et al., 2013) in a narrow band."""
    radius = max(1, round(_SOFT * max(mask.shape)))
    guide, sharp = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, mask.astype(np.float32)
    size = 2 * radius + 1, 2 * radius + 1
    mean_guide, mean_mask = cv2.blur(guide, size), cv2.blur(sharp, size)
    variance = cv2.blur(guide * guide, size) - mean_guide**2
    slope = (cv2.blur(guide * sharp, size) - mean_guide * mean_mask) / (variance + _EPSILON)
    soft: Float32[np.ndarray, "h w"] = cv2.blur(slope, size) * guide + cv2.blur(mean_mask - slope * mean_guide, size)
    return np.rint(255 * np.clip(_SHARPEN * soft - (_SHARPEN - 1) / 2, 0, 1)).astype(np.uint8)
