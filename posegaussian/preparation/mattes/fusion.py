"""All evidence about a window's pixels together: a sum of log-odds, whose weights were fitted on people of `val`.

Each combination of what is there (other cameras, an image of the empty scene) has weights of its own.
tools/fit_mattes.py fits and prints them. The frame before was tried as well, and said nothing new.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from posegaussian.preparation.mattes.difference import DifferenceEvidence
from posegaussian.preparation.mattes.soft_hull import HullEvidence

NAMES = ("bias", "network", "strict", "lenient", "lightness", "colour")
"""Of the weights: see `Evidence`."""


@dataclass(frozen=True)
class Evidence:
    """What is known about the pixels of a window."""

    network: Float32[np.ndarray, "h w"]  # log-odds by the matting network
    hull: HullEvidence  # by the other cameras
    # from the scene without the person; None where nothing is known of it
    difference: DifferenceEvidence | None = None

    @property
    def kind(self) -> tuple[int, bool]:
        """What the weights depend on: the number of other cameras, at most 3, and whether the empty scene is known."""
        return min(self.hull.others, 3), self.difference is not None

    def features(self) -> list[Float32[np.ndarray, "h w"] | float]:
        """What the weights multiply, except `bias`."""
        difference = (0.0, 0.0) if self.difference is None else (self.difference.lightness, self.difference.colour)
        return [self.network, self.hull.strict, self.hull.lenient, *difference]


def fuse(evidence: Evidence) -> Float32[np.ndarray, "h w"]:
    """Log-odds that a pixel shows the person, by all evidence."""
    if evidence.difference is None or evidence.difference.known is None:
        return _weighted(evidence)
    return np.where(evidence.difference.known, _weighted(evidence), _weighted(replace(evidence, difference=None)))


def _weighted(evidence: Evidence) -> Float32[np.ndarray, "h w"]:
    """The sum of all evidence, each with its weight."""
    bias, *weights = WEIGHTS[evidence.kind]
    total = np.full(evidence.network.shape, bias, np.float32)
    for weight, values in zip(weights, evidence.features(), strict=True):
        if weight and isinstance(values, np.ndarray):
            total += np.float32(weight) * values
    return total


WEIGHTS: dict[tuple[int, bool], tuple[float, ...]] = {
    (0, False): (0.569, 0.945, 0.0, 0.0, 0.0, 0.0),
    (0, True): (-0.399, 0.792, 0.0, 0.0, 0.306, 0.608),
    (1, False): (-0.992, 0.907, 0.099, 0.099, 0.0, 0.0),
    (1, True): (-1.534, 0.775, 0.055, 0.055, 0.353, 0.623),
    (2, False): (-0.287, 0.901, 0.04, 0.04, 0.0, 0.0),
    (2, True): (-1.503, 0.787, 0.033, 0.033, 0.288, 0.784),
    (3, False): (-1.942, 0.91, 0.035, 0.325, 0.0, 0.0),
    (3, True): (-4.177, 0.784, 0.019, 0.524, 0.302, 0.674),
}
"""By `Evidence.kind`, in the order of `NAMES`; fitted by tools/fit_mattes.py on people 109 to 112 of `val`, in captures
of 1024 px as benchmarks/footage.py makes them. The empty scene saves 20 % of the network's loss; other cameras 1 %.
They were fitted to the network before its last training; a fit to this one is nearly the same and no better."""
