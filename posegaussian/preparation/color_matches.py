"""Colours of the person that two cameras both see, in linear light: what colour matching is fitted to.

Features are rare on people, and none are left at wide angles. Instead, both images are rectified, and each run of the
person's pixels in a row is taken as a cylinder: the place at azimuth phi, from the direction half way between the
cameras, which stand at -a/2 and a/2, appears at sin(phi + a/2) of the run's half width in the left image and at
sin(phi - a/2) in the right one. Single matches are often wrong, and their median is not.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from posegaussian.geometry import rectification
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import centroid, is_person
from posegaussian.geometry.resampling import resample, sampling_map
from posegaussian.parallel import in_order
from posegaussian.preparation.footage import Footage, images_ahead

ColorMatches = tuple[Float[np.ndarray, "_ 3"], Float[np.ndarray, "_ 3"]]
"""RGB in linear light, by place, in a first and in a second camera."""
_SIZE, _MARGIN = (192, 192), 0.06
"""Of the rectified images, pixels and share. Chosen by hand: cloth has several pixels, and it takes 30 ms a frame."""
_SIGMA = 1.5
"""Colours are means over Gaussian windows of this standard deviation within the person, pixels. Chosen by hand."""
_FLAT = 0.5
"""Share of the matches that is kept: those around which colours vary least, since there a match that is slightly off
changes little. Chosen by hand."""
_STEP, _REACH = np.deg2rad(10.0), np.deg2rad(60.0)
"""Between azimuths, and the largest angle between a surface's normal and either camera. Chosen by hand."""
_LEAST, _MOST_UNLIKE = 5, 2.0
"""Runs are matched that have this many pixels, and differ in width by this factor at most. Chosen by hand."""
_USABLE = (0.01, 0.9)
"""Linear values below are noise, values above may be saturated. Chosen by hand."""

_LINEAR = np.where(
    np.arange(256) <= 0.04045 * 255, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""8-bit sRGB to linear light (IEC 61966-2-1)."""


def srgb_to_linear(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Linear light in [0, 1] from 8-bit sRGB."""
    return _LINEAR[image]


def color_matches(footage: Footage, first: str, second: str, frames: Sequence[int]) -> ColorMatches:
    """Colours of the person that both cameras see, in the order of the frames, where all channels are usable."""
    names, ascending = (first, second), sorted(frames)  # videos are decoded in their order

    def matches_of(view: tuple[int, Mapping[str, np.ndarray]]) -> Float[np.ndarray, "2 n 4"]:
        frame, images = view
        masks = [footage.mask(name, frame) for name in names]
        return _frame_matches([images[name] for name in names], masks, [footage.cameras[name] for name in names])

    views = zip(ascending, images_ahead(footage, names, ascending), strict=True)
    found = dict(zip(ascending, in_order(matches_of, views), strict=True))
    matches = np.concatenate([np.zeros((2, 0, 4)), *(found[frame] for frame in frames)], axis=1)
    low, high = _USABLE
    matches = matches[:, np.all((matches[..., :3] > low) & (matches[..., :3] < high), axis=(0, 2))]
    varied = matches[..., 3].max(0)
    kept = matches[:, varied <= np.quantile(varied, _FLAT), :3] if len(varied) else matches[..., :3]
    return kept[0], kept[1]


def _frame_matches(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    masks: Sequence[UInt8[np.ndarray, "_ _"]],
    cameras: Sequence[SourceCamera],
) -> Float[np.ndarray, "2 n 4"]:
    """Matches of one frame in the order of the cameras, with how much colours vary around them.

    There are none where the pair cannot be rectified, or a camera does not see the person.
    """
    if not all(is_person(mask).any() for mask in masks):
        return np.zeros((2, 0, 4))
    rotation, swapped = rectification.rectifying_rotation(*cameras)
    order = (1, 0) if swapped else (0, 1)
    views = [(images[index], masks[index], cameras[index]) for index in order]
    outlines = [camera.directions(rectification.mask_outline(is_person(mask))) for _, mask, camera in views]
    boxes = [rectification.ray_bounds(rays[np.isfinite(rays).all(1)], rotation) for rays in outlines]
    known = [box for box in boxes if box is not None]
    if len(known) < 2:
        return np.zeros((2, 0, 4))
    intrinsics = rectification.fit_intrinsics(np.stack(known), _SIZE, _MARGIN)
    centres = np.stack([camera.centre for _, _, camera in views])
    pinholes = rectification.rectified_cameras(centres, rotation, intrinsics, _SIZE)
    colors, people = [], []
    for number, (image, mask, camera) in enumerate(views):
        both = np.concatenate([image, mask[..., None]], axis=2) * np.float32(1 / 255)
        values = resample(both, sampling_map(camera, pinholes[number])).clip(0, 1)
        people.append(values[..., 3] >= 0.5)
        colors.append(_person_means(values))
    rows, columns = _on_cylinders(people, _angle(views))
    found = np.stack([color[rows, column] for color, column in zip(colors, columns, strict=True)]).astype(float)
    return found[list(order)]


def _person_means(values: Float32[np.ndarray, "h w 4"]) -> Float32[np.ndarray, "h w 4"]:
    """Means in linear light over the pixels nearby that the person fills, and their relative standard deviation."""
    inside = (values[..., 3:] > 0.99).astype(np.float32)
    light = srgb_to_linear(np.rint(255 * values[..., :3]).astype(np.uint8)) * inside
    sums, squares, weight = (cv2.GaussianBlur(plane, (0, 0), _SIGMA) for plane in (light, light**2, inside))
    weight = np.maximum(weight, 1e-3)[..., None]
    mean, variance = sums / weight, squares / weight - (sums / weight) ** 2
    deviation = np.sqrt(np.maximum(variance, 0).sum(2, keepdims=True)) / (mean.sum(2, keepdims=True) + 1e-3)
    return np.concatenate([mean, deviation], axis=2)


def _angle(views: Sequence[tuple[np.ndarray, UInt8[np.ndarray, "_ _"], SourceCamera]]) -> float:
    """Angle between the cameras as seen from the person, radians."""
    rays = np.concatenate([camera.directions(centroid(is_person(mask))[None]) for _, mask, camera in views])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return float(np.arccos(np.clip(rays[0] @ rays[1], -1, 1)))


def _on_cylinders(people: Sequence[Bool[np.ndarray, "h w"]], angle: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Rows, and the columns in both views, of the places that both see, if each run of a row is a cylinder."""
    widest = _REACH - angle / 2
    azimuths = np.arange(-widest, widest + 1e-6, _STEP)
    rows, columns = [], [[], []]
    for row in range(len(people[0])):
        left, right = (_runs(person[row]) for person in people)
        if len(left) != len(right):
            continue
        widths = np.stack([np.diff(left), np.diff(right)])[..., 0]
        for index in np.flatnonzero((widths.min(0) >= _LEAST) & (widths.max(0) <= _MOST_UNLIKE * widths.min(0))):
            rows.append(np.full(len(azimuths), row))
            for view, (runs, turn) in enumerate(((left, angle / 2), (right, -angle / 2))):
                start, end = runs[index]
                columns[view].append((start + (end - start) * (1 + np.sin(azimuths + turn)) / 2).astype(int))
    nothing = np.zeros(0, int)
    return np.concatenate([nothing, *rows]), [np.concatenate([nothing, *each]) for each in columns]


def _runs(inside: Bool[np.ndarray, " w"]) -> np.ndarray:
    """First column and the one after the last, (n, 2), of each run of true pixels of a row."""
    edges = np.diff(np.concatenate([[0], inside.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)
