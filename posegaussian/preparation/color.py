"""Colour matching: one gain per camera and channel, in linear light, told from what two cameras both see.

Where a pair shares features (narrow pairs, textured scenes) their colours are compared; else the mean colours of the
person's slices, cut by the planes through both cameras' centres: both cameras see the same slices. Medians withstand
highlights and wrong matches.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rectification import rectifying_rotation
from posegaussian.io.images import is_person
from posegaussian.preparation.filmed import Filmed

Ratios = Float[np.ndarray, "observations 3"]
"""Logarithms of second / first, by observation and channel."""
_FRAMES = 3
"""Frames that are looked at, spread over those that are rectified."""
_FEATURES = 12
"""Shared features that are enough; below, slices are compared."""
_DISTINCT = 0.8
"""A match counts when the second-best is this much worse (Lowe, 2004)."""
_NEAR = 2.0
"""Matches further than this from their epipolar line (pixels) are wrong."""
_SIGMA = 2.0
"""Colours are means over Gaussian discs of this standard deviation, pixels."""
_VARIED = 0.6
"""Discs whose standard deviation is a larger share of their mean are left out: a slight offset would tell."""
_USABLE = (0.01, 0.9)
"""Linear values beyond are noise, or may be saturated."""
_SLICES = 96
"""Planes that the person is cut by."""
_STEP = 4
"""Every so many pixels of a slice are looked at."""
_LEAST = 8
"""Observations below this say nothing."""
_PRIOR = 0.3
"""Standard deviation of the gains' logarithms that is expected before anything is seen."""

_LINEAR = np.where(
    np.arange(256) <= 0.04045 * 255, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
"""8-bit sRGB to linear light (IEC 61966-2-1)."""


def srgb_to_linear(picture: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Linear light from 8-bit sRGB."""
    return _LINEAR[picture]


def apply_gain(picture: UInt8[np.ndarray, "h w 3"], gain: Float[np.ndarray, " 3"]) -> Float32[np.ndarray, "h w 3"]:
    """The picture as the average camera would have taken it: 0..255, multiplied in linear light, clipped at white.

    Dividing by the gain in linear light undoes it, but for what was clipped.
    """
    light = np.clip(_LINEAR[:, None] * gain, 0, 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    return np.stack([levels[:, channel].astype(np.float32)[picture[..., channel]] for channel in range(3)], axis=-1)


def estimate_gains(
    filmed: Filmed, pairs: Sequence[tuple[str, str]], frames: Sequence[int]
) -> dict[str, Float64[np.ndarray, " 3"]]:
    """Gains of all cameras of the pairs; their geometric mean is 1. A camera that shares nothing keeps its colours.

    Args:
        filmed: the footage.
        pairs: cameras that see the same things.
        frames: to choose from.
    """
    names = sorted({camera for pair in pairs for camera in pair})
    chosen = [frames[index] for index in np.unique(np.linspace(0, len(frames) - 1, _FRAMES).round().astype(int))]
    rows, values, weights = [], [], []
    for first, second in pairs:
        ratios, independent = _ratios(filmed, first, second, chosen)
        if len(ratios) >= _LEAST:
            centre = np.median(ratios, axis=0)
            spread = 1.4826 * np.median(abs(ratios - centre), axis=0) + 1e-3
            rows.append([(name == first) * 1.0 - (name == second) for name in names])
            values.append(centre)
            weights.append((np.sqrt(len(ratios)) if independent else 1) / spread)
    return dict(zip(names, _solved(len(names), rows, values, weights), strict=True))


def _solved(cameras: int, rows: list, values: list, weights: list) -> Float[np.ndarray, "cameras 3"]:
    """Gains from the pairs' median ratios, by least squares in logarithms; what is uncertain stays near 1."""
    gains = np.zeros((cameras, 3))
    for channel in range(3) if rows else ():
        scale = np.array(weights)[:, channel]
        matrix = np.concatenate([np.array(rows) * scale[:, None], np.eye(cameras) / _PRIOR])
        right = np.concatenate([np.array(values)[:, channel] * scale, np.zeros(cameras)])
        gains[:, channel] = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return np.exp(gains - gains.mean(0))


def _ratios(filmed: Filmed, first: str, second: str, frames: Sequence[int]) -> tuple[Ratios, bool]:
    """What one pair says, and whether its observations are independent: slices all err alike where light differs."""
    cameras = [filmed.cameras[camera] for camera in (first, second)]
    by_features, by_slices = [], []
    for frame in frames:
        images = [filmed.image(camera, frame) for camera in (first, second)]
        people = [is_person(filmed.mask(camera, frame)) for camera in (first, second)]
        by_features.append(_compared(*map(_sampled, images, shared_features(images, cameras))))
        by_slices.append(_compared(*_slices(images, people, cameras)))
    ratios = np.concatenate(by_features)
    return (ratios, True) if len(ratios) >= _FEATURES else (np.concatenate(by_slices), False)


def _compared(first: Float[np.ndarray, "n 3"], second: Float[np.ndarray, "n 3"]) -> Ratios:
    """Logarithms of second / first, where both are usable in all channels."""
    low, high = _USABLE
    usable = np.all([(values > low) & (values < high) for values in (first, second)], axis=(0, 2))
    return np.log(second[usable] / first[usable])


def shared_features(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]], cameras: Sequence[SourceCamera]
) -> tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]:
    """Pixels of features (SIFT) that two pictures share, on their epipolar lines and before both cameras."""
    detector = cv2.SIFT.create(4000)
    found = [detector.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None) for image in images]
    none = np.zeros((0, 2)), np.zeros((0, 2))
    if any(len(points) < 2 for points, _ in found):
        return none
    matches = cv2.BFMatcher(crossCheck=False).knnMatch(found[0][1], found[1][1], 2)
    good = [best for best, other in matches if best.distance < _DISTINCT * other.distance]
    if not good:
        return none
    first = np.array([found[0][0][match.queryIdx].pt for match in good]) + 0.5
    second = np.array([found[1][0][match.trainIdx].pt for match in good]) + 0.5
    kept = _on_epipolar_lines(cameras, first, second)
    return first[kept], second[kept]


