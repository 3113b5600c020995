"""The report page about a model as self-contained HTML, for light and dark screens and for print."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from posegaussian import __version__
from posegaussian.config import ModelSettings, as_dict
from posegaussian.config.plan import VIEWERS
from posegaussian.export.player import viewer_script
from posegaussian.io.store import settings_of
from posegaussian.registry import METRICS, Metric, metrics_on
from posegaussian.report import images, tables, views
from posegaussian.report.angles import curves_by_angle
from posegaussian.report.charts import REFERENCE_COLOURS, SPLIT_COLOURS, Curve, line_chart
from posegaussian.report.checks import capture_checks
from posegaussian.report.found_masks import found_masks
from posegaussian.report.splats import viewer_data
from posegaussian.report.tables import CROP_TITLES, STAGE_TITLES, StageTime, Summary
from posegaussian.report.template import template
from posegaussian.report.views import CaptureFiles

_COMPARED_VIEWS = 4
"""Number of held-out views that are shown; chosen by hand."""
_PACKAGES = ("h5py", "numba", "numpy", "opencv-python-headless", "torch", "flip-evaluator")


@dataclass(frozen=True)
class Contents:
    """The input of a report page."""

    model: str  # the model's name
    settings: ModelSettings  # of the model
    summary: Summary  # means of the metrics, of the model and of the models that it is compared with
    captures: Sequence[CaptureFiles]  # the held-out captures, open
    videos: Sequence[bytes]  # an MP4 of each capture, or none at all
    splats: Sequence[Path]  # folders of .ply, of the first captures
    metrics: pd.DataFrame  # the metrics of the captures, one row per value; may be empty
    curves: Mapping[str, Mapping[str, Mapping[str, Curve]]]  # training curves by stage, column and split
    times: Sequence[StageTime]  # of the stages


def page(contents: Contents) -> str:
    """The page as HTML. The same contents give the same text."""
    model, summary, captures, settings = contents.model, contents.summary, contents.captures, contents.settings
    real = bool(captures) and not any(capture.synthetic or capture.true_depth for capture in captures)
    methods, on_disparity = tables.methods(summary, model), metrics_on("disparity")
    shown = tables.measured(summary, metrics_on("image"), known=real)
    if real and not tables.measured(summary, on_disparity, known=True):
        on_disparity = {}
    return template("page.html.j2", duration=_duration, formatted=tables.formatted).render(
        model=model,
        summary=summary,
        methods=methods,
        crops={crop: title for crop, title in CROP_TITLES.items() if any(key[1] == crop for key in summary)},
        metrics=shown,
        unmeasured=_unmeasured(summary, shown) if real else [],
        disparity_metrics=on_disparity,
        disparity_methods=[m for m in methods if any((m, "disparity", name) in summary for name in on_disparity)],
        notes=_notes(summary, shown | on_disparity),
        real=real,
        checks=[capture_checks(capture, contents.metrics, model) for capture in captures] if real else [],
        psnr_lines=_psnr_lines(summary, model),
        captures=captures,
        count=_count(summary, model),
        overview=views.overview(captures[0]) if captures else None,
        compared=[views.comparison_row(*v, model) for v in views.evenly_spaced_views(captures, _COMPARED_VIEWS)],
        disparities=[views.disparity_row(c, 0, len(c.frames) // 2, model) for c in captures[:2]],
        heatmaps=[row for c in captures[:2] if (row := views.heatmap_row(c, 0, len(c.frames) // 2))],
        detector=_detector(captures, settings.detector),
        viewers=_viewers(captures, contents.splats),
        viewer_script=Markup(viewer_script().read_text(encoding="utf-8")),
        angles=_by_angle(captures, contents.metrics),
        angle_titles={name: metric.chart for name, metric in METRICS.items()},
        reference_colours=REFERENCE_COLOURS,
        videos=[
            (c.name, images.data_uri("video/mp4", video), c.renders["path/images"][0])
            for c, video in zip(captures, contents.videos, strict=False)
        ],
        start=tables.without_paths(settings.train.init or ""),
        curves=[(stage, _charts(stage, curves)) for stage, curves in contents.curves.items()],
        curve_titles=tables.curve_titles(),
        split_colours=SPLIT_COLOURS,
        times=contents.times,
        stage_titles=STAGE_TITLES,
        settings=_as_json(as_dict(settings)),
        masks=[(c.name, found) for c in captures if (found := found_masks(c.rectified))],
        provenance=[(c.name, _provenance(c)) for c in captures],
        versions=_versions(),
    )


def _psnr_lines(summary: Summary, model: str) -> list[tuple[str, dict[str, float]]]:
    """PSNR of the model and both reference rows by crop, for the drawing; crops without one of them are left out."""
    rows = []
    for crop in CROP_TITLES:
        found = {m: summary.get((m, crop, "psnr")) for m in ("plane_warp", model, "gt_depth")}
        if all(value and value.known for value in found.values()):
            rows.append((crop, {name: value.mean for name, value in found.items() if value}))
    return rows


def _notes(summary: Summary, names: Mapping[str, Metric]) -> list[str]:
    """The reasons for missing numbers of metrics that the page's tables show, each once."""
    return list(dict.fromkeys(value.note for (*_, name), value in summary.items() if name in names and value.note))


