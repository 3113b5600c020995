"""The stage `summarize`: the metrics of several captures in one table."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from posegaussian.evaluation.table import read_all, write_frame
from posegaussian.io.suffixes import check_suffix

_ROW_KEYS = ["method", "scope", "metric"]


def summarize(paths: Sequence[Path], output: Path) -> None:
    """Write mean, median and standard deviation over all views and frames of all captures.

    Args:
        paths: tables that the stage `evaluate` wrote. The summary has one row for each method, scope and metric, in the
            order of their first appearance.
        output: the .csv to write.

    Raises:
        ConfigError: the output has another suffix.
        StoreError: a file is missing or not a table of metrics.
    """
    check_suffix(output, [".csv"])
    rows = read_all(paths)
    groups = rows.groupby(_ROW_KEYS, sort=False)
    summary = groups["value"].agg(["mean", "median", "std", "count"])
    summary["note"] = [_note(group) for _, group in groups]
    write_frame(output, summary.reset_index())


def _note(group: pd.DataFrame) -> str:
    """Why values are missing, and how many are; empty if none is."""
    missing = group[group["value"].isna()]
    if missing.empty:
        return ""
    reasons = "; ".join(dict.fromkeys(missing["note"]))
    return reasons if len(missing) == len(group) else f"{len(missing)} of {len(group)} without a value: {reasons}"
