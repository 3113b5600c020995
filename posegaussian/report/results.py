"""The results page in Markdown: goals, tables over groups of captures, and grids of typical and worst views."""

import math
from collections.abc import Mapping, Sequence

from posegaussian.config import GoalSettings
from posegaussian.evaluation.aggregate import GAP_TO_GT_DEPTH
from posegaussian.registry import METRICS, Metric, metrics_on
from posegaussian.report import view_grids
from posegaussian.report.goals import Means, goal_rows
from posegaussian.report.images import RGBImage
from posegaussian.report.tables import formatted
from posegaussian.report.views import CaptureFiles


def tables_of(means: Means, goals: Sequence[GoalSettings]) -> str:
    """The tables in Markdown: goals, images and disparity, temporal statistics."""
    parts = (_goals(goals, means), _images(means), _temporal(means))
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def _goals(goals: Sequence[GoalSettings], means: Means) -> str:
    if not goals:
        return ""
    rows = goal_rows(goals, means)
    reached = sum(row[-1] == "reached" for row in rows)
    head = ["goal", "bound", "measured", ""]
    return f"### Goals\n\n{reached} of {len(rows)} reached.\n\n{_table(head, rows)}"


def _number(value: float, metric: Metric, bold: bool = False) -> str:
    if math.isnan(value):
        return ""
    return f"**{formatted(value, metric)}**" if bold else formatted(value, metric)


def _images(means: Means) -> str:
    """The table of image crops and disparities, with the reference rows around the models."""
    columns = [(crop, name, metric) for name, metric in metrics_on("image").items() for crop in metric.crops]
    columns = [column for column in columns if means.has(*column[:2])]
    on_disparity = [
        (name, metric, statistic)
        for name, metric in metrics_on("disparity").items()
        for statistic in (("mean", "median") if metric.skewed else ("mean",))
        if statistic == "mean" or means.has("disparity", name, statistic)
    ]
    head = ["captures", "", *(f"{metric.title} `{crop}`" for crop, _, metric in columns)]
    head += ["gap to gt_depth, dB (positive: better)"]
    head += [metric.column + (", median" if statistic == "median" else "") for _, metric, statistic in on_disparity]
    rows = []
    for group in means.groups():
        for method in ("plane_warp", *means.models(), "gt_depth"):
            bold = method == means.model
            cells = [_number(means.value(group, method, crop, name), metric, bold) for crop, name, metric in columns]
            if not any(cells):
                continue
            gap, error = (
                means.value(group, method, "bbox", GAP_TO_GT_DEPTH, column) for column in ("mean", "standard_error")
            )
            cells.append(_number(gap, METRICS["psnr"]) + ("" if math.isnan(error) else f" ± {error:.2f}"))
            cells += [
                _number(means.value(group, method, "disparity", name, statistic), metric)
                for name, metric, statistic in on_disparity
            ]
            rows.append([group, method, *cells])
    return f"### Images and disparity\n\n{_numbers_of(means)}\n\n{_table(head, rows)}"


def _numbers_of(means: Means) -> str:
    """The numbers of captures and views of each group."""
    counts = []
    for group in means.groups():
        captures, views = (int(means.value(group, means.model, "bbox", "psnr", c)) for c in ("captures", "values"))
        counts.append(f"{group}: {captures} and {views}")
    return f"Means over views; ± is the standard error over captures. Captures and views: {'; '.join(counts)}."


def _temporal(means: Means) -> str:
    """The table of temporal statistics, with PSNR beside them: a blurred sequence is steady, too."""
    metrics, psnr, rows = metrics_on("frames"), METRICS["psnr"], []
    for group in means.groups():
        for method in (*means.models(), "gt_depth"):
            bold = method == means.model
            cells = [
                _number(means.value(group, method, "frames", name), metric, bold) for name, metric in metrics.items()
            ]
            if any(cells):
                rows.append([group, method, *cells, _number(means.value(group, method, "bbox", "psnr"), psnr)])
    if not rows:
        return ""
    head = ["captures", "", *(metric.column for metric in metrics.values()), "PSNR `bbox`"]
    return f"### Temporal statistics\n\n{_table(head, rows)}"


def view_images(
    views: Sequence[view_grids.MeasuredView],
    groups: Mapping[str, Sequence[str]],
    captures: Mapping[str, CaptureFiles],
    model: str,
    count: int,
) -> dict[str, tuple[str, RGBImage]]:
    """Title and image of the `typical` and of the `worst` views; empty if no view is of the given captures."""
    views = [view for view in views if view.capture in captures]
    if not views:
        return {}
    chosen = {
        "typical": ("Typical views: the median of each group", view_grids.typical_views(views, groups)),
        "worst": (f"The worst view of each of the {count} worst captures", view_grids.worst_views(views, count)),
    }
    return {name: (title, view_grids.view_grid(found, captures, model)) for name, (title, found) in chosen.items()}
