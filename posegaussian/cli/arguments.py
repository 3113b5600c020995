"""Types of parameters that several commands share.

The signature of a command defines the name, type and default of each parameter. The help is in the docstring of the
command or, for shared parameters, here.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token, validators

from posegaussian.errors import ConfigError
from posegaussian.registry import Entry


def _whole(_type: type, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts on its own rounds 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a whole number") from None


def _names(_type: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Names of cameras, or of pairs of them, none of which is empty."""
    for token in tokens:
        if not all(name.strip() for name in token.value.split(",")):
            raise ValueError(f"a camera's name is missing in {token.value!r}")
    return tuple(token.value for token in tokens)


Whole = Annotated[int, Parameter(converter=_whole)]
Port = Annotated[Whole, Parameter(validator=validators.Number(gte=0, lte=65535))]
Files = tuple[Path, ...]
SomeFiles = Annotated[Files, Parameter(consume_multiple=1)]
"""At least one file."""

_PERSON = "without a people .h5: which of several people in the first frame; 1 is the nearest to the rig's centre"
PersonNumber = Annotated[Whole, Parameter(help=_PERSON)]
Output = Annotated[Path, Parameter(alias="-o")]
_SETTINGS = "settings of the stage: YAML or JSON text, or a file with it"
Settings = Annotated[str | None, Parameter(metavar="YAML", help=_SETTINGS)]
Device = Annotated[str, Parameter(help="auto, cpu, cuda or cuda:N")]

Frames = Annotated[
    str | None,
    Parameter(metavar="START:STOP:STEP", help="frame numbers, as in a Python slice: -3: takes the last three"),
]
Names = Annotated[tuple[str, ...], Parameter(metavar="A...", converter=_names)]
Targets = Annotated[Names, Parameter(help="held-out cameras: no inputs; renders are compared with their images")]
Offsets = Annotated[
    str,
    Parameter(
        metavar="A:N...",
        help="by how many frames cameras are late, which is corrected: `02:3 03:-1` (03 is early)",
        show_default=False,
    ),
]
Pairs = Annotated[
    Names, Parameter(metavar="A,B...", help="source pairs by camera name (default: neighbouring cameras)")
]


def check_person(number: int) -> None:
    """Raise a ConfigError if this is not the number of a person, counted from 1 on."""
    if number < 1:
        raise ConfigError(f"--person {number} is not 1 or more", code="invalid-person")


def split_pairs(pairs: Sequence[str]) -> list[tuple[str, ...]]:
    """Camera names of each pair, from `A,B`."""
    return [tuple(pair.split(",")) for pair in pairs]


def one_of(table: Mapping[str, Entry], about: str) -> Parameter:
    """A parameter whose choices are the names in a table of the registry; its help describes them.

    Write the annotation that calls this in quotes: then cyclopts evaluates it for each command line and finds entries
    that were added at run time.
    """
    return Parameter(choices=tuple(table), show_choices=False, help=f"{about}:{_described(table)}")


def naming(key: str, table: Mapping[str, Entry]) -> Parameter:
    """Settings in which `key` takes names from a table of the registry; quote the annotation as for `one_of`."""
    return Parameter(help=f"{_SETTINGS}; names that {key} takes:{_described(table)}")


def _described(table: Mapping[str, Entry]) -> str:
    return "".join(f"\n  {name}: {entry.about}" for name, entry in table.items())
