"""Disparities and errors in colours."""

import flip_evaluator
import matplotlib
import numpy as np
from jaxtyping import Float, Shaped, UInt8

from posegaussian.geometry.masks import is_person
from posegaussian.report.images import RGBImage


def disparity_limits(disparity: Float[np.ndarray, "*shape"], mask: UInt8[np.ndarray, "*shape"]) -> tuple[float, float]:
    """The range of a person's disparities without the outer 2 % on either side, pixels; (0, 1) for an empty mask."""
    values = disparity[is_person(mask)]
    if not len(values):
        return 0.0, 1.0
    low, high = np.percentile(values, [2, 98])
    return float(low), float(max(high, low + 1e-3))


def disparity_colours(
    disparity: Float[np.ndarray, "h w"], mask: Shaped[np.ndarray, "h w"], limits: tuple[float, float]
) -> RGBImage:
    """Disparity in colours from far (dark blue) to near (red), black outside the mask (0..255)."""
    return _mapped("turbo", (disparity - limits[0]) / (limits[1] - limits[0]), mask)


def error_colours(error: Float[np.ndarray, "h w"], mask: Shaped[np.ndarray, "h w"], limit: float) -> RGBImage:
    """Errors in colours from 0 (black) to `limit` (bright yellow), black outside the mask (0..255)."""
    return _mapped("inferno", error / limit, mask)


def _mapped(name: str, values: np.ndarray, mask: np.ndarray) -> RGBImage:
    colours = matplotlib.colormaps[name](np.clip(values, 0, 1))[..., :3]
    return np.rint(255 * colours * is_person(mask)[..., None]).astype(np.uint8)


def flip_colours(image: RGBImage, truth: RGBImage) -> RGBImage:
    """The FLIP error of every pixel in colours from 0 (black) to 1 (pale yellow)."""
    reference, test = (np.ascontiguousarray(each, dtype=np.float32) / 255 for each in (truth, image))
    colours = flip_evaluator.evaluate(reference, test, "LDR", inputsRGB=True, applyMagma=True)[0]
    return np.rint(np.asarray(colours).clip(0, 1) * 255).astype(np.uint8)
