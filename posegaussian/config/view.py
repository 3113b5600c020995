"""Settings of the command `render` for a single view of a capture folder."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Size
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.rectify import RectifySettings


@dataclass(frozen=True, config=STRICT)
class ViewSettings:
    """A single novel view of a capture folder."""

    rectify: RectifySettings | None = None
    """Stereo rectification; null: the settings of the captures that the weights were trained on, with the capture's own
    masks or, if it has none, masks from its images of the empty scene."""
    detector: DetectorSettings | None = None
    """The 2D pose detector; null: the one that the weights were trained with."""
    size: Size | None = None
    """Width and height of the image in pixels; null: those of the cameras."""
    backend: Backend = "auto"
    """Rasteriser."""
