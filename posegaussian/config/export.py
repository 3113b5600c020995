"""Settings of the command `export`: images along a camera path."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Positive, Size


@dataclass(frozen=True, config=STRICT)
class ExportSettings:
    """Images along a camera path."""

    steps: Positive = 48
    """Number of images along the path."""
    size: Size = (512, 512)
    """Width and height of the images in pixels."""
    degrees: float = 360.0
    """Angle that the path `orbit` covers."""
    fps: Positive = 12
    """Images per second of the MP4."""
    backend: Backend = "auto"
    """Rasteriser."""
