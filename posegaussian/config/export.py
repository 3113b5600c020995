"""Settings of the command `export`: axes and images along a camera path."""

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Literal

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Fps, NameOf, NonNegative, Positive, Size
from posegaussian.registry import EXPORT_FORMATS

Axis = Literal["x", "-x", "y", "-y", "z", "-z"]


@dataclass(frozen=True, config=STRICT)
class ExportSettings:
    """Axes of splats, and images along a camera path."""

    up: Axis | None = None
    """Axis of the world that points up: splats are turned to the axes of each format. null: they are not turned."""
    file_up: Mapping[Annotated[str, NameOf(EXPORT_FORMATS)], Literal["y", "-y"]] = field(default_factory=dict)
    """With `up`: the axis that points up in files of these formats, instead of the one of docs/howto/export.md."""

    steps: Positive = 48
    """Number of images along the path."""
    size: Size = (512, 512)
    """Width and height of the images in pixels."""
    degrees: float = 360.0
    """Angle that the path `orbit` covers."""
    inserted: NonNegative = 0
    """Images between two cameras of your own, on a smooth curve through all of them."""
    fps: Fps = 12
    """Images per second of the MP4."""
    backend: Backend = "auto"
    """Rasteriser."""
