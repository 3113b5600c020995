"""Tables of metrics (`rows`) as data frames."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from posegaussian.errors import StoreError
from posegaussian.evaluation.rows import COLUMNS
from posegaussian.io.atomic import atomic_file


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as CSV with six decimals; NaN is an empty cell."""
    with atomic_file(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")


def read_rows(path: Path) -> pd.DataFrame:
    """The table that `write_rows` wrote.

    Raises:
        StoreError: the file is missing, or is not a table of metrics.
    """
    kinds: Any = dict.fromkeys(COLUMNS, str) | {"frame": int, "value": float}
    try:
        frame = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values={"value": [""]})
    except FileNotFoundError:
        raise StoreError("no such file", code="missing-table", file=path, hint="run the stage that writes it") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"not a table of metrics ({error})", code="invalid-table", file=path) from None
    if tuple(frame.columns) != COLUMNS:
        raise StoreError(
            f"not a table of metrics: its columns are not {','.join(COLUMNS)}", code="invalid-table", file=path
        )
    return frame


def read_all(paths: Sequence[Path]) -> pd.DataFrame:
    """Several tables in one; errors: see `read_rows`."""
    return pd.concat([read_rows(path) for path in paths], ignore_index=True)
