"""Coverage of the person from the samples of a mask: mattes, two levels, labels, colours, palettes and cut-outs.

A matte is smooth: what lies between its lowest and its highest level are edges. Labels are flat regions of few levels.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Int, UInt8

from posegaussian.captures.mask_planes import (
    COLOR_NOISE,
    GREY,
    NOISE,
    Levels,
    Palette,
    Plane,
    Samples,
    level_counts,
    plane_of,
    strength,
    whole_numbers,
)
from posegaussian.config.rectify import ANY_LABEL, MaskLabel
from posegaussian.errors import CaptureError

Mask = UInt8[np.ndarray, "h w"]
MOST_BORDER = 0.8
"""Share of the image's border that no person covers: one who fills all but the image's top covers 0.75. By hand."""
_SCALES = (255, 1023, 4095, 16383, 65535)
"""Highest levels of samples of 8, 10, 12, 14 and 16 bits."""
_FLAT = 0.25
"""Labels: of the pixels between the lowest and the highest level, at least this share has equal neighbours. Chosen by
hand: a label keeps more than half of its pixels once its edge is taken off, a matte's edge next to none."""
_FULL = 0.5
"""A mask that covers this share of its pixels fully is a matte; one with less may be. Chosen by hand."""
_EDGE, _LEAST_EDGE = 1 / 32, 8
"""Half the width of the softest edge, as a share of the image's longer side and in pixels. Chosen by hand."""
_MOST_INNER = 0.1
"""Share of the covered pixels that may be neither covered fully nor belong to an edge: images and depth maps have more.
Chosen by hand."""
_NOISY = 3
"""The noise of compression has at least so many levels; fewer may be labels. Chosen by hand."""
_LEAST_PARTS = 5
"""Labels on one body that are its parts: head, trunk, arms, legs and one more; fewer may be objects. Chosen by hand."""
_ONE_BODY = 0.8
"""Share of all labelled pixels that the largest connected region of body parts has at least. Chosen by hand."""
_CLEAR = 0.98
"""Of the pixels that are not 0, the share that makes one label the person: the rest are strays. Chosen by hand."""
_MOST_LISTED = 8
"""Labels that a message lists. Chosen by hand."""


def coverage(
    samples: Samples, label: MaskLabel | None = None, palette: Palette | None = None, *, lossy: bool = False
) -> Mask:
    """Coverage of the person, 0..255, from the samples of an image file.

    Args:
        samples: of 1, 8 or 16 bits; grey or RGB, with alpha or without; or indices of a palette.
        label: the person's label; None: find out. 0: black, so that a matte or a mask of two levels is inverted.
        palette: None where the samples are no indices.
        lossy: whether the file is compressed with losses, so that equal pixels differ a little.

    Raises:
        CaptureError: the image is no mask, holds several labels, or not the named one; the error names no file.
    """
    if label == ANY_LABEL:
        return _binary(strength(samples, palette) > (NOISE if lossy else 0))
    if label not in (None, 0):
        return _labelled(samples, label, palette, lossy)
    plane = plane_of(samples, palette, lossy=lossy)
    counts = level_counts(plane.levels)
    found = np.flatnonzero(counts)
    if len(found) <= 2:
        mask = _binary(plane.levels > (found[0] if len(found) == 2 else 0))
    elif not _holds_labels(plane.levels, counts, lossy):
        mask = _matte(plane.levels, counts, lossy)
    elif label == 0:
        return _binary(plane.levels == 0)
    else:
        mask = _only_label(plane, counts)
    return 255 - mask if label == 0 else mask


def border_share(inside: Bool[np.ndarray, "h w"]) -> float:
    """Mean over the four sides of the image of the share of the side's pixels that are inside."""
    return float(np.mean([side.mean() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1])]))


def _binary(inside: Bool[np.ndarray, "h w"]) -> Mask:
    return inside.view(np.uint8) * np.uint8(255)


def _labelled(samples: Samples, label: MaskLabel, palette: Palette | None, lossy: bool) -> Mask:
    """255 where a pixel has the label: a level, an index of the palette, or a colour #rrggbb."""
    values = whole_numbers(samples) if palette is None else samples
    if isinstance(label, str):
        colors = values if palette is None else palette[values]
        rgb = colors[..., :3] if colors.ndim == 3 and colors.shape[2] > 2 else np.dstack([colors] * 3)[..., :3]
        wanted = [int(label[place : place + 2], 16) for place in (1, 3, 5)]
        inside = np.asarray((abs(rgb.astype(int) - wanted) <= (COLOR_NOISE if lossy else 0)).all(axis=2))
    else:
        grey = values[..., 0] if values.ndim == 3 else values
        inside = abs(grey.astype(int) - label) <= (NOISE if lossy else 0)
        if values.ndim == 3 and values.shape[2] > 2:
            inside &= np.ptp(values[..., :3], axis=2) <= GREY
    if not inside.any():
        plane = plane_of(samples, palette, lossy=lossy)
        what = f"the mask is empty: no pixel has the label {label} ({_listed(plane, level_counts(plane.levels))})"
        raise CaptureError(what, code="empty-mask")
    return _binary(inside)


