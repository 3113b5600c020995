"""Types of parameters that several commands share.

A parameter's name, type and default stand in the command's signature; its help stands in the command's docstring, or,
where commands share the parameter, here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token


def _whole(_type: type, tokens: Sequence[Token]) -> int:
    """A whole number; cyclopts on its own rounds 1.5 to 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise ValueError(f"{tokens[0].value!r} is not a whole number") from None


Whole = Annotated[int, Parameter(converter=_whole)]
Files = tuple[Path, ...]
SomeFiles = Annotated[Files, Parameter(consume_multiple=1)]
"""At least one file."""

Output = Annotated[Path, Parameter(alias="-o")]
Settings = Annotated[
    str | None, Parameter(metavar="YAML", help="settings of the stage: YAML or JSON text, or a file with it")
]
Device = Annotated[str, Parameter(help="auto, cpu, cuda or cuda:N")]
PosePython = Annotated[Path | None, Parameter(help="the MMPose environment's python, for heatmaps")]

Format = Annotated[str | None, Parameter(help="layout of the capture (default: recognised from its files)")]
Frames = Annotated[
    str | None,
    Parameter(metavar="START:STOP:STEP", help="frame numbers, as in a Python slice: -3: takes the last three"),
]
Names = Annotated[tuple[str, ...], Parameter(metavar="A...")]
Targets = Annotated[Names, Parameter(help="cameras that are only compared with")]
Pairs = Annotated[
    tuple[str, ...], Parameter(metavar="A,B...", help="source pairs by camera name (default: neighbouring cameras)")
]


def split_pairs(pairs: Sequence[str]) -> list[tuple[str, ...]]:
    """Camera names of each pair, from `A,B`."""
    return [tuple(pair.split(",")) for pair in pairs]
