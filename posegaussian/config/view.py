"""Settings of the command `render` for views of a capture folder, without files between."""

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Fps, Problem, Size, without_problems
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.rectify import RectifySettings
from posegaussian.registry import DETECTORS


@dataclass(frozen=True, config=STRICT)
class ViewSettings:
    """Novel views of a capture folder: a single one, or one of each frame."""

    rectify: RectifySettings | None = None
    """Stereo rectification; null: as the weights were trained (the included ones: 1024 x 1024 pixels), with
    `masks: auto`."""
    detector: DetectorSettings = DetectorSettings(kind="blazepose")
    """The 2D pose detector, of a kind that needs no environment of its own."""
    size: Size | None = None
    """Width and height of the image in pixels; null: those of the cameras."""
    fps: Fps | None = None
    """Images per second of a video; null: the footage's, or 12 where its files do not say."""
    backend: Backend = "auto"
    """Rasteriser."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """A detector that cannot run here."""
        if DETECTORS[self.detector.kind].environment != "posegaussian":
            hint = "rectify the capture, and use the command heatmaps"
            yield ("detector", "kind"), f"{self.detector.kind} needs an environment of its own: {hint}"