def _holds_labels(levels: Levels, counts: Int[np.ndarray, " n"], lossy: bool) -> bool:
    """Whether what lies between the lowest and the highest level are flat regions, not edges."""
    between = _between(counts)
    if counts[between].sum() <= (1 - _CLEAR) * counts[1:].sum():
        return False
    chosen = np.zeros(len(counts), np.uint8)
    chosen[between] = 1
    candidates = cv2.LUT(levels, chosen) if levels.dtype == np.uint8 else chosen[levels]
    square = np.ones((3, 3), np.uint8)
    spread = cv2.subtract(cv2.dilate(levels, square), cv2.erode(levels, square))
    flat = cv2.countNonZero(cv2.min(candidates, (spread <= (NOISE if lossy else 0)).view(np.uint8)))
    return bool(flat > _FLAT * counts[between].sum())


def _between(counts: Int[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """Levels between the lowest and the highest, without the noise of compression next to these."""
    found = np.flatnonzero(counts)
    lowest, highest, between = int(found[0]), int(found[-1]), found[1:-1]
    if highest - lowest < 128:
        return between
    noise = NOISE * _scale(highest) / 255
    near = (between - lowest <= noise) | (highest - between <= noise)
    if np.count_nonzero(near) < _NOISY:
        return between
    person = counts[round(highest - noise) :].sum()
    return between[~near | (counts[between] > person)]  # a level with more pixels than the person has is no noise


def _only_label(plane: Plane, counts: Int[np.ndarray, " n"]) -> Mask:
    """255 for the label that is clearly the person: the only frequent one, or all of them where they are body parts.

    Raises:
        CaptureError: it is not clear which.
    """
    found = np.flatnonzero(counts)
    labels = found[found > 0]
    largest = labels[counts[labels].argmax()]
    if found[0] == 0 and counts[largest] >= _CLEAR * counts[labels].sum():
        return _binary(plane.levels == largest)
    if found[0] == 0 and len(labels) >= _LEAST_PARTS and _is_one_body(plane.levels > 0):
        return _binary(plane.levels > 0)
    what = f"the mask holds several labels, and it is not clear which is the person: {_listed(plane, counts)}"
    hint = f"set rectify.mask_label (import: --mask-label) to one of them, or to {ANY_LABEL} for all but 0"
    raise CaptureError(what, code="several-labels", hint=hint)


def _is_one_body(inside: Bool[np.ndarray, "h w"]) -> bool:
    """Whether most pixels are connected, and leave part of the image's border free."""
    areas = cv2.connectedComponentsWithStats(inside.view(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    return bool(areas.max() >= _ONE_BODY * areas.sum() and border_share(inside) < MOST_BORDER)


def _matte(levels: Levels, counts: Int[np.ndarray, " n"], lossy: bool) -> Mask:
    """Coverage of a smooth mask, stretched where its lowest level is not black or its highest not white.

    Raises:
        CaptureError: too many pixels are neither covered fully nor on an edge.
    """
    found = np.flatnonzero(counts)
    lowest, highest = int(found[0]), int(found[-1])
    scale = _scale(highest)
    full = scale if highest >= scale * (1 - NOISE / 255) else highest
    noise = (full - lowest) * NOISE / 255
    covered, white = counts[round(lowest + noise) + 1 :].sum(), counts[round(full - noise) :].sum()
    if white < _FULL * covered and _inner(levels, lowest + noise, full - noise) > _MOST_INNER * covered:
        what = "not a mask: neither a matte, white where the person is, nor labels"
        raise CaptureError(what, code="not-a-mask", hint="is it an image, or a depth map?")
    if (lowest, full, lossy) == (0, 255, False):
        return levels.astype(np.uint8, copy=False)
    mask = np.rint((levels - np.float32(lowest)) / np.float32((full - lowest) / 255)).clip(0, 255).astype(np.uint8)
    if lossy:
        mask[mask <= NOISE], mask[mask >= 255 - NOISE] = 0, 255
    return mask


def _inner(levels: Levels, low: float, high: float) -> int:
    """Number of pixels between two levels that are far from all others."""
    between = (levels > low) & (levels < high)
    distance = cv2.distanceTransform(np.pad(between, 1).view(np.uint8), cv2.DIST_L2, 3)
    return int(np.count_nonzero(distance > max(_LEAST_EDGE, _EDGE * max(levels.shape))))


def _scale(highest: int) -> int:
    """Highest level of samples of as few bits as hold this one."""
    return next(scale for scale in _SCALES if highest <= scale)


def _listed(plane: Plane, counts: Int[np.ndarray, " n"]) -> str:
    """Labels with their share of the image, the most frequent first."""
    found = sorted(np.flatnonzero(counts).tolist(), key=lambda level: -counts[level])
    shown = [f"{plane.name(level)}: {100 * counts[level] / counts.sum():.2g} %" for level in found[:_MOST_LISTED]]
    return ", ".join(shown) + (f" and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else "")
