"""The metrics of many captures and models together: means over groups of captures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posegaussian.evaluation.table import read_all

BELOW_CEILING = "below_ceiling"
"""By how many dB of PSNR a model misses the ceiling in the same view."""
_VIEW = ["capture", "pair", "camera", "frame", "protocol"]
_KEYS = ["group", "method", "protocol", "metric"]


def read_tables(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables that the stage `evaluate` wrote, in one; yardsticks that several models have in common count once.

    To every PSNR beside which the ceiling's is known, the metric `below_ceiling` is added.

    Raises:
        StoreError: a file is missing or not a table of metrics.
    """
    rows = read_all(paths)
    rows = rows.drop_duplicates([*_VIEW, "method", "metric"])
    psnr: Any = rows[rows["metric"] == "psnr"]
    ceiling = psnr[psnr["method"] == "ceiling"].set_index(_VIEW)["value"]
    below = psnr[~psnr["method"].isin(["floor", "ceiling"])].copy()
    below["value"] = ceiling.reindex(pd.MultiIndex.from_frame(below[_VIEW])).to_numpy() - below["value"]
    below["metric"] = BELOW_CEILING
    return pd.concat([rows, below], ignore_index=True)


def by_group(rows: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Means over groups of captures, in the groups' order.

    Columns: the mean over all values; its standard error over captures (NaN for a single one); the numbers of captures
    and of values.

    Args:
        rows: what `read_tables` gave.
        groups: names of captures by the group's name; a capture may be in several.
    """
    found = []
    for name, captures in groups.items():
        chosen = rows[rows["capture"].isin(list(captures))].assign(group=name)
        for key, part in chosen.groupby(_KEYS, sort=False):
            known: Any = part.dropna(subset="value")
            means = known.groupby("capture")["value"].mean()
            error = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else np.nan
            found.append((*key, known["value"].mean(), error, len(means), len(known)))  # type: ignore[misc]
    return pd.DataFrame(found, columns=[*_KEYS, "mean", "error", "captures", "values"])
