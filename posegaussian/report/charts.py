"""Line charts as inline SVG. Text and axes have the colour of the surrounding text, for light and dark pages."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_INK = "#010203"
"""Placeholder colour in matplotlib's output, replaced by the page's text colour; any colour used nowhere else."""
_CHART_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SPLIT_COLOURS = {"train": "#2f7fd1", "val": "#e07b28"}
"""Colours of the two splits: blue and orange are distinguishable with colour blindness, on white and on black."""
REFERENCE_COLOURS = {"plane_warp": "#8a8f98", "gt_depth": "#3f9e6a"}
"""Colours of the reference rows; a model has the colour of `val`."""

Curve = tuple[Sequence[float], Sequence[float]]
"""Positions on the x axis, and values."""


def line_chart(name: str, curves: Mapping[str, Curve], axis: str = "step") -> str:
    """One small chart as an <svg> element.

    Args:
        name: unique on the page; the SVG's identifiers are made from it.
        curves: by split or method.
        axis: label of the x axis.
    """
    with matplotlib.rc_context({**_CHART_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(3.4, 1.9), layout="constrained")
        axes = figure.subplots()
        for split, (steps, values) in curves.items():
            few = len(steps) <= 12  # so few points need markers to be seen
            colour = (SPLIT_COLOURS | REFERENCE_COLOURS).get(split, SPLIT_COLOURS["val"])
            axes.plot(steps, values, color=colour, lw=1.6, marker="o" if few else "", ms=3)
        axes.set_xlabel(axis)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(color="#808080", alpha=0.25, lw=0.6)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator"), None))
    return _inline(text.getvalue())


def _inline(document: str) -> str:
    """The <svg> element of an SVG document, without metadata, namespaces and size: the page's style sets the size."""
    start, body = document[document.index("<svg") :].split(">", 1)
    start = re.sub(r' (xmlns|xmlns:xlink|version|width|height)="[^"]*"', "", start)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return f"{start}>{body}".replace(_INK, "currentColor")
