"""One frame: its rectified stereo pairs and undistorted held-out images, from images in memory or from a capture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.geometry.compositing import band_around, with_background
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.masks import bounding_box, is_person
from posegaussian.geometry.resampling import (
    SamplingMap,
    resample_depth_at,
    resample_levels,
    resample_where,
    unit,
)
from posegaussian.parallel import in_order
from posegaussian.preparation.color import IDENTITY
from posegaussian.preparation.color_kernels import transform_levels
from posegaussian.preparation.mattes.compositing import BACKGROUND_REACH, without_background
from posegaussian.preparation.mattes.computed import mask_confidence, masks_at_hand
from posegaussian.preparation.rectification_plan import PairPlan, RectificationPlan, ViewPlan

Filmed = UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w 3"]
"""RGB: levels of 8 bits, or values in [0, 1]."""
_BEYOND = 2
"""Pixels beyond the band around the person that resampling reaches, since the sizes of the bands are rounded."""


@dataclass(frozen=True)
class CameraFrame:
    """One frame of one camera, as the camera recorded it."""

    image: UInt8[np.ndarray, "h w 3"]  # RGB
    mask: UInt8[np.ndarray, "h w"]  # coverage of the person, 0..255
    # along the optical axis, metres, 0 where unknown; None where the camera has no depth
    depth: Float32[np.ndarray, "h w"] | None = None
    confidence: float | None = None  # of the mask, in [0, 1]; None where it is not known


@dataclass(frozen=True)
class RectifiedView:
    """One frame of one camera, resampled into its pinhole camera."""

    # RGB as filmed in a band around the person, black beyond; `geometry.compositing.person_on_black` is the person
    # alone
    image: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]  # coverage of the person, 0..255
    # of the person along the new optical axis, metres, 0 where unknown; None where the camera has no depth
    depth: Float32[np.ndarray, "h w"] | None = None
    # where the depth was interpolated on one surface; None where there is no depth
    smooth: Bool[np.ndarray, "h w"] | None = None
    confidence: float | None = None  # of the mask, in [0, 1]; None where it is not known


@dataclass(frozen=True)
class RectifiedPair:
    """One frame of a rectified pair, left and right."""

    images: UInt8[np.ndarray, "2 h w 3"]  # RGB as filmed in a band around the person, black beyond
    masks: UInt8[np.ndarray, "2 h w"]  # coverage of the person, 0..255
    disparity: Float32[np.ndarray, "2 h w"] | None = None  # x_left - x_right, pixels; None where a camera has no depth
    valid: Bool[np.ndarray, "2 h w"] | None = None  # where the disparity is known; None where there is no disparity
    confidence: Float[np.ndarray, "2"] | None = None  # of the masks, in [0, 1]; None where one is not known


@dataclass(frozen=True)
class RectifiedFrame:
    """Rectified pairs and undistorted held-out images of one frame, in the order of the plan."""

    pairs: tuple[RectifiedPair, ...]
    held_out: tuple[RectifiedView, ...] = ()


def read_views(plan: RectificationPlan, capture: Capture, frame: int) -> dict[str, CameraFrame]:
    """One frame of the cameras of a plan; each image, mask and depth is read once, also where pairs share a camera."""
    return {name: _read_camera(capture, name, frame) for name in plan.names}


def read_ahead(plan: RectificationPlan, capture: Capture, frames: Sequence[int]) -> Iterator[dict[str, CameraFrame]]:
    """What `read_views` returns for each frame, read ahead by a thread for each camera.

    One thread reads a camera, since videos are decoded in their order. Masks that are neither given nor known yet are
    computed from all cameras together: then one thread reads all cameras.
    """
    if not masks_at_hand(capture, plan.names, frames):
        yield from in_order(partial(read_views, plan, capture), frames, threads=1)
        return
    cameras = [in_order(partial(_read_camera, capture, name), frames, threads=1) for name in plan.names]
    for views in zip(*cameras, strict=True):
        yield dict(zip(plan.names, views, strict=True))


def _read_camera(capture: Capture, name: str, frame: int) -> CameraFrame:
    mask = capture.mask(name, frame)
    confidence = mask_confidence(capture, name, frame)
    return CameraFrame(capture.image(name, frame), mask, capture.depth(name, frame), confidence)


def rectify_views(plan: RectificationPlan, frames: Mapping[str, CameraFrame]) -> RectifiedFrame:
    """One frame, rectified from the cameras of the plan."""
    return RectifiedFrame(
        tuple(rectify_pair(pair, *(frames[name] for name in pair.names)) for pair in plan.pairs),
        tuple(rectify_view(each.view, frames[each.view.name]) for each in plan.held_out),
    )


def rectify_pair(pair: PairPlan, left: CameraFrame, right: CameraFrame) -> RectifiedPair:
    """One frame of a pair, rectified from its left and its right image; with disparity where both have depth."""
    frames = zip(pair.views, (left, right), strict=True)
    views = [rectify_view(view, frame, exact=frame.confidence is None) for view, frame in frames]
    images, masks = np.stack([view.image for view in views]), np.stack([view.mask for view in views])
    depths = [view.depth for view in views if view.depth is not None]
    smooth = [view.smooth for view in views if view.smooth is not None]
    known = [view.confidence for view in views if view.confidence is not None]
    confidence = np.array(known) if len(known) == 2 else None
    if len(depths) < 2:
        return RectifiedPair(images, masks, confidence=confidence)
    depth, person = np.stack(depths), bounding_box(masks.max(0))
    disparity = np.empty_like(depth)
    disparity[:] = _disparity(np.zeros_like(depth[:, :1, :1]), pair)  # that of infinity
    if person is not None:
        box = (slice(None), slice(person[1], person[3]), slice(person[0], person[2]))
        disparity[box] = _disparity(depth[box], pair)
    return RectifiedPair(images, masks, disparity, np.stack(smooth) & (depth > 0), confidence)


def _disparity(depth: Float32[np.ndarray, "2 h w"], pair: PairPlan) -> Float32[np.ndarray, "2 h w"]:
    return depth_to_disparity(torch.from_numpy(depth).double()[None], pair.cameras[None])[0].float().numpy()


def rectify_view(view: ViewPlan, frame: CameraFrame, exact: bool = True) -> RectifiedView:
    """One frame of one camera, resampled: as filmed, with matched colours, in a band around the person.

    The person is cut out before, and resampled together with the coverage, so that no background bleeds into the edge.

    Args:
        view: of the plan.
        frame: of its camera.
        exact: see `with_background`; sources whose mattes were found, which networks correct, are not.
    """
    filmed = _matched(frame, view)
    levels = _person(filmed, frame.mask, view.sampling)
    mask = np.ascontiguousarray(levels[..., 3])
    band, image = band_around(mask), np.zeros((*mask.shape, 3), np.uint8)
    box = bounding_box(band)
    if box is not None:
        part = slice(box[1], box[3]), slice(box[0], box[2])
        seen = mask == 0 if exact else mask < 255  # others are not looked at
        surroundings = resample_where(filmed, view.sampling, band & seen)[part]
        image[part] = with_background(levels[part][..., :3], surroundings, mask[part], exact)
    if frame.depth is None:
        return RectifiedView(image, mask, confidence=frame.confidence)
    depth, smooth = resample_depth_at(frame.depth, view.sampling, is_person(mask))
    return RectifiedView(image, mask, depth, smooth, frame.confidence)


def rectify_person(view: ViewPlan, frame: CameraFrame) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """The person on black, and the mask: what `person_on_black` makes of `rectify_view`, to the bit, in a third of its
    time."""
    levels = _person(_matched(frame, view), frame.mask, view.sampling)
    mask = np.ascontiguousarray(levels[..., 3])
    return np.minimum(levels[..., :3], mask[..., None]), mask


def rectify_mask(view: ViewPlan, mask: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h2 w2"]:
    """Coverage of the person in the resampled image of one camera: the mask of `rectify_view`, without the image."""
    return resample_levels(unit(mask)[..., None], view.sampling, bounding_box(mask))[..., 0]


def _person(filmed: Filmed, mask: UInt8[np.ndarray, "h w"], where: SamplingMap) -> UInt8[np.ndarray, "h2 w2 4"]:
    """The person without the background, and the coverage, resampled."""
    box = bounding_box(mask)
    both = np.zeros((*mask.shape, 4), np.float32)
    if box is not None:
        left, top = max(box[0] - BACKGROUND_REACH, 0), max(box[1] - BACKGROUND_REACH, 0)
        window = slice(top, box[3] + BACKGROUND_REACH), slice(left, box[2] + BACKGROUND_REACH)
        both[window] = without_background(filmed[window], mask[window])
    return resample_levels(both, where, box)


def _matched(frame: CameraFrame, view: ViewPlan) -> Filmed:
    """The image, in [0, 1] with matched colours in the box around the person's band where there is a match."""
    box = bounding_box(band_around(frame.mask)) if (view.color != IDENTITY).any() else None
    if box is None:
        return frame.image
    image = unit(frame.image)
    part = slice(max(box[1] - _BEYOND, 0), box[3] + _BEYOND), slice(max(box[0] - _BEYOND, 0), box[2] + _BEYOND)
    image[part] = transform_levels(frame.image[part], view.color)
    return image
