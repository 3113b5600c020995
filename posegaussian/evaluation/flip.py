"""LDR-FLIP (Andersson et al., "FLIP: A Difference Evaluator for Alternating Images", 2020), on any device.

The formulas are those of the paper: contrast sensitivity (section 4.1.1), Hunt effect and HyAB (4.1.2), redistribution
(4.1.3), edges and points (4.2), both together (4.3). Its filters are applied as sums of separable ones. Values equal
those of the authors' `flip-evaluator`, which runs on the CPU alone, up to the rounding of float32.
"""

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.evaluation.filters import separable

PIXELS_PER_DEGREE = 67.0
"""Of the observer: the default of the paper's authors, 0.7 m from a 4K display of 0.7 m."""
_SENSITIVITY = (((1.0, 0.0047),), ((1.0, 0.0053),), ((34.1, 0.04), (13.5, 0.025)))
"""Contrast sensitivity of the three channels: sums of Gaussians with (a, b) (table 1 of the paper)."""
_FEATURE_WIDTH = 0.082
"""Width of an edge detector in degrees (section 4.2)."""
_COLOR_POWER, _FEATURE_POWER, _SHARE, _TARGET = 0.7, 0.5, 0.4, 0.95
"""q_c, q_f, p_c and p_t of the paper."""
_TO_XYZ = torch.tensor(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ],
    dtype=torch.float64,
)
"""Linear RGB to XYZ, of the primaries and the white point of sRGB (BT.709, D65), exactly."""
_WHITE = _TO_XYZ.sum(1)
_DELTA = 6 / 29
"""Of CIELAB."""


def flip_error(image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    """The FLIP error of each pixel, 0 to 1, at 67 pixels per degree; both RGB in [0, 1], sRGB, on one device."""
    opponents = [_opponents(_linear(each.float())) for each in (image, truth)]
    colors = _redistributed(_distance(*(_lab(_seen(each)) for each in opponents)).pow(_COLOR_POWER))
    edges, points = zip(*(_features((each[0] + 16) / 116) for each in opponents), strict=True)
    contrast = torch.maximum((edges[0] - edges[1]).abs(), (points[0] - points[1]).abs())
    features = (contrast / math.sqrt(2)).pow(_FEATURE_POWER)
    return colors.pow(1 - features)


def _linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055).clamp_min(0).pow(2.4))


def _mixed(matrix: Tensor, values: Tensor) -> Tensor:
    """A matrix times the channels of each pixel."""
    return torch.einsum("ij,jhw->ihw", matrix.to(values), values)


def _opponents(linear: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """YCxCz: luminance and two opponent colours, linear in light."""
    x, y, z = _mixed(_TO_XYZ / _WHITE[:, None], linear)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _seen(opponents: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """Linear RGB after the filters of contrast sensitivity, clipped to [0, 1]."""
    y, x, z = (
        torch.cat([share * separable(channel[None], line, line, "replicate") for share, line in _blurs(terms)]).sum(0)
        for channel, terms in zip(opponents, _SENSITIVITY, strict=True)
    )
    y = (y + 16) / 116
    normalised = torch.stack([y + x / 500, y, y - z / 200])
    return _mixed(torch.linalg.inv(_TO_XYZ) * _WHITE, normalised).clamp(0, 1)


@cache
def _blurs(terms: tuple[tuple[float, float], ...]) -> list[tuple[float, Tensor]]:
    """Shares and lines of the separable Gaussians whose sum is a filter of contrast sensitivity with the sum 1."""
    widest = max(b for channel in _SENSITIVITY for _, b in channel)
    radius = math.ceil(3 * math.sqrt(widest / (2 * math.pi**2)) * PIXELS_PER_DEGREE)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64) / PIXELS_PER_DEGREE
    lines = [torch.exp(-(math.pi**2) * x.square() / b) for _, b in terms]
    weights = [a * math.sqrt(math.pi / b) * float(line.sum()) ** 2 for (a, b), line in zip(terms, lines, strict=True)]
    return [(weight / sum(weights), line / line.sum()) for weight, line in zip(weights, lines, strict=True)]


def _lab(linear: Float[Tensor, "3 h w"]) -> Float[Tensor, "3 h w"]:
    """CIELAB of linear RGB, with the Hunt effect: dark colours are less colourful."""
    ratios = _mixed(_TO_XYZ / _WHITE[:, None], linear)
    x, y, z = torch.where(ratios > _DELTA**3, ratios.clamp_min(0).pow(1 / 3), ratios / (3 * _DELTA**2) + 4 / 29)
    light = 116 * y - 16
    return torch.stack([light, 0.01 * light * 500 * (x - y), 0.01 * light * 200 * (y - z)])


def _distance(first: Float[Tensor, "3 h w"], second: Float[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    """HyAB: city-block in lightness, Euclidean in colour."""
    difference = first - second
    return difference[0].abs() + difference[1:].square().sum(0).sqrt()


@cache
def _largest() -> float:
    """The colour error of green and blue, the largest one."""
    green, blue = (torch.eye(3, dtype=torch.float64)[:, i, None, None] for i in (1, 2))
    return float(_distance(_lab(green), _lab(blue))) ** _COLOR_POWER


def _redistributed(errors: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """Colour errors in [0, 1]: the lower part of their range gets most of it."""
    largest, knee = _largest(), _SHARE * _largest()
    high = _TARGET + (errors - knee) / (largest - knee) * (1 - _TARGET)
    return torch.where(errors < knee, errors * (_TARGET / knee), high)


def _features(light: Float[Tensor, "h w"]) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
    """Strength of edges and of points."""
    blur, slope, bend = _detectors()
    found = [
        torch.hypot(*(separable(light[None], *lines, "replicate")[0] for lines in ((line, blur), (blur, line))))
        for line in (slope, bend)
    ]
    return found[0], found[1]


@cache
def _detectors() -> tuple[Tensor, Tensor, Tensor]:
    """Lines of a Gaussian and its derivatives; the positive and negative weights of each detector sum to 1 and -1."""
    deviation = 0.5 * _FEATURE_WIDTH * PIXELS_PER_DEGREE
    radius = math.ceil(3 * deviation)
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    gauss = torch.exp(-x.square() / (2 * deviation**2))
    slope, bend = -x * gauss, (x.square() / deviation**2 - 1) * gauss
    return gauss / gauss.sum(), _balanced(slope), _balanced(bend)


def _balanced(line: Tensor) -> Tensor:
    return torch.where(line > 0, line / line.clamp_min(0).sum(), -line / line.clamp_max(0).sum())
