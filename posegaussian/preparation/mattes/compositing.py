"""The person alone, before black."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

_REACH = 3
"""The background of a soft edge is looked for this far around it, pixels."""
_PURITY = 8
"""A pixel of coverage a counts as background with the weight (1 - a) ** _PURITY."""
_DOUBT = 1e-3
"""Where no background is near, the pixel itself stands for it."""


def person_on_black(
    picture: UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w 3"], coverage: Float32[np.ndarray, "h w 1"]
) -> Float32[np.ndarray, "h w 3"]:
    """The picture without its background's share, in [0, 1]: premultiplied by the coverage, not multiplied once more.

    A soft pixel shows `a F + (1 - a) B` (Porter and Duff, 1984). `picture * a` would darken it to `a a F + ...`; here B
    is the mean of the background nearby, and what is left is `a F`: the person's own colour is the result / coverage.

    Args:
        picture: RGB, 0..255.
        coverage: how much of each pixel the person covers, in [0, 1].
    """
    colour = picture * np.float32(1 / 255)
    weight = (1 - coverage) ** _PURITY
    total = _mean(weight) + _DOUBT
    background = (_mean(weight * colour) + _DOUBT * colour) / total
    return np.clip(colour - (1 - coverage) * background, 0, coverage)


def _mean(values: Float32[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w c"]:
    return cv2.blur(values, (2 * _REACH + 1, 2 * _REACH + 1)).reshape(values.shape)
