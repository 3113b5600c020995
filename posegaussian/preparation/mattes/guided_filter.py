"""The guided filter with a colour image as the guide (He, Sun and Tang, 2013)."""

import cv2
import numpy as np
from jaxtyping import Float32


def guided_filter(
    guide: Float32[np.ndarray, "h w 3"], values: Float32[np.ndarray, "h w"], radius: int, epsilon: float
) -> Float32[np.ndarray, "h w"]:
    """Values smoothed, except where the guide has edges: locally a linear function of the guide's colours.

    Args:
        guide: RGB in [0, 1].
        values: to filter.
        radius: of the square windows, pixels: they are 2 x radius + 1 wide.
        epsilon: variances of the guide below this are smoothed.
    """
    size = 2 * radius + 1, 2 * radius + 1

    def mean(image: np.ndarray) -> np.ndarray:
        return cv2.blur(image, size, borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_values = mean(guide), mean(values)
    across = mean(guide * values[..., None]) - mean_guide * mean_values[..., None]
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    a, b, c, d, e, f = (mean(guide[..., i] * guide[..., j]) - mean_guide[..., i] * mean_guide[..., j] for i, j in pairs)
    a, d, f = a + epsilon, d + epsilon, f + epsilon
    # The inverse of the symmetric matrix ((a b c) (b d e) (c e f)) by its cofactors: no library call per pixel.
    aa, bb, cc, dd, ee, ff = d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b
    x, y, z = cv2.split(across)
    slope = np.dstack([aa * x + bb * y + cc * z, bb * x + dd * y + ee * z, cc * x + ee * y + ff * z])
    slope /= (a * aa + b * bb + c * cc)[..., None]
    level = mean_values - (slope * mean_guide).sum(2)
    return (mean(slope) * guide).sum(2) + mean(level)
