"""The key `rectify.matting`: another model in place of the matting network that ships."""

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Problem, without_problems

Channels = tuple[float, float, float]


@dataclass(frozen=True, config=STRICT)
class MattingSettings:
    """The model that finds the person's edges where masks are made."""

    onnx: str = ""
    """Path of an .onnx file with one input, 1 x 3 x H x W, whose first output is the alpha (needs onnxruntime). Empty:
    the network that ships here."""
    mean: Channels = (0.0, 0.0, 0.0)
    """Its input is (RGB - `mean`) / `std`, of RGB in [0, 1]."""
    std: Channels = (1.0, 1.0, 1.0)
    """See `mean`."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Divisors that are not above 0."""
        if min(self.std) <= 0:
            yield ("std",), "expected numbers above 0"
