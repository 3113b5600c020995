"""The section `assess`: how good novel views are on a rig, by its own cameras."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Positive, Problem, without_problems
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.evaluate import EvaluateSettings
from posegaussian.config.rectify import RectifySettings
from posegaussian.registry import DETECTORS


@dataclass(frozen=True, config=STRICT)
class AssessSettings:
    """The cameras of a rig, each held out in turn."""

    frames: Positive = 3
    """Frames, spread over the capture, in which views are rendered and compared."""
    widest: Annotated[float, Field(gt=0, le=180)] = 90.0
    """Pairs further apart than this, degrees about the person, are left out."""
    rectify: RectifySettings = RectifySettings(size=(512, 512))
    """Stereo rectification. Where `target_size` is null, held-out views are as large as the rectified ones."""
    detector: DetectorSettings = DetectorSettings(kind="blazepose")
    """The 2D pose detector, of a kind that needs no environment of its own."""
    evaluate: EvaluateSettings = EvaluateSettings(crops=("full", "bbox"))
    """Metrics; `bbox` has to be among the crops."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """See `rig_problems`."""
        yield from rig_problems(self.detector, self.evaluate)


def rig_problems(detector: DetectorSettings, evaluate: EvaluateSettings) -> Iterator[Problem]:
    """A detector that cannot run in this environment, or no crop around the person, by which views are compared."""
    if DETECTORS[detector.kind].environment != "posegaussian":
        yield ("detector", "kind"), f"{detector.kind} needs an environment of its own; use blazepose"
    if "bbox" not in evaluate.crops:
        yield ("evaluate", "crops"), "bbox is missing: views are compared by it"
