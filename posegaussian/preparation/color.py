"""Colour matching: a matrix and an offset for each camera, in linear light, fitted to what two cameras both see.

First a gain for each channel, then what a gain cannot express: other primaries, tone curves and flare. Both are robust
to highlights and wrong matches, and shrunk to no change where the evidence is thin.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Float32

from posegaussian.names import natural_order
from posegaussian.preparation.color_matches import ColorMatches, color_matches
from posegaussian.preparation.footage import Footage

ColorTransform = Float[np.ndarray, "3 4"]
"""A matrix M and an offset b: colours c in linear light (RGB, in [0, 1]) become M c + b."""
IDENTITY = np.eye(3, 4)
_FRAMES = 12
"""Most frames that are compared, spread over those that are rectified. Chosen by hand."""
_LEAST = 8
"""Pairs with fewer matches are left out. Chosen by hand."""
_PRIOR = 0.3
"""Prior standard deviation of the gains' logarithms. Chosen by hand."""
_CERTAIN = 1.4
"""A pair's gains are shrunk towards 1 by the share of their square that this many standard errors squared are."""
_MATRIX, _OFFSET = 0.05, 0.01
"""Prior standard deviations of the matrices' elements around the identity, and of the offsets."""
_ALIKE = 50.0
"""Matches near each other have errors alike: this many count as one. Chosen by hand."""
_SYSTEMATIC = 0.35
"""Error of the median of matches as a share of their spread, however many there are."""
_DARK = 0.05
"""Errors of colours grow with their brightness plus this. Chosen by hand."""
_WORTH = 0.8
"""What is more than a gain is used where it lowers the differences of matches it was not fitted to by this factor.
This, `_CERTAIN`, `_SYSTEMATIC` and `_MATRIX` were chosen on people 100 to 105 (validation) with benchmarks/color.py:
what cameras share that are alike stays as it is, and of unlike ones the most is gained."""
_PARTS = 8
"""The matches are cut into this many parts of the body, every other one for a fit and the rest to test it."""
_ITERATIONS = 10
"""Of reweighting. Chosen by hand: changes are below 1e-4 after it."""
_BLOCK = 8192
"""Colours that are transformed at once, which stay in the processor's cache: 1.5 times as fast as all at once."""
_NORMAL = 1.4826
"""Standard deviation of a normal distribution / its median absolute deviation."""


def transform_colors(colors: Float32[np.ndarray, "n 3"], transform: ColorTransform) -> Float32[np.ndarray, "n 3"]:
    """sRGB colours in [0, 1], transformed in linear light and clipped to [0, 1].

    The inverse transform restores the original colours, except where they were clipped.
    """
    matrix, offset = transform[:, :3].astype(np.float32), transform[:, 3].astype(np.float32)
    result = np.empty_like(colors)
    for start in range(0, len(colors), _BLOCK):
        part = colors[start : start + _BLOCK]
        bright = ((part + np.float32(0.055)) / np.float32(1.055)) ** np.float32(2.4)
        light = np.where(part <= 0.04045, part / np.float32(12.92), bright)
        light = np.clip(light @ matrix.T + offset, 0, 1)
        bright = np.float32(1.055) * light ** np.float32(1 / 2.4) - np.float32(0.055)
        result[start : start + _BLOCK] = np.where(light <= 0.0031308, np.float32(12.92) * light, bright)
    return result


def estimate_colors(
    footage: Footage, pairs: Sequence[tuple[str, str]], frames: Sequence[int]
) -> dict[str, ColorTransform]:
    """Colour transforms by camera, of all cameras of the pairs; on average they change nothing.

    A camera that shares nothing with the others keeps its colours.
    """
    names = sorted({camera for pair in pairs for camera in pair}, key=natural_order)
    chosen = _spread(frames)
    places = [(names.index(first), names.index(second)) for first, second in pairs]
    found = [color_matches(footage, first, second, chosen) for first, second in pairs]
    return dict(zip(names, fit_colors(len(names), places, found), strict=True))


def _spread(frames: Sequence[int]) -> list[int]:
    """Frames spread over all, in an order in which those that come first are spread, too."""
    count = min(_FRAMES, len(frames))
    order = sorted(range(count), key=lambda place: (f"{place:04b}"[::-1], place))
    return [frames[round(place * (len(frames) - 1) / max(count - 1, 1))] for place in order]


def fit_colors(
    cameras: int, pairs: Sequence[tuple[int, int]], matches: Sequence[ColorMatches]
) -> Float[np.ndarray, "cameras 3 4"]:
    """Colour transforms that make matches alike."""
    known = [(pair, found) for pair, found in zip(pairs, matches, strict=True) if len(found[0]) >= _LEAST]
    gains = _gains(cameras, known)
    rich = [(pair, first * gains[pair[0]], second * gains[pair[1]]) for pair, (first, second) in known]
    scales = np.concatenate([gains, np.ones((cameras, 1))], axis=1)
    return (_corrections(cameras, rich) if _worthwhile(cameras, rich) else _unchanged(cameras)) * scales[:, None]


