"""The keys `room`: what surrounds the person."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fraction, Problem, without_problems
from posegaussian.config.people import BoardSettings
from posegaussian.config.ranges import between


def _off(value: Any) -> Any:
    """YAML 1.1 reads the word `off` as false."""
    return "off" if value is False else value


RoomKind = Annotated[
    Literal["off", "living", "office", "gym", "green", "black", "dome", "outdoors"], BeforeValidator(_off)
]


@dataclass(frozen=True, config=STRICT)
class RoomSettings:
    """What surrounds the person; one kind of room is drawn for each capture or clip."""

    kinds: tuple[RoomKind, ...] = ("off",)
    """Kinds of rooms, equally likely; `off` is an even wall without a floor. Studios: `green` and `black` cloth, and a
    `dome` of panels."""
    size: between(2, 60) | None = None
    """Width and depth of the room, metres; null: usual for its kind, and large enough for the cameras."""
    clutter: between(0, 1) = (0.4, 1.0)
    """Amount of furniture and other things that stand around, against a full room."""
    before: Fraction = 0.2
    """Share of rooms in which a thing stands between a camera and the person and may hide a part of them."""
    people: between(0, 3) = (0, 2)
    """Number of other people who stand behind the person or aside, where there is room."""
    passing: Fraction = 0.0
    """Share of the other people who walk past, where there is room for some steps; the others stand."""
    reflection: between(0, 1) = (0.0, 0.0)
    """How polished hard floors are: 0 is matt, 1 reflects as water does."""
    mirrors: Fraction = 0.0
    """Share of living rooms, offices and gyms with a mirror, if a wall has space; it shows room and people."""
    posters: between(0, 6) = (0, 0)
    """Number of posters in living rooms, offices and gyms, where walls have space; other people of the same split."""
    board: BoardSettings | None = None
    """A calibration board that lies on the floor behind the person and aside; null: none."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """No kind at all."""
        if not self.kinds:
            yield ("kinds",), "expected at least one kind; `off` is none"

    @property
    def off(self) -> bool:
        """Whether there is never a room."""
        return set(self.kinds) == {"off"}
