"""Settings of the command `live`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Backend, NonNegative, Positive, Problem, Sixteens, Size, without_problems


@dataclass(frozen=True, config=STRICT)
class LiveCameraSettings:
    """Where the frames of a camera come from: exactly one of `usb`, `url` and `file`."""

    usb: NonNegative | None = None
    """Number of a camera of this machine, as the system counts them: 0 is /dev/video0."""
    url: str | None = None
    """Address of a network camera: rtsp://..., http://... It may hold a name and a password, which are never shown."""
    file: str | None = None
    """A video, or a folder of numbered images, which is played in real time again and again."""
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Frames per second: of a folder of images (null: 30), or what a USB camera is asked for (null: its own rate)."""
    delay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """How much later its frames arrive than those of a camera without delay, seconds: the constant part of a delay,
    which nothing here can measure. Frames of the two cameras are paired after it is taken off."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Not one source."""
        given = [name for name in ("usb", "url", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            yield (), f"name one of `usb`, `url` and `file`, not {' and '.join(given) or 'none'}"


@dataclass(frozen=True, config=STRICT)
class LiveSettings:
    """Novel views while two cameras film."""

    cameras: Mapping[str, LiveCameraSettings] = Field(default_factory=dict)
    """Where the frames come from, by the camera's name in the capture; those of other cameras are the capture's own
    footage, played in real time again and again."""
    tolerance: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Frames of two cameras belong together if their time stamps differ by less, seconds. Cameras of 30 frames per
    second that nothing synchronises are up to 0.017 s apart."""
    stall: Annotated[float, Field(ge=0.2, le=60)] = 2.0
    """A camera without a frame for so long is shown as stalled, seconds; network cameras are opened anew then."""
    size: tuple[Sixteens, Sixteens] | None = None
    """Width and height of the rectified images, pixels; null: 1024 x 1024 on a GPU, 256 x 256 on the CPU."""
    color: Literal["auto", "off"] = "auto"
    """`auto`: match the cameras' colours, from the first frame on; `off`: keep them."""
    view: Size | None = None
    """Width and height of the views, pixels; null: those of the rectified images."""
    quality: Annotated[int, Field(ge=30, le=100)] = 85
    """JPEG quality of what the browser gets."""
    viewers: Annotated[int, Field(ge=1, le=64)] = 8
    """Browsers that may watch at the same time."""
    person: Positive = 1
    """Which of several people is followed: 1 is the nearest to the rig's centre."""
    recording: Annotated[float, Field(gt=0, le=3600)] = 60.0
    """A recording ends after so long, seconds."""
    backend: Backend = "auto"
    """Rasteriser."""
