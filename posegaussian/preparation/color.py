"""Colour matching: one gain for each camera and channel, in linear light, from what two cameras both see.

Where a pair shares features (narrow pairs, textured scenes), the colours at the features are compared. Otherwise the
person is cut into slices by the planes through both cameras' centres, and the mean colours of the slices are compared:
both cameras see the same slices. Medians are robust to highlights and wrong matches.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, UInt8

from posegaussian.geometry.features import Matches, epipolar_distances, match_features, meet_in_front
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.rectification import rectifying_rotation
from posegaussian.names import natural_order
from posegaussian.preparation.footage import Footage

ColorTransform = Float[np.ndarray, "3 4"]
"""A matrix and an offset: colours in linear light c become M c + b."""
IDENTITY = np.eye(3, 4)
LogRatios = Float[np.ndarray, "observations 3"]
"""Logarithms of second / first, by observation and channel."""
_FRAMES = 3
"""Frames that are compared, spread over those that are rectified. Chosen by hand."""
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
_LEAST = 8
"""Pairs with fewer observations are left out. Chosen by hand."""
_PRIOR = 0.3
"""Prior standard deviation of the gains' logarithms. Chosen by hand."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution / its median absolute deviation."""

_LINEAR = np.where(
    np.arange(256) <= 0.04045 * 255, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""8-bit sRGB to linear light (IEC 61966-2-1)."""


def srgb_to_linear(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Linear light in [0, 1] from 8-bit sRGB."""
    return _LINEAR[image]


def transform_colors(colors: Float32[np.ndarray, "n 3"], transform: ColorTransform) -> Float32[np.ndarray, "n 3"]:
    """sRGB colours in [0, 1], transformed in linear light and clipped to [0, 1].

    The inverse transform restores the original colours, except where they were clipped.
    """
    matrix, offset = transform[:, :3].astype(np.float32), transform[:, 3].astype(np.float32)
    dark = colors <= 0.04045
    light = np.where(
        dark, colors / np.float32(12.92), ((colors + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
    )
    light = np.clip(light @ matrix.T + offset, 0, 1)
    bright = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(light <= 0.0031308, np.float32(12.92) * light, bright)


def estimate_colors(
    footage: Footage, pairs: Sequence[tuple[str, str]], frames: Sequence[int]
) -> dict[str, ColorTransform]:
    """Transforms."""
    gains = estimate_gains(footage, pairs, frames)
    return {name: np.column_stack([np.diag(gain), np.zeros(3)]) for name, gain in gains.items()}


def estimate_gains(
    footage: Footage, pairs: Sequence[tuple[str, str]], frames: Sequence[int]
) -> dict[str, Float64[np.ndarray, " 3"]]:
    """Gains (RGB) by camera, of all cameras of the pairs; their geometric mean is 1.

    A camera that shares nothing with the others keeps its colours.

    Args:
        footage: images and masks by camera and frame.
        pairs: cameras that see the same surface.
        frames: to choose from.
    """
    names = sorted({camera for pair in pairs for camera in pair}, key=natural_order)
    chosen = [frames[index] for index in np.unique(np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int))]
    rows, values, weights = [], [], []
    for first, second in pairs:
        ratios, independent = _ratios(footage, first, second, chosen)
        if len(ratios) >= _LEAST:
            centre = np.median(ratios, axis=0)
            spread = _NORMAL * np.median(abs(ratios - centre), axis=0) + 1e-3
            rows.append([(name == first) * 1.0 - (name == second) for name in names])
            values.append(centre)
            weights.append((np.sqrt(len(ratios)) if independent else 1) / spread)
    return dict(zip(names, _solved(len(names), rows, values, weights), strict=True))


def _solved(cameras: int, rows: list, values: list, weights: list) -> Float[np.ndarray, "cameras 3"]:
    """Gains from the pairs' median ratios, by weighted least squares in logarithms; uncertain ones stay near 1."""
    gains = np.zeros((cameras, 3))
    for channel in range(3) if rows else ():
        scale = np.array(weights)[:, channel]
        matrix = np.concatenate([np.array(rows) * scale[:, None], np.eye(cameras) / _PRIOR])
        right = np.concatenate([np.array(values)[:, channel] * scale, np.zeros(cameras)])
        gains[:, channel] = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return np.exp(gains - gains.mean(0))


def _ratios(footage: Footage, first: str, second: str, frames: Sequence[int]) -> tuple[LogRatios, bool]:
    """Log ratios of one pair, and whether their errors are independent: those of slices share errors of the light."""
    cameras = [footage.cameras[camera] for camera in (first, second)]
    by_features, by_slices = [], []
    for frame in frames:
        images = [footage.image(camera, frame) for camera in (first, second)]
        people = [is_person(footage.mask(camera, frame)) for camera in (first, second)]
        by_features.append(_log_ratios(*map(_sampled, images, _shared_features(images, cameras))))
        by_slices.append(_log_ratios(*_slices(images, people, cameras)))
    ratios = np.concatenate(by_features)
    return (ratios, True) if len(ratios) >= _LEAST_FEATURES else (np.concatenate(by_slices), False)


def _log_ratios(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]) -> LogRatios:
    """Logarithms of second / first, where both colours are usable in all channels."""
    low, high = _USABLE
    usable = np.all([(values > low) & (values < high) for values in (first, second)], axis=(0, 2))
    return np.log(second[usable] / first[usable])


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


def format_colors(colors: Mapping[str, ColorTransform]) -> str:
    """One line of text: what each camera's transforms make of white."""
    whites = {camera: transform.sum(1) for camera, transform in colors.items()}
    return ", ".join(f"{camera} white x ({', '.join(f'{v:.3f}' for v in white)})" for camera, white in whites.items())
