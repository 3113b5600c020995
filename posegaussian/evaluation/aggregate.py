"""Means and medians of the metrics over groups of captures, for several models."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posegaussian.config.results import REFERENCES
from posegaussian.evaluation.table import read_all

GAP_TO_GT_DEPTH = "gap_to_gt_depth"
"""PSNR of a model minus PSNR of `gt_depth` in the same view and crop, dB; positive: the model is better."""
_VIEW = ["capture", "pair", "camera", "frame", "scope"]
_GROUP_KEYS = ["group", "method", "scope", "metric"]


def read_tables(paths: Sequence[Path]) -> pd.DataFrame:
    """The rows of several tables of the stage `evaluate`, and the metric `gap_to_gt_depth` of every PSNR of a model.

    Every model's table holds the reference rows; rows that several tables share are kept once.

    Raises:
        StoreError: a file is missing or not a table of metrics.
    """
    rows = read_all(paths)
    rows = rows.drop_duplicates([*_VIEW, "method", "metric"])
    psnr: Any = rows[rows["metric"] == "psnr"]
    gt_depth = psnr[psnr["method"] == "gt_depth"].set_index(_VIEW)["value"]
    gaps = psnr[~psnr["method"].isin(REFERENCES)].copy()
    gaps["value"] -= gt_depth.reindex(pd.MultiIndex.from_frame(gaps[_VIEW])).to_numpy()
    gaps["metric"] = GAP_TO_GT_DEPTH
    return pd.concat([rows, gaps], ignore_index=True)


def by_group(rows: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Means and medians over groups of captures, in the order of the groups.

    Columns beside the keys: `mean` and `median` over all values, `standard_error` of the captures' means (NaN for a
    single capture), and the numbers of `captures` and of `values`.

    Args:
        rows: as `read_tables` returns them.
        groups: names of captures by the group's name; a capture may be in several groups.
    """
    found = []
    for name, captures in groups.items():
        chosen = rows[rows["capture"].isin(list(captures))].assign(group=name)
        for key, part in chosen.groupby(_GROUP_KEYS, sort=False):
            known: Any = part.dropna(subset="value")
            values, means = known["value"], known.groupby("capture")["value"].mean()
            error = float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else np.nan
            found.append((*key, values.mean(), values.median(), error, len(means), len(values)))  # type: ignore[misc]
    return pd.DataFrame(found, columns=[*_GROUP_KEYS, "mean", "median", "standard_error", "captures", "values"])
