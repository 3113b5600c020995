"""Values for the report page: metrics, training curves, and the time of every stage."""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posegaussian.errors import StoreError
from posegaussian.registry import LOSSES, METRICS, Metric
from posegaussian.report.charts import Curve
from posegaussian.text import read_text

CROP_TITLES = {
    "full": "the whole image on black",
    "bbox": "the bounding box of the true mask",
    "ghg": "1000 × 500 pixels around the person, at 1024 rows",
}
STAGE_TITLES = {
    "mmpose_env": "installation of the pose environment",
    "captures": "captures of built-in people",
    "rectify": "rectification",
    "heatmaps": "joint heatmaps",
    "train depth": "training, phase depth",
    "train full": "training, phase full",
    "render": "novel views",
    "evaluate": "metrics",
}
"""Titles of the timed stages, in the order of the pipeline."""
_PER_MODEL = ("train", "render", "evaluate")
"""Stages whose benchmark files lie in a folder named after the model."""


@dataclass(frozen=True)
class Value:
    """A mean over views and frames; NaN if there is none, with a note that gives the reason."""

    mean: float
    std: float
    count: int
    note: str

    @property
    def known(self) -> bool:
        """Whether the mean is a number."""
        return not math.isnan(self.mean)


Summary = dict[tuple[str, str, str], Value]
"""Values by method, scope and metric."""


def read_summary(*paths: Path) -> Summary:
    """The tables that the stage `summarize` wrote; a value in several tables is taken from the first one."""
    columns = {"method", "scope", "metric", "mean", "std", "count", "note"}
    return {
        (row["method"], row["scope"], row["metric"]): Value(
            _number(row["mean"]), _number(row["std"]), _count(row["count"]), without_paths(row["note"])
        )
        for path in reversed(paths)
        for row in _rows(path, columns)
    }


def methods(summary: Summary, model: str) -> list[str]:
    """All methods with a number for images: `plane_warp`, the model, other models, `gt_depth`."""
    rank = {"plane_warp": 0, model: 1, "gt_depth": 3}
    found = dict.fromkeys(method for method, scope, _ in summary if scope != "disparity")
    return sorted(found, key=lambda method: rank.get(method, 2))


def measured(summary: Summary, metrics: Mapping[str, Metric], known: bool) -> dict[str, Metric]:
    """The metrics that a table has values of, in their order; with `known`, those with a number."""
    found = {name for (*_, name), value in summary.items() if value.known or not known}
    return {name: metric for name, metric in metrics.items() if name in found}


def formatted(value: float, metric: Metric) -> str:
    """A value with the metric's number of decimals, in per cent where the metric is shown so."""
    return f"{100 * value:.{metric.decimals}f} %" if metric.percent else f"{value:.{metric.decimals}f}"


def curve_titles() -> dict[str, str]:
    """Titles of the charts by the column of the training curves that they show."""
    losses = {name: loss.chart for name, loss in LOSSES.items() if loss.chart}
    return {"loss": "loss", **losses, "epe_1024": METRICS["epe_1024"].chart, "psnr_bbox": METRICS["psnr"].chart}


def read_curves(path: Path) -> dict[str, dict[str, Curve]]:
    """Training curves by column and split."""
    curves: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    titles = curve_titles()
    for row in _rows(path, {"step", "split"}):
        for name in titles:
            if row.get(name):
                steps, values = curves.setdefault(name, {}).setdefault(row["split"], ([], []))
                try:
                    point = float(row["step"]), float(row[name])
                except ValueError as error:
                    raise StoreError(f"not training curves ({error})", code="invalid-table", file=path) from None
                steps.append(point[0])
                values.append(point[1])
    return {name: dict(curves[name]) for name in titles if name in curves}


@dataclass(frozen=True)
class StageTime:
    """Resources of a stage: number of jobs, seconds of all jobs together, and memory of the largest job in MB."""

    stage: str
    jobs: int
    seconds: float
    memory: float


def read_times(paths: Sequence[Path], model: str, detector: str) -> list[StageTime]:
    """Times by stage from Snakemake's benchmark files, benchmarks/STAGE/...; without other models and detectors."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in paths:
        parts = path.with_suffix("").parts
        stage, *names = parts[parts.index("benchmarks") + 1 :] if "benchmarks" in parts else parts[-2:]
        owner, part = names[0] if names else "", ""
        if stage == "train":
            owner, _, part = owner.rpartition(".")
        wanted = {"heatmaps": detector}.get(stage, model if stage in _PER_MODEL else owner)
        stage = f"{stage} {part}".strip()
        if owner == wanted and stage in STAGE_TITLES:
            found.setdefault(stage, []).extend(
                (_number(row["s"]), _number(row.get("max_rss", ""))) for row in _rows(path, {"s"}, "\t")
            )
    return [
        StageTime(stage, len(jobs), sum(s for s, _ in jobs), max((m for _, m in jobs if m == m), default=math.nan))
        for stage in STAGE_TITLES
        if (jobs := found.get(stage))
    ]


def without_paths(text: str) -> str:
    """The text with every absolute path replaced by its last part: no page shows the folders of a machine."""
    return re.sub(r"(?<![\w.~-])/(?:[^\s/;:,'\"]+/)*([^\s/;:,'\"]+)/?", r"\1", text)


def _rows(path: Path, columns: set[str], delimiter: str = ",") -> list[dict[str, str]]:
    try:
        table = csv.DictReader(io.StringIO(read_text(path)), delimiter=delimiter, restval="")
        rows = list(table)
    except OSError as error:
        raise StoreError(f"cannot be read ({error.strerror})", code="unreadable-table", file=path) from None
    except csv.Error as error:
        raise StoreError(f"not a table ({error})", code="invalid-table", file=path) from None
    if missing := columns - set(table.fieldnames or ()):
        raise StoreError(
            f"no column {', '.join(sorted(missing))}",
            code="invalid-table",
            file=path,
            hint="rerun the stage that writes it",
        )
    return rows


def _count(text: str) -> int:
    number = _number(text)
    return int(number) if math.isfinite(number) else 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
