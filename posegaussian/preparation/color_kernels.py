"""A Numba kernel that transforms the colours of images; `color.transform_colors` is its reference in NumPy.

Powers are looked up in tables, which takes a quarter of the time of computing them.
"""

from math import sqrt
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, UInt8
from numba import njit

_STEPS = 4096
"""Steps of the square root of light in the table of sRGB. Between two of them it is within 3e-8 of a straight line."""
_ROOTS = np.arange(_STEPS + 2) / _STEPS
_ENCODED = (1.055 * _ROOTS ** (2 / 2.4) - 0.055).astype(np.float32)
"""sRGB of light beyond `_DARK`, by the square root of light; one more entry for light of 1."""
_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Light of sRGB in levels of 8 bits."""
_DARK = np.float32(0.0031308)
"""Light up to which sRGB is proportional to it (IEC 61966-2-1)."""


def transform_levels(
    image: UInt8[np.ndarray, "h w 3"], transform: Float[np.ndarray, "3 4"]
) -> Float32[np.ndarray, "h w 3"]:
    """What `transform_colors` makes of an image in levels of 8 bits, up to 3e-6."""
    result = np.empty(image.shape, np.float32)
    _transform(image, transform.astype(np.float32), _LINEAR, _ENCODED, result)
    return result


@njit(nogil=True, cache=True, error_model="numpy")
@no_type_check
def _transform(image, transform, linear, encoded, result):
    """Write the colours of an image (h, w, 3), transformed in linear light, as sRGB in [0, 1]."""
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            red, green, blue = linear[image[i, j, 0]], linear[image[i, j, 1]], linear[image[i, j, 2]]
            for k in range(3):
                light = transform[k, 0] * red + transform[k, 1] * green + transform[k, 2] * blue + transform[k, 3]
                light = min(max(light, np.float32(0)), np.float32(1))
                if light <= _DARK:
                    result[i, j, k] = np.float32(12.92) * light
                else:
                    place = np.float32(sqrt(light)) * np.float32(_STEPS)
                    step = int(place)
                    share = place - np.float32(step)
                    result[i, j, k] = encoded[step] + share * (encoded[step + 1] - encoded[step])
