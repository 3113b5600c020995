"""The sheet of captures, rectification and the pose detector."""

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
    """Width and height of the undistorted target images, pixels; null keeps each capture's own."""
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.06
    """Free border around the person, as a share of the image."""
    masks: Literal["given", "background", "median"] = "given"
    """`given`: the capture's own; `background`: what differs from its pictures of the empty scene; `median`: what
    differs from each camera's temporal median."""
    color: Literal["auto", "off"] = "auto"
    """`auto`: match the cameras' colours, unless the capture is rendered (holds true depths)."""


@dataclass(frozen=True, config=STRICT)
class DetectorSettings:
    """A 2D pose detector: an MMPose top-down heatmap model."""

    config: str
    """MMPose configuration: a path, `package:NAME` for one that ships here, or a name from MMPose's own package."""
    weights: str
    """Weights: a path, or `package:NAME` for weights that ship here."""
    url: str | None = None
    """Where the weights are downloaded from when the file is missing."""
    sha256: str | None = None
    """The weights' sha256, or its first digits."""


@dataclass(frozen=True, config=STRICT)
class CaptureRow:
    """One row of the captures sheet."""

    capture: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """The capture's name: letters, digits, `_`, `.` and `-`."""
    split: Literal["train", "val", "test"]
    """`train`: learned from; `val`: watched while training; `test`: rendered, measured and reported."""
    path: Annotated[str, Field(min_length=1)]
    """The capture's folder, `builtin:SEED` for a synthetic person that the pipeline makes, or `fetch:pose2sim`."""
    pairs: Annotated[str, Field(pattern=r"^([^,\s]+,[^,\s]+( [^,\s]+,[^,\s]+)*)?$")] = ""
    """Source pairs by camera name, `00,01 01,02`; empty: neighbours."""
    frames: Annotated[str, Field(pattern=r"^((-?\d+)?(:(-?\d+)?(:\d*)?)?)?$")] = ""
    """Frame numbers `START:STOP:STEP`, as in a Python slice (`-3:` takes the last three); empty: all."""
    targets: Annotated[str, Field(pattern=r"^(\S+( \S+)*)?$")] = ""
    """Cameras that are only compared with, by name, `t00 t01`; empty: those the capture names."""
    preset: str = ""
    """For a synthetic person: which of `presets` the capture is made by; empty: `builtin`."""
