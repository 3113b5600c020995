"""How much each pixel of a window differs from the scene without the person, against the noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.window import Window

LEAST = 3.0
"""Differences (CIELAB) below this are noise, however little noise there seems to be. Chosen by hand."""
DEVIATIONS = 3.5
"""Robust standard deviations of the noise up to which a difference means nothing. Chosen by hand."""
NORMAL = 1.4826
"""Standard deviation of a normal distribution / its median absolute deviation."""
RANGE = 3.0
"""Evidence is clipped to this many octaves of the limit in both directions. Chosen by hand."""
SMALLEST = 1e-3
"""Smaller differences (CIELAB) are taken as this one: 0 has no logarithm."""


@dataclass(frozen=True)
class DifferenceEvidence:
    """Logarithms to the base 2 of differences, as multiples of what noise makes; in the pixels of a window."""

    lightness: Float32[np.ndarray, "h w"]  # of lightness, which shadows change too
    colour: Float32[np.ndarray, "h w"]  # of the two colour axes
    known: Bool[np.ndarray, "h w"] | None = None  # where the scene is known; None: everywhere


def difference_evidence(window: Window, scene: Scene) -> DifferenceEvidence:
    """The difference of a window's image from the scene; a change of exposure or of white balance is ignored.

    Args:
        window: around the person.
        scene: that of the camera, without the person.
    """
    change = _lab(window.pixels) - _lab(window.resampled(scene.image))
    beside = window.coarse == 0
    beside = beside if beside.mean() > 0.1 else np.ones_like(beside)
    change -= np.median(change[beside], axis=0)
    known = None if scene.known is None else window.resampled(255 * scene.known.astype(np.uint8)) == 255
    lightness, colour = abs(change[..., 0]), np.linalg.norm(change[..., 1:], axis=2)
    return DifferenceEvidence(_octaves(lightness, beside), _octaves(colour, beside), known)


def _octaves(size: Float32[np.ndarray, "h w"], beside: np.ndarray) -> Float32[np.ndarray, "h w"]:
    noise = NORMAL * np.median(size[beside])
    return np.clip(np.log2(np.maximum(size, SMALLEST) / max(LEAST, DEVIATIONS * noise)), -RANGE, RANGE)


def _lab(image: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w 3"]:
    """Slightly blurred image in CIELAB."""
    return cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
