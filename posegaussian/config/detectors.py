"""The section `detectors`: the 2D pose detectors that compute the heatmaps."""

from collections.abc import Iterator
from typing import Annotated

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, NameOf, Problem, without_problems
from posegaussian.registry import DETECTORS


@dataclass(frozen=True, config=STRICT)
class DetectorSettings:
    """A 2D pose detector."""

    config: str = ""
    """MMPose configuration: a path, `package:NAME` for one that ships here, or a name from MMPose's own package. Other
    kinds have none."""
    weights: str = ""
    """Weights: a path, or `package:NAME` for weights that ship here. Empty: the kind's, which ship here; `mmpose` has
    none."""
    kind: Annotated[str, NameOf(DETECTORS)] = "mmpose"
    """Kind of the detector, which loads these files."""
    url: str | None = None
    """URL to download the weights from if the file is missing; needs `sha256`."""
    sha256: str | None = None
    """sha256 of the weights, or its first digits; checked before use."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions within the settings."""
        kind = DETECTORS[self.kind]
        for name in ("config",) * kind.configured + ("weights",) * (not kind.weights):
            if not getattr(self, name):
                yield (name,), f"missing: a detector of kind {self.kind} needs it"
        if self.url is not None and not self.sha256:
            yield ("sha256",), "missing: weights with a `url` are not downloaded without it"
