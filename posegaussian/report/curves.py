"""Training curves as one image: one panel per quantity, the runs one after the other."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from posegaussian.errors import ConfigError
from posegaussian.io.atomic import atomic_file
from posegaussian.io.suffixes import check_suffix
from posegaussian.report import tables
from posegaussian.report.charts import SPLIT_COLOURS, Curve

_PANEL_COLUMNS = 3
_WINDOWS = 60
"""A running mean is taken over one part in so many of the values; chosen by hand."""
_FIGURE_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
}
_LOG_RATIO = 8.0
"""A panel has a logarithmic axis if its largest value is more than this times its smallest; chosen by hand."""


def draw_curves(path: Path, files: Sequence[Path]) -> None:
    """Draw the curves of consecutive runs.

    Raises:
        ConfigError: the path has another suffix, or the files have no steps.
    """
    check_suffix(path, (".png", ".svg"))
    runs = [tables.read_curves(file) for file in files]
    titles = tables.curve_titles()
    names = [name for name in titles if any(name in run for run in runs)]
    if not names:
        raise ConfigError("there are no steps in these curves", code="empty-curves", file=files[0])
    rows = math.ceil(len(names) / _PANEL_COLUMNS)
    with matplotlib.rc_context({**_FIGURE_STYLE, "svg.hashsalt": "curves"}):
        figure = Figure(figsize=(9, 2.2 * rows), layout="constrained", dpi=110)
        for place, name in enumerate(names, start=1):
            axes = figure.add_subplot(rows, _PANEL_COLUMNS, place)
            _draw(axes, [run.get(name, {}) for run in runs], [_last_step(run) for run in runs])
            axes.set_title(titles[name])
        with atomic_file(path) as temporary:
            plain = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
            figure.savefig(temporary, format=path.suffix[1:], metadata=plain)


def _last_step(run: dict[str, dict[str, Curve]]) -> float:
    """The last step of a run; 0 for an empty one."""
    return max((max(steps) for splits in run.values() for steps, _ in splits.values()), default=0.0)


def _draw(axes: Axes, runs: Sequence[dict[str, Curve]], lengths: Sequence[float]) -> None:
    """Draw one quantity over all runs: dense curves as running means over their pale values, sparse ones as dots."""
    start, shown = 0.0, []
    for number, (run, length) in enumerate(zip(runs, lengths, strict=True)):
        if number:
            axes.axvline(start, color="#808080", lw=0.6)
        for split, (steps, values) in run.items():
            x, y = start + np.asarray(steps), np.asarray(values)
            dense = len(y) > _WINDOWS
            axes.plot(
                x, y, color=SPLIT_COLOURS[split], lw=0.5, alpha=0.3 if dense else 1.0, marker="" if dense else ".", ms=4
            )
            if dense:
                x, y = x[len(x) - len(running_means(y)) :], running_means(y)
                axes.plot(x, y, color=SPLIT_COLOURS[split], lw=1.3)
            shown.append(y)
        start += length
    values = np.concatenate(shown)
    if values.min() > 0 and values.max() > _LOG_RATIO * values.min():
        axes.set_yscale("log")
    axes.grid(color="#808080", alpha=0.25, lw=0.6)
    axes.set_xlabel("step")


def running_means(values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "m"]:
    """Running means over a sixtieth of the values."""
    width = len(values) // _WINDOWS
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return (sums[width:] - sums[:-width]) / width