def _on_epipolar_lines(
    cameras: Sequence[SourceCamera], first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "n 2"]
) -> Bool[np.ndarray, " n"]:
    """Whether the rays of matched pixels meet before both cameras, to within a few pixels."""
    baseline = cameras[1].centre - cameras[0].centre
    rays = [camera.directions(pixels) for camera, pixels in zip(cameras, (first, second), strict=True)]
    rays = [ray / np.linalg.norm(ray, axis=1, keepdims=True) for ray in rays]
    normal = np.cross(rays[0], baseline)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    off = abs((normal * rays[1]).sum(1)) * cameras[1].intrinsics[0, 0]
    cosine = (rays[0] * rays[1]).sum(1)
    along = [ray @ baseline for ray in rays]
    ahead = (along[0] - cosine * along[1] > 0) & (cosine * along[0] - along[1] > 0)
    return (off < _NEAR) & ahead


def _sampled(image: UInt8[np.ndarray, "h w 3"], pixels: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    """Mean linear colours around pixels; 0 where they vary too much to be compared."""
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
    """Mean linear colours of the slices of a person in two cameras; 0 where a slice is empty."""
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
    """Mean colour by index, 1 to _SLICES."""
    size = _SLICES + 2
    sums = np.stack([np.bincount(index, colours[:, channel], minlength=size) for channel in range(3)], axis=1)
    return (sums / np.maximum(np.bincount(index, minlength=size), 1)[:, None])[1:-1]


def format_gains(gains: Mapping[str, Float[np.ndarray, " 3"]]) -> str:
    """One line for people."""
    return ", ".join(f"{camera} x ({', '.join(f'{value:.3f}' for value in gain)})" for camera, gain in gains.items())
