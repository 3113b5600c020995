"""Goals beside what was measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from posegaussian.config import GoalSettings


@dataclass(frozen=True)
class Means:
    """Means by group, method, protocol and metric.

    Args:
        table: what `evaluation.groups.by_group` made.
        model: that the results are about.
    """

    table: pd.DataFrame
    model: str

    def of(self, group: str, method: str, protocol: str, metric: str, column: str = "mean") -> float:
        """One number; NaN where there is none."""
        return self._rows.get((group, method, protocol, metric), {}).get(column, math.nan)

    @cached_property
    def _rows(self) -> dict[tuple[str, ...], dict[str, float]]:
        keys, numbers = ("group", "method", "protocol", "metric"), ("mean", "error", "captures", "values")
        rows = self.table.to_dict("records")
        return {tuple(str(row[key]) for key in keys): {name: float(row[name]) for name in numbers} for row in rows}

    def known(self, protocol: str, metric: str) -> bool:
        """Whether there is a number of this kind at all."""
        return any(key[2:] == (protocol, metric) and not math.isnan(row["mean"]) for key, row in self._rows.items())

    def groups(self) -> list[str]:
        """In the table's order."""
        return list(dict.fromkeys(self.table["group"]))

    def models(self) -> list[str]:
        """The model, then others; no yardsticks."""
        found = dict.fromkeys([self.model, *self.table["method"]])
        return [name for name in found if name not in ("floor", "ceiling")]


def measured(goal: GoalSettings, means: Means) -> float:
    """The number that a goal bounds; NaN where it was not measured."""
    method = goal.method or means.model
    value = means.of(goal.group, method, goal.protocol, goal.metric)
    if goal.against is None:
        return value
    group, method = (goal.against, method) if goal.against in means.groups() else (goal.group, goal.against)
    other = means.of(group, method, goal.protocol, goal.metric)
    return value - other if goal.by == "difference" else value / other if other else math.nan


def verdict(goal: GoalSettings, value: float) -> str:
    """Whether a number keeps a goal's bounds."""
    if math.isnan(value):
        return "not measured"
    low = goal.least is None or value >= goal.least
    return "reached" if low and (goal.most is None or value <= goal.most) else "**missed**"


def goal_rows(goals: Sequence[GoalSettings], means: Means) -> list[tuple[str, str, str, str]]:
    """What, the bound, the number and the verdict of each goal."""
    rows = []
    for goal in goals:
        value = measured(goal, means)
        bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", goal.least), ("≤", goal.most)) if bound is not None]
        shown = "" if math.isnan(value) else f"{value:.3f}" if abs(value) < 1.05 else f"{value:.2f}"
        rows.append((goal.what, ", ".join(bounds), shown, verdict(goal, value)))
    return rows
