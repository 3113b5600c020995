"""The captures sheet: one row a capture, checked against the configuration. A table with tabs.

Spreadsheet programs quote some cells, pad rows with tabs, and save as UTF-16 or in the code page of Windows.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Problem, unknown, without_problems
from posegaussian.config.load import parse
from posegaussian.config.people import FIRST_TRAIN_SEED, HELD_OUT
from posegaussian.config.whole import Config
from posegaussian.errors import ConfigError
from posegaussian.registry import FOOTAGE
from posegaussian.text import read_text, with_slashes

BUILTIN, SCAN, FETCHED = "builtin:", "scan:", "fetch:"
"""Prefixes of the paths of captures that the pipeline makes: of synthetic people, of scans, of footage to download."""
OFFSETS = r"^(\S+:-?\d+( \S+:-?\d+)*)?$"
"""Offsets of cameras."""
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
"""A capture's name, which becomes part of file names, links and Snakemake's wildcards."""


@dataclass(frozen=True, config=STRICT)
class CaptureRow:
    """One row of the captures sheet."""

    capture: Annotated[str, Field(json_schema_extra={"pattern": _NAME})]
    """The capture's name: letters, digits, `_`, `.` and `-`."""
    split: Literal["train", "val", "test"]
    """`train`: for training; `val`: for validation during training; `test`: rendered, evaluated and reported."""
    path: Annotated[str, Field(min_length=1)]
    """The capture's folder, of any layout in docs/howto/captures.md; or `builtin:SEED`: a synthetic person, made here;
    `scan:FOLDER`: a textured mesh, rendered here; `fetch:NAME`: real footage, downloaded."""
    pairs: Annotated[str, Field(pattern=r"^([^,\s]+,[^,\s]+( [^,\s]+,[^,\s]+)*)?$")] = ""
    """Source pairs by camera name, `00,01 01,02`; empty: those the capture names, else neighbours by angle. Names with
    blanks go to `import --pairs` instead."""
    frames: Annotated[str, Field(pattern=r"^((-?\d+)?(:(-?\d+)?(:\d*)?)?)?$")] = ""
    """Frame numbers `START:STOP:STEP`, as in a Python slice (`-3:` takes the last three); empty: all."""
    targets: Annotated[str, Field(pattern=r"^(\S+( \S+)*)?$")] = ""
    """Held-out cameras by name, `t00 t01`: renders are only compared with them; empty: those the capture names."""
    person: Annotated[str, Field(pattern=r"^([1-9]\d*)?$")] = ""
    """Which of several people in the first frame is followed, counted from 1 on from the rig's centre; empty: the
    nearest, 1. The log of the stage `people` lists where the others stand."""
    offsets: Annotated[str, Field(pattern=OFFSETS)] = ""
    """By how many whole frames cameras are late, `02:3 03:-1` (a negative number: early), so that frames of the same
    time get the same number; empty: none. `inspect --people` measures them."""
    preset: str = ""
    """For a synthetic person or a scan: which of `presets` the capture is made with; empty: `builtin`."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions within the row."""
        if not re.fullmatch(_NAME, self.capture):
            yield ("capture",), f"{self.capture!r} is not made of letters without accents, digits, `_`, `.` and `-`"
        if self.path.startswith(BUILTIN):
            seed = self.path.removeprefix(BUILTIN)
            if not seed.isdecimal():
                yield ("path",), f"{self.path!r} is not builtin:SEED with a whole number"
            elif int(seed) not in HELD_OUT and int(seed) < FIRST_TRAIN_SEED:
                seeds = f"{HELD_OUT[0]}..{HELD_OUT[-1]} and {FIRST_TRAIN_SEED} and up"
                yield ("path",), f"no person has the seed {seed}; people are {seeds}"
        if self.path.startswith(FETCHED) and self.path.removeprefix(FETCHED) not in FOOTAGE:
            yield ("path",), f"{self.path!r} cannot be fetched, only {', '.join(FETCHED + name for name in FOOTAGE)}"
        start, stop, step = (int(part) if part else None for part in f"{self.frames}::".split(":")[:3])
        first = start or 0  # a negative bound counts from the end, which is known only when the capture is read
        if step == 0 or (stop is not None and (first < 0) == (stop < 0) and stop <= first):
            yield ("frames",), f"{self.frames!r} is not START:STOP:STEP with START < STOP and STEP > 0"


