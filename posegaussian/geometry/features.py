"""Feature matches of two calibrated cameras, and how far they lie from their epipolar lines."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.parallel import in_order, thread_count

Matches = tuple[Float[np.ndarray, "n 2"], Float[np.ndarray, "n 2"]]
"""The same points in two images: pixels (x, y), centres at +0.5."""
_RATIO = 0.75
"""The ratio of Lowe's test, stricter than his 0.8. Chosen by hand."""


def match_features(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    masks: Sequence[Bool[np.ndarray, "_ _"]],
    *,
    count: int,
) -> Matches:
    """SIFT matches of two images that pass the ratio test (Lowe, 2004) in both directions.

    Args:
        images: two, RGB.
        masks: where features are looked for.
        count: the strongest features of each image that are matched.
    """

    def features(view: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, Any]:  # without points, no descriptors
        grey = cv2.cvtColor(view[0], cv2.COLOR_RGB2GRAY)
        points, descriptors = cv2.SIFT.create(count).detectAndCompute(grey, view[1].astype(np.uint8))
        return np.array([point.pt for point in points]).reshape(-1, 2) + 0.5, descriptors

    threads = min(thread_count(), 2)
    found = [*in_order(features, zip(images, masks, strict=True), threads)]
    if min(len(points) for points, _ in found) < 2:  # the ratio test needs a second-best match
        return np.empty((0, 2)), np.empty((0, 2))
    (first, first_descriptors), (second, second_descriptors) = found
    ways = (first_descriptors, second_descriptors), (second_descriptors, first_descriptors)
    ahead, back = in_order(lambda way: _best_matches(*way), ways, threads)
    ahead = {i: j for i, j in ahead.items() if back.get(j) == i}
    return first[list(ahead)], second[list(ahead.values())]


def _best_matches(queries: np.ndarray, candidates: np.ndarray) -> dict[int, int]:
    """Index of the best candidate by index of the query, where it passes the ratio test."""
    matches = cv2.BFMatcher().knnMatch(queries, candidates, 2)
    return {best.queryIdx: best.trainIdx for best, other in matches if best.distance < _RATIO * other.distance}


def epipolar_distances(
    cameras: Sequence[SourceCamera], first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "n 2"]
) -> Float[np.ndarray, " n"]:
    """Distances in pixels of the second of two cameras from its pixels to the epipolar lines of the first one's.

    Measured as the angle between viewing ray and epipolar plane, times the focal length, since lines are curved where
    there is lens distortion. NaN where a pixel has no viewing ray.
    """
    rays, others = cameras[0].directions(first), cameras[1].directions(second)
    normals = np.cross(rays, cameras[1].centre - cameras[0].centre)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12  # a ray along the baseline has no plane
    sines = abs((normals * others).sum(1)) / np.linalg.norm(others, axis=1)
    return sines * cameras[1].intrinsics[0, 0]
