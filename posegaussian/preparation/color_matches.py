"""Colours that two cameras see at the same places, as means in linear light: what colour matching is fitted to.

Where a pair shares features (narrow pairs, textured scenes), these are the colours at the features. Otherwise the
person is cut into slices by the planes through both cameras' centres, and the colours are the means of the slices: both
cameras see the same slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from posegaussian.geometry.features import Matches, epipolar_distances, match_features, meet_in_front
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.rectification import rectifying_rotation
from posegaussian.preparation.footage import Footage

_ENOUGH = 600
"""No further frame is read once a pair has this many matches. Chosen by hand: fifty for each number of a transform."""
_FEATURES, _RATIO = 4000, 0.8
"""SIFT features of each image, chosen by hand, and the ratio of the test of Lowe (2004), as he recommends."""
_LEAST_FEATURES = 12
"""With fewer shared features, slices are compared instead. Chosen by hand."""
_NEAR = 2.0
"""Matches further than this from their epipolar line (pixels) are wrong. Chosen by hand."""
_SIGMA = 2.0
"""Colours are means over Gaussian windows of this standard deviation, pixels. Chosen by hand."""
_VARIED = 0.6
"""Windows whose standard deviation is a larger share of their mean are left out: there, a match that is slightly off
changes the mean. Chosen by hand."""
_USABLE = (0.01, 0.9)
"""Linear values below are noise, values above may be saturated. Chosen by hand."""
_SLICES = 96
"""Slices that the person is cut into. Chosen by hand."""
_STEP = 4
"""Every fourth row and column of a slice is used, for speed. Chosen by hand."""

_LINEAR = np.where(
    np.arange(256) <= 0.04045 * 255, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""8-bit sRGB to linear light (IEC 61966-2-1)."""


@dataclass(frozen=True)
class ColorMatches:
    """Colours of two cameras at the same places.

    Args:
        first: RGB in linear light, by place, in the first camera.
        second: likewise in the second camera.
        independent: whether their errors are: those of slices share errors of the light.
    """

    first: Float[np.ndarray, "n 3"]
    second: Float[np.ndarray, "n 3"]
    independent: bool


def srgb_to_linear(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Linear light in [0, 1] from 8-bit sRGB."""
    return _LINEAR[image]


def color_matches(footage: Footage, first: str, second: str, frames: Sequence[int]) -> ColorMatches:
    """Colours that both cameras see, where they are usable in all channels.

    Args:
        footage: images and masks by camera and frame.
        first: name of a camera.
        second: name of another one.
        frames: to look at; further ones are not read once there are enough matches.
    """
    cameras = [footage.cameras[camera] for camera in (first, second)]
    by_features, by_slices = [], []
    for frame in frames:
        images = [footage.image(camera, frame) for camera in (first, second)]
        people = [is_person(footage.mask(camera, frame)) for camera in (first, second)]
        by_features.append(_usable(*map(_sampled, images, _shared_features(images, cameras))))
        by_slices.append(_usable(*_slices(images, people, cameras)))
        if sum(len(colors) for colors, _ in by_features) >= _ENOUGH:
            break
    independent = sum(len(colors) for colors, _ in by_features) >= _LEAST_FEATURES
    colors = [np.concatenate(side) for side in zip(*(by_features if independent else by_slices), strict=True)]
    return ColorMatches(colors[0], colors[1], independent)


def _usable(
    first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]
) -> tuple[Float[np.ndarray, "m 3"], Float[np.ndarray, "m 3"]]:
    """The matches whose colours are usable in both cameras and all channels."""
    low, high = _USABLE
    usable = np.all([(values > low) & (values < high) for values in (first, second)], axis=(0, 2))
    return first[usable], second[usable]


def _shared_features(images: Sequence[UInt8[np.ndarray, "_ _ 3"]], cameras: Sequence[SourceCamera]) -> Matches:
    """Pixels of features that both images show, on their epipolar lines and in front of both cameras."""
    first, second = match_features(images, count=_FEATURES, ratio=_RATIO)
    near = epipolar_distances(cameras, first, second) < _NEAR
    kept = near & meet_in_front(cameras, first, second)
    return first[kept], second[kept]


def _sampled(image: UInt8[np.ndarray, "h w 3"], pixels: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    """Mean linear colours around pixels; 0, which is not usable, where they vary too much to be compared."""
    light = srgb_to_linear(image)
    mean, square = (cv2.GaussianBlur(values, (0, 0), _SIGMA) for values in (light, light * light))
    columns, rows = np.floor(pixels).astype(int).T
    colours = mean[rows, columns].astype(float)
    spread = np.sqrt(np.maximum(square[rows, columns] - colours**2, 0))
    flat = np.all(spread < _VARIED * colours, axis=1)
    return colours * flat[:, None]


def _slices(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    people: Sequence[Bool[np.ndarray, "_ _"]],
    cameras: Sequence[SourceCamera],
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Mean linear colours of the slices of a person in two cameras; 0, which is not usable, where a slice is empty."""
    rotation, _ = rectifying_rotation(*cameras)
    heights, colours = [], []
    for image, person, camera in zip(images, people, cameras, strict=True):
        rows, columns = (index * _STEP for index in np.nonzero(person[::_STEP, ::_STEP]))
        rays = camera.directions(np.stack([columns, rows], axis=1) + 0.5) @ rotation.T
        known = np.isfinite(rays).all(1) & (rays[:, 2] > 0)
        heights.append(rays[known, 1] / rays[known, 2])
        colours.append(_LINEAR[image[rows[known], columns[known]]])
    low, high = max(h.min(initial=np.inf) for h in heights), min(h.max(initial=-np.inf) for h in heights)
    if not low < high:
        return np.zeros((0, 3)), np.zeros((0, 3))
    edges = np.linspace(low, high, _SLICES + 1)
    first, second = (_means(np.digitize(h, edges), c) for h, c in zip(heights, colours, strict=True))
    return first, second


def _means(index: Int[np.ndarray, " n"], colours: Float32[np.ndarray, "n 3"]) -> Float[np.ndarray, "m 3"]:
    """Mean colours by index, from 1 to _SLICES."""
    size = _SLICES + 2
    sums = np.stack([np.bincount(index, colours[:, channel], minlength=size) for channel in range(3)], axis=1)
    return (sums / np.maximum(np.bincount(index, minlength=size), 1)[:, None])[1:-1]
