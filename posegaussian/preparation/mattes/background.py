"""What differs from the empty scene: a picture of it, or the temporal median of a camera that stands still."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.errors import CaptureError

Picture = UInt8[np.ndarray, "h w 3"]
_MEDIAN_OF = 25
"""Frames that the temporal median is taken of, spread over the whole capture."""
_BLUR = 1 / 900
"""Differences are looked for at this scale: standard deviation as a share of the picture's longer side."""
_LIGHTNESS = 0.5
"""Weight of lightness beside the two colour axes: shadows change lightness most."""
_LEAST = 8.0
"""Differences (CIELAB) below this are never seen as such."""
_DEVIATIONS = 3.5
"""A pixel differs when it stands this many robust standard deviations out of the picture's own noise."""
_STRONG = 2.0
"""A patch of differing pixels counts when it holds one that differs this many times as much."""


def estimate_background(capture: Capture, camera: str, kind: str) -> Picture:
    """The scene without the person.

    Args:
        capture: whose.
        camera: by name.
        kind: `background` takes the capture's picture of the empty scene, `median` the temporal median.
    """
    if kind == "background":
        found = capture.background(camera)
        if found is None:
            hint = "give a picture of the empty scene, or set rectify.masks: median"
            raise CaptureError(
                "no background of this camera", code="no-background", file=capture.root, camera=camera, hint=hint
            )
        return found
    chosen = np.unique(np.linspace(0, len(capture.frames) - 1, _MEDIAN_OF).round().astype(int))
    if len(chosen) < 3:
        what = f"a temporal median of {len(chosen)} frames shows the person, not the scene"
        raise CaptureError(
            what, code="too-few-frames", file=capture.root, camera=camera, hint="set rectify.masks: background or given"
        )
    stack = np.stack([capture.image(camera, capture.frames[index]) for index in chosen])
    bands = np.array_split(stack, 16, axis=1)  # np.median makes float copies
    return np.concatenate([np.median(band, axis=0) for band in bands]).round().astype(np.uint8)


def foreground(picture: Picture, background: Picture) -> Bool[np.ndarray, "h w"]:
    """Where a picture differs from the empty scene, in colour more than in lightness, exposure apart."""
    sigma = _BLUR * max(picture.shape[:2])
    difference = _lab(picture, sigma) - _lab(background, sigma)
    difference[..., 0] = _LIGHTNESS * (difference[..., 0] - np.median(difference[..., 0]))
    distance = np.linalg.norm(difference, axis=2)
    centre = np.median(distance)
    limit = max(_LEAST, centre + _DEVIATIONS * 1.4826 * np.median(abs(distance - centre)))
    weak = cv2.morphologyEx((distance > limit).astype(np.uint8), cv2.MORPH_OPEN, _disc(2 * sigma))
    patches = np.asarray(cv2.connectedComponents(weak, connectivity=4)[1], dtype=np.int32)
    kept = np.zeros(patches.max() + 1, bool)
    kept[patches[distance > _STRONG * limit]] = True
    kept[0] = False
    return kept[patches]


def _lab(picture: Picture, sigma: float) -> Float32[np.ndarray, "h w 3"]:
    smooth = cv2.GaussianBlur(picture.astype(np.float32) / 255, (0, 0), sigma)
    return cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)


def _disc(diameter: float) -> UInt8[np.ndarray, "n n"]:
    size = round(diameter) | 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
