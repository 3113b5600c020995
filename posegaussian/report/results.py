"""The page of results: tables over groups of captures, goals, typical and worst views, training curves."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2

from posegaussian.config import GoalSettings, ResultsSettings
from posegaussian.errors import ConfigError
from posegaussian.evaluation.aggregate import BELOW_CEILING, by_group, read_tables
from posegaussian.evaluation.table import write_frame
from posegaussian.io.atomic import whole_file
from posegaussian.report import grids
from posegaussian.report.curves import draw_curves
from posegaussian.report.goals import Means, goal_rows
from posegaussian.report.pictures import Picture
from posegaussian.report.views import CaptureFiles

_PICTURES = (("full", "psnr", 2), ("bbox", "psnr", 2), ("ghg", "psnr", 2), ("full", "ssim", 4), ("bbox", "ssim", 4))
_PICTURES += (("full", "flip", 4), ("bbox", "flip", 4), ("full", "lpips", 4), ("bbox", "lpips", 4))
"""Protocol, metric and decimals of the columns of the table of pictures."""
_VIDEO = (
    ("jitter", "jitter, levels", 3),
    ("settled", "once settled", 3),
    ("tof", "tOF, px", 4),
    ("warping", "warping error, levels", 3),
)
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 86)


def write_results(
    model: str,
    output: Path,
    *,
    metrics: Sequence[Path],
    renders: Sequence[Path],
    rectified: Sequence[Path],
    curves: Sequence[Path],
    settings: ResultsSettings,
) -> None:
    """Write results.md and beside it means.csv, typical.jpg, worst.jpg and, where there are curves, curves.png.

    Args:
        model: that the results are about.
        output: the folder; what else is in it stays.
        metrics: tables of metrics .csv, of this model and of others.
        renders: the model's renders .h5 that pictures may be taken from.
        rectified: their rectified .h5, in the same order.
        curves: training curves .csv, in the order of the runs.
        settings: groups of captures, and goals.
    """
    if len(renders) != len(rectified):
        raise ConfigError(
            f"{len(rectified)} files of --rectified for {len(renders)} of --renders; give one each",
            code="unpaired-files",
        )
    rows = read_tables(metrics)
    groups = settings.groups or {name: (name,) for name in dict.fromkeys(rows["capture"])}
    means = Means(by_group(rows, groups), model)
    views = grids.views_of(rows, model)
    write_frame(output / "means.csv", means.table)
    parts = [tables_of(means, settings.goals)]
    parts += _sheets(output, views, groups, list(zip(rectified, renders, strict=True)), model, settings.worst)
    if curves:
        draw_curves(output / "curves.png", curves)
        parts.append("### Training curves\n\n![Training curves](curves.png)\n")
    with whole_file(output / "results.md") as temporary:
        temporary.write_text("\n".join(parts), encoding="utf-8")


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


def _number(value: float, decimals: int, bold: bool = False) -> str:
    if math.isnan(value):
        return ""
    return f"**{value:.{decimals}f}**" if bold else f"{value:.{decimals}f}"


def _pictures(means: Means) -> str:
    columns = [column for column in _PICTURES if means.known(*column[:2])]
    head = ["captures", "", *(f"{metric.upper()} `{protocol}`" for protocol, metric, _ in columns)]
    head += ["below the ceiling, dB", "EPE, px at 1024", "under 1 px"]
    rows = []
    for group in means.groups():
        for method in ("floor", *means.models(), "ceiling"):
            cells = [_number(means.of(group, method, p, m), d, method == means.model) for p, m, d in columns]
            if not any(cells):
                continue
            below = [means.of(group, method, "bbox", BELOW_CEILING, column) for column in ("mean", "error")]
            spread = "" if math.isnan(below[1]) else f" ± {below[1]:.2f}"
            epe, rate = (means.of(group, method, "disparity", metric) for metric in ("epe_1024", "rate_1px"))
            cells += [_number(below[0], 2) + spread, _number(epe, 2)]
            cells.append("" if math.isnan(rate) else f"{100 * rate:.1f} %")
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
    rows = []
    for group in means.groups():
        for method in (*means.models(), "ceiling"):
            cells = [_number(means.of(group, method, "video", m), d, method == means.model) for m, _, d in _VIDEO]
            if any(cells):
                rows.append([group, method, *cells, _number(means.of(group, method, "bbox", "psnr"), 2)])
    if not rows:
        return ""
    return "### Steadiness\n\n" + _table(["captures", "", *(title for _, title, _ in _VIDEO), "PSNR `bbox`"], rows)


def _sheets(
    folder: Path,
    views: Sequence[grids.View],
    groups: Mapping[str, Sequence[str]],
    files: Sequence[tuple[Path, Path]],
    model: str,
    count: int,
) -> list[str]:
    """Write both sheets of pictures, of the captures whose files are there."""
    captures = {rectified.stem: CaptureFiles(rectified, None, renders) for rectified, renders in files}
    views = [view for view in views if view.capture in captures]
    if not views:
        return []
    made: dict[str, tuple[str, Callable[[], Sequence[grids.View]]]] = {
        "typical": ("Typical views: the middle one of each group", lambda: grids.typical(views, groups)),
        "worst": (f"The worst view of each of the {count} worst captures", lambda: grids.worst(views, count)),
    }
    parts = []
    try:
        for name, (title, choose) in made.items():
            _write_jpeg(folder / f"{name}.jpg", grids.sheet(choose(), captures, model))
            parts.append(f"### {title}\n\n![{title}]({name}.jpg)\n")
    finally:
        for capture in captures.values():
            capture.close()
    return parts


def _write_jpeg(path: Path, picture: Picture) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(cv2.imencode(".jpg", picture[..., ::-1], _QUALITY)[1].tobytes())
