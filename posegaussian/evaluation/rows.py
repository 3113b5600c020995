"""The rows of a table of metrics in long form: one value per row, the same columns in every file."""

import csv
import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from posegaussian.io.atomic import atomic_file


@dataclass(frozen=True)
class Row:
    """One measured value; a NaN has a note with the reason.

    The scope is what the metric was measured on: an image crop, the `disparity` of a pair (then `camera` is empty), or
    all `frames` of a held-out camera (then `frame` is the first one).
    """

    capture: str
    pair: str
    camera: str
    frame: int
    method: str
    scope: str
    metric: str
    value: float
    note: str = ""


COLUMNS = tuple(field.name for field in fields(Row))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write a table of metrics as CSV, completely or not at all: six decimals; NaN is an empty cell."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(map(_cells, rows))


def _cells(row: Row) -> list[str]:
    value = "" if math.isnan(row.value) else f"{row.value:.6f}"
    return [value if name == "value" else str(cell) for name, cell in zip(COLUMNS, astuple(row), strict=True)]


def read_back(path: Path) -> list[Row]:
    """The rows that `write_rows` wrote; `table.read_rows` makes a data frame of them."""
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return [
        Row(**(row | {"frame": int(row["frame"]), "value": float(row["value"] or math.nan)}))  # type: ignore[arg-type]
        for row in found
    ]


def with_note(value: float, note: str) -> tuple[float, str]:
    """The value, with the note if it is NaN and an empty one otherwise."""
    return value, note if math.isnan(value) else ""
