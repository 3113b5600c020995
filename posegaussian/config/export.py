"""Settings of the command `export`: images along a camera path."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Positive, Size


@dataclass(frozen=True, config=STRICT)
class ExportSettings:
    """Images along a camera path, exported by hand."""

    steps: Positive = 48
    """Images along the path."""
    size: Size = (512, 512)
    """Width and height of the images, pixels."""
    degrees: float = 360.0
    """How far the path `orbit` goes."""
    fps: Positive = 12
    """Images per second of the MP4."""
    backend: Backend = "auto"
    """Rasteriser."""
