"""Features that several cameras see: SIFT, matched near the epipolar lines of the given calibration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.tracks import Tracks, focal_of
from posegaussian.progress import progress

_FEATURES = 3000
"""Strongest features of an image. Chosen by hand: 0.3 s an image of 1024 x 1024."""
_CONTRAST = 0.02
"""Least contrast of features, half of OpenCV's default. In a plain room (person 156 of `val`) an image has 2,000 to
3,000 features in place of 300 to 600. The cost of one camera of four turned by 1 px then falls by 5.7 standard errors
in place of 2.0 when it is corrected, and that of exact cameras by less than 1, as before."""
_RATIO = 0.85
"""The best match is nearer than this share of the second best one (Lowe, 2004); among the features near one line, there
are few that could be taken for it. Chosen by hand."""
_SAME = 3.0
"""Features nearer than this to the best match, pixels, are no second best: they are the same spot in another size."""
_RIVALS = 3
"""Next best matches that are looked at for one of another place: a spot has a feature in two sizes at most, mostly."""
_GATE = 0.01
"""Matches lie at most this far from their epipolar lines, as a share of the image's longer side: 10 pixels at 1024. By
hand: calibrations that are further off have to be made anew."""
_LEAST_GATE = 6.0
"""The same in small images, pixels. Chosen by hand."""
_SIGMA = 0.2
"""Standard deviation of the distance of right matches from their epipolar lines, pixels: cameras 22.5 degrees apart in
a room, exact calibration, 1024 x 1024 pixels (`benchmarks/cameras.py turned` prints the median, two thirds of it)."""


@dataclass(frozen=True)
class Features:
    """Features of one image."""

    pixels: Float[np.ndarray, "n 2"]  # x and y, pixel centres at +0.5
    descriptors: Float32[np.ndarray, "n 128"]  # of unit length

    @staticmethod
    def of(image: UInt8[np.ndarray, "_ _ 3"]) -> Features:
        """The strongest features of an image."""
        detector = cv2.SIFT.create(_FEATURES, contrastThreshold=_CONTRAST)
        found, descriptors = detector.detectAndCompute(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), None)
        pixels = np.array([point.pt for point in found]).reshape(-1, 2) + 0.5
        unit = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1e-6)) if len(found) else None
        return Features(pixels, np.zeros((0, 128), np.float32) if unit is None else unit.astype(np.float32))

    def rays(self, camera: SourceCamera) -> Float[np.ndarray, "n 3"]:
        """Viewing directions in the world, of unit length; NaN where the lens has none."""
        found = camera.directions(self.pixels)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def feature_tracks(
    features: Mapping[str, Features],
    cameras: Mapping[str, SourceCamera],
    pairs: Iterable[tuple[str, str]],
    gate: float = _GATE,
) -> Tracks:
    """Features of one frame that two cameras or more see.

    Args:
        features: by camera.
        cameras: by name.
        pairs: of cameras whose features are matched.
        gate: largest distance of matches from their epipolar lines, as a share of the image's longer side.
    """
    matches = {
        (a, b): matched((features[a], features[b]), (cameras[a], cameras[b]), gate)
        for a, b in progress(pairs, "match features", unit="pairs of cameras", short=False)
        if a in features and b in features
    }
    return Tracks.of(list(cameras), _merged(features, matches), dict.fromkeys(cameras, _SIGMA))


def gate_of(camera: SourceCamera, share: float = _GATE) -> float:
    """Largest distance of matches from their epipolar lines, pixels; `share` is of the image's longer side."""
    return max(share * max(camera.width, camera.height), _LEAST_GATE)


def matched(
    features: tuple[Features, Features], cameras: tuple[SourceCamera, SourceCamera], gate: float = _GATE
) -> Int[np.ndarray, "m 2"]:
    """Indices of features of two images that are each other's best match near the epipolar lines."""
    if min(len(each.pixels) for each in features) < 2:
        return np.zeros((0, 2), int)
    first, second = features
    offsets = cameras[1].centre - cameras[0].centre
    gates = [gate_of(camera, gate) / focal_of(camera) for camera in cameras]
    rays, others = first.rays(cameras[0]), second.rays(cameras[1])
    near = _off(rays, others, offsets) < gates[1]
    near &= (_off(others, rays, -offsets) < gates[0]).T
    likeness = np.where(near, first.descriptors @ second.descriptors.T, -1)
    ahead, back = _best(likeness, second.pixels), _best(likeness.T, first.pixels)
    chosen = [(i, j) for i, j in enumerate(ahead) if j >= 0 and back[j] == i]
    return np.array(chosen, int).reshape(-1, 2)


def _off(rays: np.ndarray, others: np.ndarray, baseline: np.ndarray) -> Float32[np.ndarray, "n m"]:
    """Sines of the angles between the second rays and the epipolar planes of the first ones; NaN for NaN."""
    normals = np.cross(rays, baseline)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    sines = normals.astype(np.float32) @ others.T.astype(np.float32)
    return np.abs(sines, out=sines)


def _best(likeness: Float32[np.ndarray, "n m"], pixels: Float[np.ndarray, "m 2"]) -> Int[np.ndarray, " n"]:
    """The column of the largest value of each row, -1 where the largest one of another place is about as large."""
    rows, left = np.arange(len(likeness)), likeness.copy()
    column = left.argmax(1)
    top, second = left[rows, column], np.full(len(rows), -1, np.float32)
    for _ in range(_RIVALS):
        left[rows, left.argmax(1)] = -1
        other = left.argmax(1)
        apart = np.linalg.norm(pixels[other] - pixels[column], axis=1) > _SAME
        second = np.maximum(second, np.where(apart, left[rows, other], -1))
    distances = np.sqrt(np.maximum(2 - 2 * np.stack([top, second]), 0))  # of vectors of unit length
    return np.where((top > 0) & (distances[0] < _RATIO * distances[1]), column, -1)


def _merged(
    features: Mapping[str, Features], matches: Mapping[tuple[str, str], np.ndarray]
) -> Sequence[Mapping[str, np.ndarray]]:
    """Pixels by camera of the points that chains of matches join; points that a camera would see twice are left out."""
    group: dict[tuple[str, int], tuple[str, int]] = {}

    def root(key: tuple[str, int]) -> tuple[str, int]:
        while group.setdefault(key, key) != key:
            group[key] = group[group[key]]
            key = group[key]
        return key

    for (a, b), pairs in matches.items():
        for i, j in pairs.tolist():
            group[root((b, j))] = root((a, i))
    members: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for key in group:
        members.setdefault(root(key), []).append(key)
    once = [keys for keys in members.values() if len({name for name, _ in keys}) == len(keys)]
    return [{name: features[name].pixels[i] for name, i in keys} for keys in once]