def _unchanged(cameras: int) -> Float[np.ndarray, "cameras 3 4"]:
    return np.tile(IDENTITY, (cameras, 1, 1))


_Pair = tuple[tuple[int, int], Float[np.ndarray, "_ 3"], Float[np.ndarray, "_ 3"]]
"""Indices of two cameras, and their colours at the same places."""


def _gains(cameras: int, known: Sequence[tuple[tuple[int, int], ColorMatches]]) -> Float[np.ndarray, "cameras 3"]:
    """Gains from the pairs' median ratios, by weighted least squares in logarithms; their geometric mean is 1."""
    rows, values, weights = [], [], []
    for (first, second), (one, other) in known:
        ratios = np.log(other / one)
        centre = np.median(ratios, axis=0)
        spread = _NORMAL * np.median(abs(ratios - centre), axis=0) + 1e-3
        error = spread * np.sqrt(_ALIKE / len(ratios) + _SYSTEMATIC**2)
        certain = max(0.0, 1 - _CERTAIN**2 * (error**2).sum() / max((centre**2).sum(), 1e-12))
        rows.append(np.eye(cameras)[first] - np.eye(cameras)[second])
        values.append(certain * centre)
        weights.append(1 / error)
    gains = np.zeros((cameras, 3))
    for channel in range(3) if rows else ():
        scale = np.array(weights)[:, channel]
        matrix = np.concatenate([np.array(rows) * scale[:, None], np.eye(cameras) / _PRIOR])
        right = np.concatenate([np.array(values)[:, channel] * scale, np.zeros(cameras)])
        gains[:, channel] = np.linalg.lstsq(matrix, right, rcond=None)[0]
    return np.exp(gains - gains.mean(0))


def _corrections(cameras: int, pairs: Sequence[_Pair]) -> Float[np.ndarray, "cameras 3 4"]:
    """Transforms, on average the identity, by iteratively reweighted least squares (Cauchy) with a normal prior.

    The errors are those of differences of colours on sums of colours: in both cameras, so that neither is biased.
    """
    prior = np.array([_MATRIX, _MATRIX, _MATRIX, _OFFSET])
    rows, differences = [], []
    for (first, second), one, other in pairs:
        scale = 1 / (_DARK + (one + other).mean(1, keepdims=True) / 2)
        row = np.zeros((len(one), cameras, 4))
        row[:, first], row[:, second] = _homogeneous(one) * scale * prior, -_homogeneous(other) * scale * prior
        rows.append(row.reshape(len(one), -1))
        differences.append((other - one) * scale)
    if not rows:
        return _unchanged(cameras)
    matrix, right = np.concatenate(rows), np.concatenate(differences)
    solution = np.zeros((cameras * 4, 3))
    for _ in range(_ITERATIONS):
        errors = right - matrix @ solution
        sigma = _NORMAL * np.median(abs(errors), axis=0) + 1e-4
        for channel in range(3):
            weight = 1 / (_ALIKE * sigma[channel] ** 2 * (1 + (errors[:, channel] / (2 * sigma[channel])) ** 2))
            normal = (matrix * weight[:, None]).T @ matrix + np.eye(cameras * 4)
            solution[:, channel] = np.linalg.solve(normal, (matrix * weight[:, None]).T @ right[:, channel])
    changes = solution.reshape(cameras, 4, 3).swapaxes(1, 2) * prior
    return IDENTITY + changes - changes.mean(0)


def _worthwhile(cameras: int, pairs: Sequence[_Pair]) -> bool:
    """Whether corrections that are fitted to one half of the matches make the other half more alike, either way."""
    halves = [[], []]
    for pair, first, second in pairs:
        half = np.arange(len(first)) * _PARTS // len(first) % 2
        for index in (0, 1):
            halves[index].append((pair, first[half == index], second[half == index]))
    return all(
        _difference(_corrections(cameras, one), other) < _WORTH * _difference(_unchanged(cameras), other)
        for one, other in (halves, halves[::-1])
    )


def _difference(transforms: Float[np.ndarray, "cameras 3 4"], pairs: Sequence[_Pair]) -> float:
    """Median difference of the pairs' colours after the transforms, relative to their brightness."""
    errors = [np.zeros(0)]
    for (first, second), one, other in pairs:
        one, other = _homogeneous(one) @ transforms[first].T, _homogeneous(other) @ transforms[second].T
        errors.append((abs(one - other) / (_DARK + (one + other) / 2)).mean(1))
    return float(np.median(np.concatenate(errors))) if pairs else 0.0


def _homogeneous(colors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 4"]:
    return np.concatenate([colors, np.ones_like(colors[:, :1])], axis=1)


def format_colors(colors: Mapping[str, ColorTransform]) -> str:
    """One line of text: what the transform of each camera makes of white; empty where no camera's changes it."""
    whites = {camera: [f"{value:.3f}" for value in transform.sum(1)] for camera, transform in colors.items()}
    changed = {camera: white for camera, white in whites.items() if set(white) != {"1.000"}}
    return ", ".join(f"{camera} white x ({', '.join(white)})" for camera, white in changed.items())
