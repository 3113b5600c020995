"""The means of a results table, and whether they meet the goals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from posegaussian.config import GoalSettings
from posegaussian.config.results import REFERENCES


@dataclass(frozen=True)
class Means:
    """Means by group, method, scope and metric."""

    table: pd.DataFrame  # as `evaluation.aggregate.by_group` returns it
    model: str  # the model that the results are about

    def value(self, group: str, method: str, scope: str, metric: str, column: str = "mean") -> float:
        """One number of the table; NaN if it has none."""
        return self._rows.get((group, method, scope, metric), {}).get(column, math.nan)

    @cached_property
    def _rows(self) -> dict[tuple[str, ...], dict[str, float]]:
        keys = "group", "method", "scope", "metric"
        numbers = "mean", "median", "standard_error", "captures", "values"
        rows = self.table.to_dict("records")
        return {
            tuple(str(row[key]) for key in keys): {name: float(row.get(name, math.nan)) for name in numbers}
            for row in rows
        }

    def has(self, scope: str, metric: str, column: str = "mean") -> bool:
        """Whether the table has any number of this scope and metric."""
        return any(key[2:] == (scope, metric) and not math.isnan(row[column]) for key, row in self._rows.items())

    def groups(self) -> list[str]:
        """The groups, in the order of the table."""
        return list(dict.fromkeys(self.table["group"]))

    def models(self) -> list[str]:
        """The model that the results are about, then the others; without the reference rows."""
        found = dict.fromkeys([self.model, *self.table["method"]])
        return [name for name in found if name not in REFERENCES]


def measured_value(goal: GoalSettings, means: Means) -> float:
    """The number that a goal bounds; NaN if it was not measured."""
    method = goal.method or means.model
    value = means.value(goal.group, method, goal.scope, goal.metric)
    if goal.against is None:
        return value
    group, method = (goal.against, method) if goal.against in means.groups() else (goal.group, goal.against)
    other = means.value(group, method, goal.scope, goal.metric)
    return value - other if goal.by == "difference" else value / other if other else math.nan


def verdict(goal: GoalSettings, value: float) -> str:
    """`reached`, `**missed**` or `not measured`: whether a number keeps a goal's bounds."""
    if math.isnan(value):
        return "not measured"
    low = goal.least is None or value >= goal.least
    return "reached" if low and (goal.most is None or value <= goal.most) else "**missed**"


def goal_rows(goals: Sequence[GoalSettings], means: Means) -> list[tuple[str, str, str, str]]:
    """Title, bounds, measured number and verdict of each goal."""
    rows = []
    for goal in goals:
        value = measured_value(goal, means)
        bounds = [f"{sign} {bound:g}" for sign, bound in (("≥", goal.least), ("≤", goal.most)) if bound is not None]
        shown = "" if math.isnan(value) else f"{value:.3f}" if abs(value) < 1.05 else f"{value:.2f}"
        rows.append((goal.what, ", ".join(bounds), shown, verdict(goal, value)))
    return rows
