"""The page of results: tables over groups of captures, goals, and sheets of typical and worst views."""

import math
from collections.abc import Mapping, Sequence

from posegaussian.config import GoalSettings
from posegaussian.evaluation.aggregate import BELOW_CEILING
from posegaussian.registry import METRICS, Metric, metrics_on
from posegaussian.report import grids
from posegaussian.report.goals import Means, goal_rows
from posegaussian.report.pictures import Picture
from posegaussian.report.tables import shown
from posegaussian.report.views import CaptureFiles


def tables_of(means: Means, goals: Sequence[GoalSettings]) -> str:
    """Goals, pictures and depth, and steadiness, in Markdown."""
    parts = (_goals(goals, means), _pictures(means), _videos(means))
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _goals(goals: Sequence[GoalSettings], means: Means) -> str:
    if not goals:
        return ""
    rows = goal_rows(goals, means)
    reached = sum(row[-1] == "reached" for row in rows)
    head = ["what", "target", "measured", ""]
    return f"### Targets\n\n{reached} of {len(rows)} reached.\n\n{_table(head, rows)}"


def _number(value: float, metric: Metric, bold: bool = False) -> str:
    if math.isnan(value):
        return ""
    return f"**{shown(value, metric)}**" if bold else shown(value, metric)


def _pictures(means: Means) -> str:
    columns = [(crop, name, metric) for name, metric in metrics_on("image").items() for crop in metric.crops]
    columns = [column for column in columns if means.known(*column[:2])]
    on_disparity = metrics_on("disparity")
    head = ["captures", "", *(f"{metric.title} `{crop}`" for crop, _, metric in columns), "below the ceiling, dB"]
    head += [metric.column for metric in on_disparity.values()]
    rows = []
    for group in means.groups():
        for method in ("floor", *means.models(), "ceiling"):
            bold = method == means.model
            cells = [_number(means.of(group, method, crop, name), metric, bold) for crop, name, metric in columns]
            if not any(cells):
                continue
            below = [means.of(group, method, "bbox", BELOW_CEILING, column) for column in ("mean", "error")]
            spread = "" if math.isnan(below[1]) else f" ± {below[1]:.2f}"
            cells.append(_number(below[0], METRICS["psnr"]) + spread)
            cells += [_number(means.of(group, method, "disparity", name), m) for name, m in on_disparity.items()]
            rows.append([group, method, *cells])
    return f"### Pictures and depth\n\n{_numbers_of(means)}\n\n{_table(head, rows)}"


def _numbers_of(means: Means) -> str:
    """How many captures and views stand behind each row."""
    counts = []
    for group in means.groups():
        captures, views = (int(means.of(group, means.model, "bbox", "psnr", c)) for c in ("captures", "values"))
        counts.append(f"{group}: {captures} and {views}")
    return f"Means over views; ± is the standard error over captures. Captures and views: {'; '.join(counts)}."


def _videos(means: Means) -> str:
    metrics, psnr, rows = metrics_on("video"), METRICS["psnr"], []
    for group in means.groups():
        for method in (*means.models(), "ceiling"):
            bold = method == means.model
            cells = [_number(means.of(group, method, "video", name), metric, bold) for name, metric in metrics.items()]
            if any(cells):
                rows.append([group, method, *cells, _number(means.of(group, method, "bbox", "psnr"), psnr)])
    if not rows:
        return ""
    head = ["captures", "", *(metric.column for metric in metrics.values()), "PSNR `bbox`"]
    return f"### Steadiness\n\n{_table(head, rows)}"


def sheets(
    views: Sequence[grids.View],
    groups: Mapping[str, Sequence[str]],
    captures: Mapping[str, CaptureFiles],
    model: str,
    count: int,
) -> dict[str, tuple[str, Picture]]:
    """Title and sheet of the `typical` and of the `worst` views; empty where no view's capture is there.

    Args:
        views: the worst first.
        groups: names of captures by the group's name.
        captures: their open files, by name.
        model: how the renders are called.
        count: at most so many of the worst views.
    """
    views = [view for view in views if view.capture in captures]
    if not views:
        return {}
    chosen = {
        "typical": ("Typical views: the middle one of each group", grids.typical(views, groups)),
        "worst": (f"The worst view of each of the {count} worst captures", grids.worst(views, count)),
    }
    return {name: (title, grids.sheet(found, captures, model)) for name, (title, found) in chosen.items()}
