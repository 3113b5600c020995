"""Lines on stderr about cameras and pairs whose colours are matched."""

import sys
from collections.abc import Mapping

from posegaussian.captures.pairing import Names
from posegaussian.preparation.color import format_colors
from posegaussian.preparation.rectification_plan import RectificationPlan


def print_colors(plan: RectificationPlan) -> None:
    """One line about the cameras whose colours a plan changes, if there are any."""
    if changed := format_colors(plan.colors):
        print(f"colours: {changed}", file=sys.stderr)


def print_pair_colors(changes: Mapping[Names, float]) -> None:
    """One line about the pairs whose colours are changed, if there are any: the share by which each changes a grey."""
    shown = {"-".join(pair): f"{100 * change:.0f} %" for pair, change in changes.items()}
    if changed := ", ".join(f"{pair} by {change}" for pair, change in shown.items() if change != "0 %"):
        print(f"colours: {changed}", file=sys.stderr)