def _unmeasured(summary: Summary, shown: Mapping[str, Metric]) -> list[tuple[str, str]]:
    """Titles of the metrics of images that the table does not show, and the reason, if there is one."""
    return [
        (metric.title, next((value.note for (*_, each), value in summary.items() if each == name and value.note), ""))
        for name, metric in metrics_on("image").items()
        if name not in shown
    ]


def _count(summary: Summary, model: str) -> int:
    """The number of views that the model was measured on."""
    return max((v.count for (m, scope, _), v in summary.items() if m == model and scope != "disparity"), default=0)


def _charts(stage: str, curves: Mapping[str, Mapping[str, Curve]]) -> dict[str, Markup]:
    return {name: Markup(line_chart(f"{stage}-{name}", curves[name])) for name in curves}


def _viewers(captures: Sequence[CaptureFiles], splats: Sequence[Path]) -> list[tuple[str, Markup]]:
    """Name and viewer data of the first captures, without those that have no Gaussians."""
    shown = list(zip(captures, splats, strict=False))[:VIEWERS]
    return [(c.name, Markup(data)) for c, folder in shown if (data := viewer_data(c, folder))]


def _by_angle(captures: Sequence[CaptureFiles], metrics: pd.DataFrame) -> dict[str, Markup]:
    curves = curves_by_angle(captures, metrics)
    axis = "angle between the cameras, degrees"
    return {metric: Markup(line_chart(f"angle-{metric}", curves[metric], axis)) for metric in curves}


def _detector(captures: Sequence[CaptureFiles], name: str) -> str:
    """The detector's name and the weights that the heatmaps were made with."""
    used = [settings_of(capture.heatmaps) for capture in captures if capture.heatmaps is not None]
    weights = {str(s["weights"]) for s in used if s.get("weights")}
    return tables.without_paths(f"{name} ({', '.join(sorted(weights))})") if weights else name


def _provenance(capture: CaptureFiles) -> list[tuple[str, str, dict[str, str]]]:
    """For every file of a capture: the stage, its settings as JSON, and the digests of its inputs."""
    files = {
        "people": capture.people,
        "rectify": capture.rectified,
        "heatmaps": capture.heatmaps,
        "render": capture.renders,
    }
    return [
        (
            f"{stage} (version {file.attrs['stage_version']})",
            _as_json(settings_of(file)),
            json.loads(str(file.attrs["inputs"])),
        )
        for stage, file in files.items()
        if file is not None
    ]


def _as_json(settings: Mapping[str, Any]) -> str:
    """Settings as JSON, with absolute paths shortened."""
    return tables.without_paths(json.dumps(settings, indent=2, sort_keys=True))


def _versions() -> dict[str, str]:
    found = {"posegaussian": __version__, "python": platform.python_version()}
    return found | {package: version(package) for package in _PACKAGES}


def _duration(seconds: float) -> str:
    """Seconds as text: `7.5 s`, `42 s`, `3 min 20 s` or `1 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
