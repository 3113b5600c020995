"""The person alone, from an image at the size of its camera and the matte."""

import cv2
import numpy as np
from jaxtyping import Float32

BACKGROUND_REACH = 3
"""Radius of the window in which the background of a soft edge is estimated, pixels. Chosen by hand."""
PURITY = 8
"""A pixel of coverage a has the weight (1 - a) ** PURITY in that estimate. Chosen by hand: nearly pure background."""
FALLBACK = 1e-3
"""Weight of the pixel itself, which is the estimate where there is no background in the window. Chosen by hand."""


def without_background(
    image: Float32[np.ndarray, "h w 3"], coverage: Float32[np.ndarray, "h w 1"]
) -> Float32[np.ndarray, "h w 3"]:
    """Colours premultiplied by the coverage, in [0, 1]: the image without the contribution of the background.

    A soft pixel shows `a F + (1 - a) B` (Porter and Duff, 1984), F being the person's colour and B the background's.
    `image * a` would darken it to `a a F + ...`. Here, B is estimated as the mean of the background nearby and
    subtracted, and `a F` is left. The person's colour is the result divided by the coverage.
    On drawn edges whose colours are known, this is 4 dB nearer to the truth than blur-fusion (Forte, 2021) with exact
    mattes, and 1.6 dB farther with mattes that are too soft.
    `geometry.compositing.person_on_black` returns what this estimates, resampled, from rectified images.

    Args:
        image: RGB, in [0, 1].
        coverage: how much of each pixel the person covers, in [0, 1].
    """
    soft = ((coverage > 0) & (coverage < 1))[..., 0]  # elsewhere there is nothing to estimate
    behind = 1 - coverage[soft]
    weight = (coverage == 0).astype(np.float32)
    weight[soft] = behind**PURITY
    total = _mean(weight)[soft] + FALLBACK
    color = image[soft]
    background = (_mean(weight * image)[soft] + FALLBACK * color) / total
    result = np.where(coverage == 1, image.clip(0, 1), np.float32(0))
    result[soft] = np.clip(color - behind * background, 0, coverage[soft])
    return result


def _mean(values: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w c"]:
    return cv2.blur(values, (2 * BACKGROUND_REACH + 1, 2 * BACKGROUND_REACH + 1)).reshape(values.shape)
