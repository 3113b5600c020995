"""Values for the pages: the metrics, the training curves, the time that every stage took."""

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posegaussian.errors import StoreError
from posegaussian.registry import LOSSES, METRICS, Metric
from posegaussian.report.charts import Curve

PROTOCOLS = {
    "full": "the whole picture on black",
    "bbox": "the box of the true mask",
    "ghg": "1000 × 500 pixels around the person, at 1024 rows",
}
STAGES = {
    "mmpose_env": "the pose environment, once",
    "captures": "photographing built-in people",
    "rectify": "rectification",
    "heatmaps": "joint heatmaps",
    "train depth": "training, stage depth",
    "train full": "training, stage full",
    "render": "novel views",
    "evaluate": "metrics",
}
"""Stages that are timed, in the order of the pipeline."""
_PER_MODEL = ("train", "render", "evaluate")


@dataclass(frozen=True)
class Value:
    """A mean over views and frames; NaN where there is none, and why."""

    mean: float
    std: float
    count: int
    note: str

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return not math.isnan(self.mean)


Summary = dict[tuple[str, str, str], Value]
"""By method, protocol and metric."""


def read_summary(*paths: Path) -> Summary:
    """Read tables that the stage `summarize` writes; of what stands in several, the first counts."""
    columns = {"method", "protocol", "metric", "mean", "std", "count", "note"}
    return {
        (row["method"], row["protocol"], row["metric"]): Value(
            _number(row["mean"]), _number(row["std"]), int(_number(row["count"])), without_paths(row["note"])
        )
        for path in reversed(paths)
        for row in _rows(path, columns)
    }


def methods(summary: Summary, model: str) -> list[str]:
    """Floor, then the model, then others, then ceiling."""
    rank = {"floor": 0, model: 1, "ceiling": 3}
    found = dict.fromkeys(method for method, protocol, _ in summary if protocol != "disparity")
    return sorted(found, key=lambda method: rank.get(method, 2))


def shown(value: float, metric: Metric) -> str:
    """A value as the tables show it."""
    return f"{100 * value:.{metric.decimals}f} %" if metric.percent else f"{value:.{metric.decimals}f}"


def curve_titles() -> dict[str, str]:
    """The columns of training curves that have a chart, with its title."""
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
                steps.append(float(row["step"]))
                values.append(float(row[name]))
    return {name: dict(curves[name]) for name in titles if name in curves}


@dataclass(frozen=True)
class StageTime:
    """What a stage took: jobs, seconds of all of them together, and the largest memory of one in MB."""

    stage: str
    jobs: int
    seconds: float
    memory: float


def read_times(paths: Sequence[Path], model: str, detector: str) -> list[StageTime]:
    """Times by stage from Snakemake's benchmark files, benchmarks/STAGE/..., without other models and detectors."""
    found: dict[str, list[tuple[float, float]]] = {}
    for path in paths:
        parts = path.with_suffix("").parts
        stage, *names = parts[parts.index("benchmarks") + 1 :] if "benchmarks" in parts else parts[-2:]
        owner, part = names[0] if names else "", ""
        if stage == "train":
            owner, _, part = owner.rpartition(".")
        wanted = {"heatmaps": detector}.get(stage, model if stage in _PER_MODEL else owner)
        stage = f"{stage} {part}".strip()
        if owner == wanted and stage in STAGES:
            found.setdefault(stage, []).extend(
                (_number(row["s"]), _number(row.get("max_rss", ""))) for row in _rows(path, {"s"}, "\t")
            )
    return [
        StageTime(stage, len(jobs), sum(s for s, _ in jobs), max((m for _, m in jobs if m == m), default=math.nan))
        for stage in STAGES
        if (jobs := found.get(stage))
    ]


def without_paths(text: str) -> str:
    """Text in which absolute paths have shrunk to their last part."""
    return re.sub(r"(?<![\w.~-])/(?:[^\s/;:,'\"]+/)*([^\s/;:,'\"]+)/?", r"\1", text)


def _rows(path: Path, columns: set[str], delimiter: str = ",") -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file, delimiter=delimiter)
            rows = list(table)
    except OSError as error:
        raise StoreError(f"cannot be read ({error.strerror})", code="unreadable-table", file=path) from None
    if missing := columns - set(table.fieldnames or ()):
        raise StoreError(
            f"no column {', '.join(sorted(missing))}",
            code="invalid-table",
            file=path,
            hint="rerun the stage that writes it",
        )
    return rows


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
