"""The section `render`: novel views of a capture."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, Fps, NonNegative, Positive, Size


@dataclass(frozen=True, config=STRICT)
class RenderSettings:
    """Novel views."""

    path_steps: Positive = 48
    """Number of images along the path between the cameras, per capture."""
    path_size: Size = (512, 512)
    """Width and height of the path's images in pixels."""
    fps: Fps = 12
    """Images per second of the MP4."""
    neighbours: NonNegative = 1
    """Number of neighbouring pairs, up to 75 degrees from a view, whose Gaussians fill what the pair around the view
    does not see; 0: none."""
    backend: Backend = "auto"
    """Rasteriser; `auto` is the fastest that runs."""
