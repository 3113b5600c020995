"""Metrics of an image and of a disparity map against the truth. Images: RGB in [0, 1], sRGB, on black."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from posegaussian.evaluation.flip import flip_error
from posegaussian.evaluation.similarity import measured_similarity
from posegaussian.registry import METRICS

_RANK = 1e-12
"""Singular values of the normal equations below this share of the largest are taken as 0: colours that differ by less
than a millionth of their range are one colour."""


def psnr(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> float:
    """Peak signal-to-noise ratio, dB; infinite for equal images."""
    error = float(F.mse_loss(image.double(), truth.double()))
    return -10 * math.log10(error) if error > 0 else math.inf


def color_corrected(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """The image after the affine map of its colours that fits the truth best, in least squares.

    Fitted where neither image is black, in sRGB values; black stays black. Without such pixels, the image itself.
    """
    shown, known = image.amax(0) > 0, truth.amax(0) > 0
    colors, wanted = image[:, shown].double().T, truth[:, shown & known].double().T
    if not len(wanted):
        return image
    columns = torch.cat([colors, torch.ones_like(colors[:, :1])], dim=1)
    used = columns[known[shown]]
    # The normal equations: four columns of values in [0, 1] are conditioned well enough for them in float64, and only a
    # small matrix leaves the device. This driver also solves rank-deficient systems, such as those of a grey person.
    moments = (used.T @ torch.cat([used, wanted], dim=1)).cpu()
    fit = torch.linalg.lstsq(moments[:, :4], moments[:, 4:], rcond=_RANK, driver="gelsd").solution.to(columns)
    corrected = image.clone()
    corrected[:, shown] = (columns @ fit).T.clamp(0, 1).to(image)
    return corrected


def ssim(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> float:
    """Structural similarity (Wang et al. 2004): Gaussian window 11 x 11, sigma 1.5, borders mirrored.

    NaN for images smaller than the window.
    """
    if min(image.shape[1:]) < METRICS["ssim"].smallest:
        return math.nan
    return float(ssim_map(image, truth).mean())


def ssim_map(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> Float64[Tensor, "h w"]:
    """Structural similarity around each pixel, averaged over the colour channels."""
    return measured_similarity(image.float(), truth.float()).double().mean(0)


def flip(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> float:
    """Mean LDR-FLIP error (Andersson et al. 2020), 0 to 1, at its default 67 pixels per degree."""
    return float(flip_map(image, truth).mean())


def flip_map(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> Float64[Tensor, "h w"]:
    """The LDR-FLIP error of each pixel."""
    return flip_error(image, truth).double()


def end_point_error(disparity: Float[np.ndarray, "n"], truth: Float[np.ndarray, "n"], width: int) -> float:
    """Mean absolute disparity error, scaled to an image 1024 pixels wide; NaN without pixels.

    Args:
        disparity: of the measured pixels, pixels.
        truth: of the same pixels.
        width: of the rectified image, pixels.
    """
    errors = _errors_at_1024(disparity, truth, width)
    return float(errors.mean()) if errors.size else math.nan


def rate_below_one(disparity: Float[np.ndarray, "n"], truth: Float[np.ndarray, "n"], width: int) -> float:
    """Share of the pixels whose error is below 1 px at 1024; NaN without pixels. Arguments: see `end_point_error`."""
    errors = _errors_at_1024(disparity, truth, width)
    return float((errors < 1).mean()) if errors.size else math.nan


def _errors_at_1024(disparity: np.ndarray, truth: np.ndarray, width: int) -> np.ndarray:
    return np.abs(disparity.astype(np.float64) - truth) * (1024 / width)
