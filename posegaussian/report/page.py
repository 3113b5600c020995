"""The stage `report`: one self-contained page about a model, for screen, dark screen and paper."""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from posegaussian import __version__
from posegaussian.config import ModelSettings, as_dict
from posegaussian.errors import ConfigError
from posegaussian.io.atomic import whole_file
from posegaussian.io.store import settings_of
from posegaussian.report import pictures, tables, views
from posegaussian.report.angles import SHOWN, curves_by_angle
from posegaussian.report.charts import COLOURS, OTHER_COLOURS, line_chart
from posegaussian.report.splats import viewer_data
from posegaussian.report.tables import CURVES, METRICS, PROTOCOLS, STAGES, Summary
from posegaussian.report.template import template
from posegaussian.report.views import CaptureFiles

_COMPARED = 4
"""Held-back views that are shown."""
_VIEWER = Path(str(files("posegaussian"))) / "assets" / "viewer" / "viewer.js"
"""Built by tools/viewer."""
_WITH_VIEWER = 2
"""Captures whose Gaussians travel in the page."""
_PACKAGES = ("h5py", "numba", "numpy", "opencv-python-headless", "torch", "torchmetrics", "flip-evaluator")


def write_report(
    model: str,
    output: Path,
    *,
    summary: Path,
    others: Sequence[Path],
    renders: Sequence[Path],
    rectified: Sequence[Path],
    heatmaps: Sequence[Path],
    videos: Sequence[Path],
    splats: Sequence[Path],
    metrics: Sequence[Path],
    curves: Sequence[Path],
    benchmarks: Sequence[Path],
    settings: ModelSettings,
) -> None:
    """Write the page; the same inputs give the same bytes.

    Args:
        model: the model's name.
        output: the .html.
        summary: the table of metrics over all held-out captures.
        others: the same of other models on the same captures, to stand beside it.
        renders: renders .h5 of the held-out captures.
        rectified: their rectified .h5, in the same order.
        heatmaps: their heatmaps .h5, in the same order, or none at all.
        videos: their .mp4, in the same order, or none at all.
        splats: their folders of .ply, in the same order, or none at all.
        metrics: their tables of metrics .csv, or none at all.
        curves: training curves .csv, one a stage.
        benchmarks: Snakemake's benchmark files.
        settings: of the model.
    """
    for name, given in (("rectified", rectified), ("heatmaps", heatmaps), ("videos", videos), ("splats", splats)):
        if len(given) != len(renders) and (given or name == "rectified"):
            raise ConfigError(
                f"{len(given)} files of --{name} for {len(renders)} of --renders; give one each", code="unpaired-files"
            )
    poses = heatmaps or [None] * len(renders)
    captures = [CaptureFiles(*three) for three in zip(rectified, poses, renders, strict=True)]
    try:
        numbers = tables.read_summary(summary, *others)
        page = template("page.html.j2", time=_time).render(
            model=model,
            summary=numbers,
            methods=tables.methods(numbers, model),
            protocols={p: text for p, text in PROTOCOLS.items() if any(key[1] == p for key in numbers)},
            metrics=METRICS,
            notes=_notes(numbers),
            scale=_scale(numbers, model),
            captures=captures,
            count=_count(numbers, model),
            steps=views.steps(captures[0]) if captures else None,
            compared=[views.compared(*place, model) for place in views.spread(captures, _COMPARED)],
            disparities=[views.disparities(c, 0, len(c.frames) // 2, model) for c in captures[:2]],
            poses=[row for c in captures[:2] if (row := views.poses(c, 0, len(c.frames) // 2))],
            detector=_detector(captures, settings.detector),
            viewers=_viewers(captures, splats),
            viewer_script=Markup(_VIEWER.read_text(encoding="utf-8")),
            angles=_by_angle(captures, metrics),
            angle_titles={metric: title for metric, (_, title) in SHOWN.items()},
            other_colours=OTHER_COLOURS,
            videos=[
                (c.name, pictures.data_uri("video/mp4", v.read_bytes()), c.made["path/images"][0])
                for c, v in zip(captures, videos, strict=False)
            ],
            start=tables.without_paths(settings.train.init or ""),
            curves=[(path.stem, _charts(path)) for path in curves],
            curve_titles=CURVES,
            split_colours=COLOURS,
            times=tables.read_times(benchmarks, model, settings.detector),
            stage_titles=STAGES,
            settings=_plain(as_dict(settings)),
            provenance=[(c.name, _provenance(c)) for c in captures],
            versions=_versions(),
        )
    finally:
        for capture in captures:
            capture.close()
    with whole_file(output) as temporary:
        temporary.write_text(page, encoding="utf-8")


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
    shown = (
        value.note for (_, protocol, metric), value in summary.items() if metric in METRICS or protocol == "disparity"
    )
    return list(dict.fromkeys(note for note in shown if note))


def _count(summary: Summary, model: str) -> int:
    """How many views the model was measured on."""
    return max((v.count for (m, p, _), v in summary.items() if m == model and p != "disparity"), default=0)


def _charts(path: Path) -> dict[str, Markup]:
    curves = tables.read_curves(path)
    return {name: Markup(line_chart(f"{path.stem}-{name}", curves[name])) for name in curves}


def _viewers(captures: Sequence[CaptureFiles], splats: Sequence[Path]) -> list[tuple[str, Markup]]:
    """Name and data, for the first captures that have Gaussians."""
    shown = list(zip(captures, splats, strict=False))[:_WITH_VIEWER]
    return [(c.name, Markup(data)) for c, folder in shown if (data := viewer_data(c, folder))]


def _by_angle(captures: Sequence[CaptureFiles], metrics: Sequence[Path]) -> dict[str, Markup]:
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
