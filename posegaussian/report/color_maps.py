"""Disparities and errors in colours."""

import flip_evaluator
import matplotlib
import numpy as np
from jaxtyping import Float, Shaped, UInt8

from posegaussian.geometry.masks import is_person
from posegaussian.report.pictures import Picture


def disparity_limits(disparity: Float[np.ndarray, "*shape"], mask: UInt8[np.ndarray, "*shape"]) -> tuple[float, float]:
    """The range that most of a person's disparities lie in, pixels."""
    values = disparity[is_person(mask)]
    if not len(values):
        return 0.0, 1.0
    low, high = np.percentile(values, [2, 98])
    return float(low), float(max(high, low + 1e-3))


def disparity_colours(
    disparity: Float[np.ndarray, "h w"], mask: Shaped[np.ndarray, "h w"], limits: tuple[float, float]
) -> Picture:
    """Disparity in colours from far (dark blue) to near (red), black off the mask (0..255)."""
    return _mapped("turbo", (disparity - limits[0]) / (limits[1] - limits[0]), mask)


def error_colours(error: Float[np.ndarray, "h w"], mask: Shaped[np.ndarray, "h w"], limit: float) -> Picture:
    """Errors from 0 (black) to `limit` (bright yellow), black off the mask (0..255)."""
    return _mapped("inferno", error / limit, mask)


def _mapped(name: str, values: np.ndarray, mask: np.ndarray) -> Picture:
    colours = matplotlib.colormaps[name](np.clip(values, 0, 1))[..., :3]
    return np.rint(255 * colours * is_person(mask)[..., None]).astype(np.uint8)


def flip_map(image: Picture, truth: Picture) -> Picture:
    """The FLIP error of every pixel, from 0 (black) to 1 (pale yellow)."""
    reference, test = (np.ascontiguousarray(picture, dtype=np.float32) / 255 for picture in (truth, image))
    colours = flip_evaluator.evaluate(reference, test, "LDR", inputsRGB=True, applyMagma=True)[0]
    return np.rint(np.asarray(colours).clip(0, 1) * 255).astype(np.uint8)
