"""Pixels that differ from the background: an image of the empty scene, or the temporal median of a static camera."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.counts import counted
from posegaussian.errors import CaptureError

Image = UInt8[np.ndarray, "h w 3"]
"""RGB."""
_MEDIAN_FRAMES = 25
"""Frames of the temporal median, spread over the whole capture. Chosen by hand."""
_BLUR = 1 / 900
"""Standard deviation of the blur before images are compared, as a share of the longer side. Chosen by hand."""
_LIGHTNESS = 0.5
"""Weight of lightness, where the two colour axes have 1: shadows change lightness most. Chosen by hand."""
_LEAST_DIFFERENCE = 8.0
"""Differences (CIELAB) below this are ignored, however little noise there is. Chosen by hand."""
_DEVIATIONS = 3.5
"""Robust standard deviations of the image's noise that a difference has to exceed. Chosen by hand."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution / its median absolute deviation."""
_STRONG = 2.0
"""Hysteresis: a component is kept when one of its pixels exceeds the limit by this factor. Chosen by hand."""


def estimate_background(capture: Capture, camera: str, kind: str) -> Image:
    """Image of the scene without the person.

    Args:
        capture: holds the images.
        camera: by name.
        kind: `background` takes the capture's image of the empty scene, `median` the temporal median.

    Raises:
        CaptureError: there is no such image, or there are too few frames for a median.
    """
    if kind == "background":
        found = capture.background(camera)
        if found is None:
            hint = "give an image of the empty scene, or set rectify.masks: auto"
            raise CaptureError(
                "no background of this camera", code="no-background", file=capture.root, camera=camera, hint=hint
            )
        return found
    chosen = np.unique(np.linspace(0, len(capture.frames) - 1, _MEDIAN_FRAMES).round().astype(int))
    if len(chosen) < 3:
        what = f"a temporal median of {counted(len(chosen), 'frame')} shows the person, not the scene"
        raise CaptureError(
            what,
            code="too-few-frames",
            file=capture.root,
            camera=camera,
            hint="set rectify.masks: auto, background or given",
        )
    stack = np.stack([capture.image(camera, capture.frames[index]) for index in chosen])
    bands = np.array_split(stack, 16, axis=1)  # np.median makes float copies: band by band they fit into memory
    return np.concatenate([np.median(band, axis=0) for band in bands]).round().astype(np.uint8)


def foreground(image: Image, background: Image) -> Bool[np.ndarray, "h w"]:
    """Pixels where an image differs from the background; a change of exposure is ignored, a shadow mostly."""
    sigma = _BLUR * max(image.shape[:2])
    difference = _lab(image, sigma) - _lab(background, sigma)
    # The median difference of lightness is that of the exposure, since most pixels show the background.
    difference[..., 0] = _LIGHTNESS * (difference[..., 0] - np.median(difference[..., 0]))
    distance = np.linalg.norm(difference, axis=2)
    centre = np.median(distance)
    limit = max(_LEAST_DIFFERENCE, centre + _DEVIATIONS * _NORMAL * np.median(abs(distance - centre)))
    weak = cv2.morphologyEx((distance > limit).astype(np.uint8), cv2.MORPH_OPEN, _disc(2 * sigma))
    components = np.asarray(cv2.connectedComponents(weak, connectivity=4)[1], dtype=np.int32)
    kept = np.zeros(components.max() + 1, bool)
    kept[components[distance > _STRONG * limit]] = True
    kept[0] = False  # the label of all pixels below the limit
    return kept[components]


def _lab(image: Image, sigma: float) -> Float32[np.ndarray, "h w 3"]:
    """Blurred image in CIELAB."""
    smooth = cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), sigma)
    return cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)


def _disc(diameter: float) -> UInt8[np.ndarray, "n n"]:
    """Round structuring element of an odd diameter, pixels."""
    size = round(diameter) | 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
