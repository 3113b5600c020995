"""The section `people`: finding the person in every image."""

from collections.abc import Iterator
from typing import Literal

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Problem, without_problems


@dataclass(frozen=True, config=STRICT)
class FindPeopleSettings:
    """Finding the person in every image, by MediaPipe's BlazePose."""

    missing: Literal["stop", "skip"] = "stop"
    """What happens in a frame in which fewer than two cameras see the person: `stop`, with an error, or `skip`: the
    frame is left out of everything that follows, with a warning."""
    weights: str = ""
    """Weights of the landmark network, a path to a .tflite or .safetensors file. Empty: the model `full`, which ships
    here."""
    url: str | None = None
    """URL to download the weights from if the file is missing; needs `sha256`."""
    sha256: str | None = None
    """sha256 of the weights, or its first digits; checked before use."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions within the settings."""
        if self.url is not None and not self.sha256:
            yield ("sha256",), "missing: weights with a `url` are not downloaded without it"
        if not self.weights and (self.url is not None or self.sha256 is not None):
            yield ("weights",), "missing: `url` and `sha256` are those of a file that it names"
