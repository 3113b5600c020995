"""Line charts as inline SVG; text and axes take the colour of the text around them, to suit light and dark pages."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_INK = "#010203"
"""Drawn by matplotlib, replaced by the page's text colour."""
_STYLE: dict[Any, Any] = {
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
COLOURS = {"train": "#2f7fd1", "val": "#e07b28"}
"""Of the two splits; told apart by eyes of every kind, on white and on black."""
OTHER_COLOURS = {"floor": "#8a8f98", "ceiling": "#3f9e6a"}
"""Of the yardsticks; a model has the colour of `val`."""

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps and values."""


def line_chart(name: str, curves: Mapping[str, Curve], axis: str = "step") -> str:
    """One small chart as an <svg> element.

    Args:
        name: unlike that of any other chart on the page.
        curves: by split or method.
        axis: what the curves run over.
    """
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(3.4, 1.9), layout="constrained")
        axes = figure.subplots()
        for split, (steps, values) in curves.items():
            few = len(steps) <= 12
            colour = (COLOURS | OTHER_COLOURS).get(split, COLOURS["val"])
            axes.plot(steps, values, color=colour, lw=1.6, marker="o" if few else "", ms=3)
        axes.set_xlabel(axis)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(color="#808080", alpha=0.25, lw=0.6)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator"), None))
    return _inline(text.getvalue())


def _inline(document: str) -> str:
    """The <svg> element of a document, without what only a file of its own needs, sized by the page."""
    start, body = document[document.index("<svg") :].split(">", 1)
    start = re.sub(r' (xmlns|xmlns:xlink|version|width|height)="[^"]*"', "", start)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return f"{start}>{body}".replace(_INK, "currentColor")