def find(path: str | Path, root: Path) -> Path:
    """A path of the configuration, relative to the working directory or else to the repository `root`."""
    return Path(path) if Path(path).exists() else root / path


def read_captures(config: Config, root: Path) -> dict[str, CaptureRow]:
    """Rows of the captures sheet by the capture's name, in the sheet's order.

    Args:
        config: the configuration, which names the sheet and the presets that its rows refer to.
        root: the repository, for a sheet that is not in the working directory.

    Raises:
        ConfigError: there is no such sheet, a row is wrong, or the sheet lacks captures that the configuration needs.
    """
    path = find(config.captures, root)
    if not path.is_file():
        raise ConfigError("no such captures sheet", code="missing-sheet", file=config.captures)
    rows: dict[str, CaptureRow] = {}
    for number, values in enumerate(_table(path, config.captures), start=1):
        place = f"{config.captures}, row {number}"
        row = parse(CaptureRow, values, place)
        if row.capture in rows:
            raise ConfigError(f"capture {row.capture} is listed twice", code="invalid-sheet", file=place)
        if row.preset and row.preset not in config.presets:
            raise ConfigError(
                f"preset: {unknown(row.preset, 'presets', config.presets)}", code="invalid-sheet", file=place
            )
        rows[row.capture] = row
    if problems := list(_lacking(config, rows)):
        raise ConfigError("; ".join(problems), code="invalid-sheet", file=config.captures)
    return rows


def _table(path: Path, sheet: str) -> list[dict[str, str]]:
    """Cells of the rows by column; comments and empty rows are left out."""
    lines = [line for line in read_text(path).splitlines() if not line.lstrip().startswith("#")]
    try:
        table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter="\t", strict=True)]
    except csv.Error as error:
        raise ConfigError(f"not a table with tabs ({error})", code="invalid-sheet", file=sheet) from None
    header, *rows = [_trimmed(row) for row in table if any(row)] or [[]]
    needed = ["capture", "split", "path"]
    if len(set(header)) < len(header) or not set(needed) <= set(header):
        what = f"its first row names the columns {', '.join(header) or 'nothing'}: each once, with {', '.join(needed)}"
        hint = "" if len(header) > 1 else "save it as text with tabs between the columns"
        raise ConfigError(what, code="invalid-sheet", file=sheet, hint=hint)
    for number, row in enumerate(rows, start=1):
        if len(row) > len(header):
            what = f"{len(row)} cells for {len(header)} columns: {row[len(header)]!r} is in none of them"
            raise ConfigError(what, code="invalid-sheet", file=f"{sheet}, row {number}")
    found = [{name: cell for name, cell in zip(header, row, strict=False) if name or cell} for row in rows]
    return [_tidied(values) for values in found]


def _tidied(values: dict[str, str]) -> dict[str, str]:
    """Cells of a row, with slashes in the path, and without the blanks that people put behind commas."""
    lists = {
        name: " ".join(re.sub(r"\s*,\s*", ",", values[name]).split()) for name in ("pairs", "targets") if name in values
    }
    return values | lists | {"path": with_slashes(values.get("path", ""))}


def _trimmed(row: list[str]) -> list[str]:
    """A row without the empty cells at its end."""
    return row[: max((number for number, cell in enumerate(row, start=1) if cell), default=0)]


def _lacking(config: Config, rows: Mapping[str, CaptureRow]) -> Iterator[str]:
    """Problems of a sheet that lacks captures which the configuration needs."""
    splits = {row.split for row in rows.values()}
    for name in config.report:
        needed = {"train", "test"} if config.models[name].learns_from_captures else {"test"}
        for split in sorted(needed - splits):
            yield f"model {name} needs at least one capture of split {split!r}"
    for title, names in config.results.groups.items():
        for name in names:
            if name not in rows and name not in config.presets:
                yield f"results.groups.{title}: {name!r} is no capture and no preset"
    tested = [name for name, row in rows.items() if row.split == "test"]
    for number, goal in enumerate(config.results.goals):
        if not config.results.groups and goal.group not in tested:
            yield f"results.goals.{number}.group: {goal.group!r} is no capture of split 'test'"
