"""Settings of the command `render` for one view of a capture folder."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Size
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.rectify import RectifySettings


@dataclass(frozen=True, config=STRICT)
class ViewSettings:
    """One novel view rendered by hand, from a capture folder."""

    rectify: RectifySettings | None = None
    """Stereo rectification; null: as for the captures that the weights learned from, with the capture's own masks,
    or else those that its images of the empty scene give."""
    detector: DetectorSettings | None = None
    """The 2D pose detector; null: the one that the weights learned with."""
    size: Size | None = None
    """Width and height of the image, pixels; null: those of the cameras."""
    backend: Backend = "auto"
    """Rasteriser."""
