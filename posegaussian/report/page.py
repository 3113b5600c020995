"""The report: one self-contained page about a model, for screen, dark screen and paper."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from posegaussian import __version__
from posegaussian.config import ModelSettings, as_dict
from posegaussian.io.store import settings_of
from posegaussian.registry import METRICS, metrics_on
from posegaussian.report import pictures, tables, views
from posegaussian.report.angles import curves_by_angle
from posegaussian.report.charts import COLOURS, OTHER_COLOURS, Curve, line_chart
from posegaussian.report.splats import viewer_data
from posegaussian.report.tables import PROTOCOLS, STAGES, StageTime, Summary
from posegaussian.report.template import template
from posegaussian.report.views import CaptureFiles

_COMPARED = 4
"""Held-back views that are shown."""
_VIEWER = Path(str(files("posegaussian"))) / "assets" / "viewer" / "viewer.js"
"""Built by tools/viewer."""
_WITH_VIEWER = 2
"""Captures whose Gaussians travel in the page."""
_PACKAGES = ("h5py", "numba", "numpy", "opencv-python-headless", "torch", "torchmetrics", "flip-evaluator")


@dataclass(frozen=True)
class Contents:
    """What a report is made of.

    Args:
        model: the model's name.
        settings: of the model.
        summary: means of the metrics, of the model and of others that stand beside it.
        captures: the held-out captures, open.
        videos: an MP4 of each capture, or none at all.
        splats: a folder of .ply of each capture, or none at all.
        metrics: the metrics of the captures, a row each value; may be empty.
        curves: training curves by stage, column and split.
        times: what the stages took.
    """

    model: str
    settings: ModelSettings
    summary: Summary
    captures: Sequence[CaptureFiles]
    videos: Sequence[bytes]
    splats: Sequence[Path]
    metrics: pd.DataFrame
    curves: Mapping[str, Mapping[str, Mapping[str, Curve]]]
    times: Sequence[StageTime]


def page(contents: Contents) -> str:
    """The page as HTML; the same contents give the same text."""
    model, summary, captures, settings = contents.model, contents.summary, contents.captures, contents.settings
    methods, on_disparity = tables.methods(summary, model), metrics_on("disparity")
    return template("page.html.j2", time=_time, shown=tables.shown).render(
        model=model,
        summary=summary,
        methods=methods,
        protocols={p: text for p, text in PROTOCOLS.items() if any(key[1] == p for key in summary)},
        metrics=metrics_on("image"),
        disparity_metrics=on_disparity,
        disparity_methods=[m for m in methods if any((m, "disparity", name) in summary for name in on_disparity)],
        notes=_notes(summary),
        scale=_scale(summary, model),
        captures=captures,
        count=_count(summary, model),
        steps=views.steps(captures[0]) if captures else None,
        compared=[views.compared(*place, model) for place in views.spread(captures, _COMPARED)],
        disparities=[views.disparities(c, 0, len(c.frames) // 2, model) for c in captures[:2]],
        poses=[row for c in captures[:2] if (row := views.poses(c, 0, len(c.frames) // 2))],
        detector=_detector(captures, settings.detector),
        viewers=_viewers(captures, contents.splats),
        viewer_script=Markup(_VIEWER.read_text(encoding="utf-8")),
        angles=_by_angle(captures, contents.metrics),
        angle_titles={name: metric.chart for name, metric in METRICS.items()},
        other_colours=OTHER_COLOURS,
        videos=[
            (c.name, pictures.data_uri("video/mp4", video), c.made["path/images"][0])
            for c, video in zip(captures, contents.videos, strict=False)
        ],
        start=tables.without_paths(settings.train.init or ""),
        curves=[(stage, _charts(stage, curves)) for stage, curves in contents.curves.items()],
        curve_titles=tables.curve_titles(),
        split_colours=COLOURS,
        times=contents.times,
        stage_titles=STAGES,
        settings=_plain(as_dict(settings)),
        provenance=[(c.name, _provenance(c)) for c in captures],
        versions=_versions(),
    )


def _scale(summary: Summary, model: str) -> list[tuple[str, dict[str, float]]]:
    """PSNR of floor, model and ceiling by protocol, for the picture of where the model stands."""
    rows = []
    for protocol in PROTOCOLS:
        found = {m: summary.get((m, protocol, "psnr")) for m in ("floor", model, "ceiling")}
        if all(value and value.known for value in found.values()):
            rows.append((protocol, {name: value.mean for name, value in found.items() if value}))
    return rows


def _notes(summary: Summary) -> list[str]:
    """Why numbers of the page's tables are missing, each reason once."""
    names = metrics_on("image") | metrics_on("disparity")
    return list(dict.fromkeys(value.note for (*_, name), value in summary.items() if name in names and value.note))


def _count(summary: Summary, model: str) -> int:
    """How many views the model was measured on."""
    return max((v.count for (m, p, _), v in summary.items() if m == model and p != "disparity"), default=0)


def _charts(stage: str, curves: Mapping[str, Mapping[str, Curve]]) -> dict[str, Markup]:
    return {name: Markup(line_chart(f"{stage}-{name}", curves[name])) for name in curves}


def _viewers(captures: Sequence[CaptureFiles], splats: Sequence[Path]) -> list[tuple[str, Markup]]:
    """Name and data, for the first captures that have Gaussians."""
    shown = list(zip(captures, splats, strict=False))[:_WITH_VIEWER]
    return [(c.name, Markup(data)) for c, folder in shown if (data := viewer_data(c, folder))]


def _by_angle(captures: Sequence[CaptureFiles], metrics: pd.DataFrame) -> dict[str, Markup]:
    curves = curves_by_angle(captures, metrics)
    axis = "angle between the cameras, degrees"
    return {metric: Markup(line_chart(f"angle-{metric}", curves[metric], axis)) for metric in curves}


def _detector(captures: Sequence[CaptureFiles], name: str) -> str:
    """The detector's name with its configuration and weights, as the heatmaps say."""
    used = [settings_of(capture.pose) for capture in captures if capture.pose is not None]
    plain = {str(s["weights"]) for s in used if s.get("weights")}
    return tables.without_paths(f"{name} ({', '.join(sorted(plain))})") if plain else name


def _provenance(capture: CaptureFiles) -> list[tuple[str, str, dict[str, str]]]:
    """Stage, its settings as JSON, and the digests of its inputs, for every file of a capture."""
    files = {"rectify": capture.truth, "heatmaps": capture.pose, "render": capture.made}
    return [
        (
            f"{stage} (version {file.attrs['stage_version']})",
            _plain(settings_of(file)),
            json.loads(str(file.attrs["inputs"])),
        )
        for stage, file in files.items()
        if file is not None
    ]


def _plain(settings: Mapping[str, Any]) -> str:
    """Settings as JSON, without the folders of this machine."""
    return tables.without_paths(json.dumps(settings, indent=2, sort_keys=True))


def _versions() -> dict[str, str]:
    found = {"posegaussian": __version__, "python": platform.python_version()}
    return found | {package: version(package) for package in _PACKAGES}


def _time(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
