"""The sections `builtin` and `presets`: built-in captures, which the pipeline renders."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fps, Positive, Problem, Size, without_problems
from posegaussian.config.people import PeopleSettings
from posegaussian.config.room import RoomSettings
from posegaussian.config.synthetic import GPS_GAUSSIAN, LightSettings, RigSettings, SensorSettings


@dataclass(frozen=True, config=STRICT)
class BuiltinSettings:
    """Built-in captures: synthetic people in front of a synthetic rig."""

    frames: Positive = 12
    """Consecutive frames."""
    fps: Fps = 30
    """Frames per second."""
    size: Size = (512, 512)
    """Width and height of every camera, pixels."""
    sources: Annotated[int, Field(ge=2, le=16)] = 3
    """Number of source cameras, named 00, 01, ...; held-out cameras (never inputs) stand near each pair."""
    ring: bool = False
    """Whether the cameras, three or more, stand all around the person, evenly; `rig.baseline` is not used then."""
    targets: Positive = 1
    """Number of held-out cameras of each pair of neighbours."""
    images: Literal["jpg", "png"] = "jpg"
    """File format of the images: `jpg` or `png`."""
    source_masks: bool = True
    """Whether source cameras have masks; `false`: they are found, without images of the empty scene."""
    still: bool = False
    """Whether the person stands frozen, for measuring jitter."""
    rig: RigSettings = GPS_GAUSSIAN
    """Positions of the cameras."""
    light: LightSettings = LightSettings(lamps=(3, 3), softness=(0.02, 0.06), background=(0.35, 0.5))
    """The light."""
    sensor: SensorSettings = SensorSettings()
    """Sensor effects of the source images."""
    people: PeopleSettings = PeopleSettings()
    """Which synthetic people are drawn."""
    room: RoomSettings = RoomSettings()
    """What surrounds the person."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions between the settings."""
        if self.room.board is not None and "board" in self.people.things:
            yield ("room", "board"), "people hold a board already (`people.things`), and board.json describes one"
        if self.ring and self.sources < 3:
            yield (
                ("sources",),
                "2 cameras of a `ring` face each other and cannot be rectified; a ring needs 3",
            )
