"""A rough mask made exact: GrabCut at a moderate size, then soft edges that follow the picture."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

_SIZE = 480
"""GrabCut sees the person at this height or width at the most, pixels."""
_ROUNDS = 3
"""GrabCut's iterations."""
_SURE = 0.012
"""A rough mask is trusted this far inside its edge, and distrusted as far outside, as a share of the person's size."""
_SPECK = 0.002
"""Patches and holes smaller than this share of the person are filled or removed."""
_SOFT = 1 / 400
"""Radius of the soft edge as a share of the person's size, at least one pixel."""
_CONTRAST = 1e-3
"""The guided filter's epsilon: edges of less variance (of pictures in [0, 1]) are smoothed over."""


def refine_mask(
    picture: UInt8[np.ndarray, "h w 3"],
    rough: Bool[np.ndarray, "h w"],
    region: Bool[np.ndarray, "h w"],
    sure: Bool[np.ndarray, "h w"],
) -> UInt8[np.ndarray, "h w"]:
    """The person's coverage, 0..255.

    Args:
        picture: RGB.
        rough: about where the person is.
        region: beyond this the person is not.
        sure: here the person is for sure, such as along the bones of a known pose.
    """
    box = _box(rough | sure, picture.shape[:2])
    coverage = np.zeros(rough.shape, np.uint8)
    coverage[box] = _soft(picture[box], _grab(picture[box], rough[box], region[box], sure[box]))
    return coverage


def _box(mask: Bool[np.ndarray, "h w"], shape: tuple[int, int]) -> tuple[slice, slice]:
    """The mask's box with room around it."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    room = round(0.1 * max(np.ptp(rows), np.ptp(columns))) + 4
    return (
        slice(max(0, rows[0] - room), min(shape[0], rows[-1] + room + 1)),
        slice(max(0, columns[0] - room), min(shape[1], columns[-1] + room + 1)),
    )


def _grab(picture: np.ndarray, rough: np.ndarray, region: np.ndarray, sure: np.ndarray) -> Bool[np.ndarray, "h w"]:
    """GrabCut (Rother et al., 2004) between what is surely the person and what surely is not."""
    height, width = rough.shape
    scale = min(1.0, _SIZE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
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
        cv2.setRNGSeed(0)
        models, unused = (np.zeros((1, 65)), np.zeros((1, 65))), (0, 0, 1, 1)
        bgr = np.ascontiguousarray(small[..., ::-1])
        cv2.grabCut(bgr, labels, unused, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = _without_specks((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    smooth = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return smooth >= 0.5


def _without_specks(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Small patches are removed and small holes filled."""
    least = _SPECK * mask.sum()
    for value in (True, False):
        _, patches, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8), connectivity=4)
        small = stats[:, cv2.CC_STAT_AREA] < least
        small[0] = False
        mask = np.where(small[patches], not value, mask)
    return mask


def _soft(picture: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Soft edges by the guided filter (He et al., 2013), in a narrow band about the mask's edge."""
    radius = max(1, round(_SOFT * max(mask.shape)))
    guide, sharp = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255, mask.astype(np.float32)
    size = 2 * radius + 1, 2 * radius + 1
    mean_guide, mean_mask = cv2.blur(guide, size), cv2.blur(sharp, size)
    variance = cv2.blur(guide * guide, size) - mean_guide**2
    slope = (cv2.blur(guide * sharp, size) - mean_guide * mean_mask) / (variance + _CONTRAST)
    soft: Float32[np.ndarray, "h w"] = cv2.blur(slope, size) * guide + cv2.blur(mean_mask - slope * mean_guide, size)
    return np.rint(255 * np.clip(1.25 * soft - 0.125, 0, 1)).astype(np.uint8)
