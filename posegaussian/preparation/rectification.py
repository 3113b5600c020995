"""One frame: its rectified stereo pairs and undistorted held-out images, from images in memory or from a capture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.geometry.compositing import band_around, with_background
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.masks import bounding_box, is_person
from posegaussian.geometry.resampling import SamplingMap, resample, resample_depth
from posegaussian.preparation.color import IDENTITY, transform_colors
from posegaussian.preparation.mattes.compositing import without_background
from posegaussian.preparation.mattes.computed import mask_confidence
from posegaussian.preparation.rectification_plan import PairPlan, RectificationPlan, ViewPlan


@dataclass(frozen=True)
class CameraFrame:
    """One frame of one camera, as the camera recorded it.

    Args:
        image: RGB.
        mask: coverage of the person, 0..255.
        depth: along the optical axis, metres, 0 where unknown; None where the camera has no depth.
        confidence: of the mask, in [0, 1]; None where it is not known.
    """

    image: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"] | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class RectifiedView:
    """One frame of one camera, resampled into its pinhole camera.

    Args:
        image: RGB as filmed in a band around the person, black beyond; `geometry.compositing.person_on_black` is the
            person alone.
        mask: coverage of the person, 0..255.
        depth: of the person along the new optical axis, metres, 0 where unknown; None where the camera has no depth.
        smooth: where the depth was interpolated on one surface; None where there is no depth.
        confidence: of the mask, in [0, 1]; None where it is not known.
    """

    image: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"] | None = None
    smooth: Bool[np.ndarray, "h w"] | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class RectifiedPair:
    """One frame of a rectified pair, left and right.

    Args:
        images: RGB as filmed in a band around the person, black beyond.
        masks: coverage of the person, 0..255.
        disparity: x_left - x_right, pixels; None where a camera has no depth.
        valid: where the disparity is known; None where there is no disparity.
        confidence: of the masks, in [0, 1]; None where one is not known.
    """

    images: UInt8[np.ndarray, "2 h w 3"]
    masks: UInt8[np.ndarray, "2 h w"]
    disparity: Float32[np.ndarray, "2 h w"] | None = None
    valid: Bool[np.ndarray, "2 h w"] | None = None
    confidence: Float[np.ndarray, "2"] | None = None


@dataclass(frozen=True)
class RectifiedFrame:
    """Rectified pairs and undistorted held-out images of one frame, in the order of the plan."""

    pairs: tuple[RectifiedPair, ...]
    held_out: tuple[RectifiedView, ...] = ()


def rectify_frame(plan: RectificationPlan, capture: Capture, frame: int) -> RectifiedFrame:
    """One frame of a capture, rectified."""
    return rectify_views(plan, read_views(plan, capture, frame))


def read_views(plan: RectificationPlan, capture: Capture, frame: int) -> dict[str, CameraFrame]:
    """One frame of the cameras of a plan; each image, mask and depth is read once, also where pairs share a camera."""
    frames: dict[str, CameraFrame] = {}
    for name in dict.fromkeys(view.name for view in plan.views()):
        mask = capture.mask(name, frame)
        confidence = mask_confidence(capture, name, frame)
        frames[name] = CameraFrame(capture.image(name, frame), mask, capture.depth(name, frame), confidence)
    return frames


def rectify_views(plan: RectificationPlan, frames: Mapping[str, CameraFrame]) -> RectifiedFrame:
    """One frame, rectified from the cameras of the plan."""
    return RectifiedFrame(
        tuple(rectify_pair(pair, *(frames[name] for name in pair.names)) for pair in plan.pairs),
        tuple(rectify_view(each.view, frames[each.view.name]) for each in plan.held_out),
    )


def rectify_pair(pair: PairPlan, left: CameraFrame, right: CameraFrame) -> RectifiedPair:
    """One frame of a pair, rectified from its left and its right image; with disparity where both have depth."""
    views = [rectify_view(view, frame) for view, frame in zip(pair.views, (left, right), strict=True)]
    images, masks = np.stack([view.image for view in views]), np.stack([view.mask for view in views])
    depths = [view.depth for view in views if view.depth is not None]
    smooth = [view.smooth for view in views if view.smooth is not None]
    known = [view.confidence for view in views if view.confidence is not None]
    confidence = np.array(known) if len(known) == 2 else None
    if len(depths) < 2:
        return RectifiedPair(images, masks, confidence=confidence)
    depth = torch.from_numpy(np.stack(depths)).double()
    disparity = depth_to_disparity(depth[None], pair.cameras[None])[0].float().numpy()
    return RectifiedPair(images, masks, disparity, np.stack(smooth) & (depth > 0).numpy(), confidence)


def rectify_view(view: ViewPlan, frame: CameraFrame) -> RectifiedView:
    """One frame of one camera, resampled: as filmed, with matched colours, in a band around the person.

    The person is cut out before, and resampled together with the coverage, so that no background bleeds into the edge.
    """
    filmed, coverage = _matched(frame, view), frame.mask[..., None] / np.float32(255)
    levels = _resampled(np.concatenate([without_background(filmed, coverage), coverage], axis=2), view.sampling)
    mask = levels[..., 3]
    person = np.minimum(levels[..., :3], mask[..., None])
    image = with_background(person, _band(filmed, mask, view.sampling), mask)
    if frame.depth is None:
        return RectifiedView(image, mask, confidence=frame.confidence)
    depth, smooth = resample_depth(frame.depth, view.sampling)
    return RectifiedView(image, mask, np.where(is_person(mask), depth, np.float32(0)), smooth, frame.confidence)


def _resampled(image: Float32[np.ndarray, "h w c"], where: SamplingMap) -> UInt8[np.ndarray, "h2 w2 c"]:
    """The image, resampled, in 8 bits."""
    return np.rint(np.clip(resample(image, where), 0, 1) * 255).astype(np.uint8)


def _band(
    filmed: Float32[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h2 w2"], where: SamplingMap
) -> UInt8[np.ndarray, "h2 w2 3"]:
    """What was filmed, resampled in the person and the band around them, black beyond."""
    band, result = band_around(mask), np.zeros((*mask.shape, 3), np.uint8)
    box = bounding_box(band)
    if box is not None:
        part = slice(box[1], box[3]), slice(box[0], box[2])
        inside = replace(where, x=where.x[part], y=where.y[part], slant=where.slant[part])
        result[part] = _resampled(filmed, inside) * band[part][..., None]
    return result


def _matched(frame: CameraFrame, view: ViewPlan) -> Float32[np.ndarray, "h w 3"]:
    """The image in [0, 1], with matched colours in the box around the person's band."""
    image = frame.image * np.float32(1 / 255)
    box = bounding_box(band_around(frame.mask))
    if (view.color != IDENTITY).any() and box is not None:
        part = image[box[1] : box[3], box[0] : box[2]]
        part[...] = transform_colors(part.reshape(-1, 3), view.color).reshape(part.shape)
    return image
