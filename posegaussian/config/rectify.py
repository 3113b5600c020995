"""The section `rectify`: stereo rectification."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Sixteens, Size


@dataclass(frozen=True, config=STRICT)
class RectifySettings:
    """Stereo rectification."""

    size: tuple[Sixteens, Sixteens] = (256, 256)
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: Size | None = None
    """Width and height of the undistorted images of held-out cameras, pixels; null keeps each capture's own."""
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.06
    """Free border around the person, as a share of the image."""
    masks: Literal["given", "background", "median"] = "given"
    """`given`: the capture's own; `background`: pixels that differ from its images of the empty scene; `median`: pixels
    that differ from each camera's temporal median."""
    color: Literal["auto", "off"] = "auto"
    """`auto`: match the cameras' colours by gains in linear light, which are stored in the file, unless the capture is
    rendered (has true depths); `off`: keep the colours."""
