"""The stage `results`: tables over groups of captures, typical and worst views, training curves."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import cv2

from posegaussian.config import ResultsSettings
from posegaussian.errors import ConfigError
from posegaussian.evaluation.aggregate import by_group, read_tables
from posegaussian.evaluation.table import write_frame
from posegaussian.io.atomic import write_atomic
from posegaussian.io.images import write_image
from posegaussian.report import grids
from posegaussian.report.curves import draw_curves
from posegaussian.report.goals import Means
from posegaussian.report.results import sheets, tables_of
from posegaussian.report.views import CaptureFiles

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
        renders: the model's renders .h5 that images may be taken from.
        rectified: their rectified .h5, in the same order.
        curves: training curves .csv, in the order of the runs.
        settings: groups of captures, and goals.

    Raises:
        ConfigError: the files are not as many as the renders.
        StoreError: a file is missing or damaged.
    """
    if len(renders) != len(rectified):
        raise ConfigError(
            f"{len(rectified)} files of --rectified for {len(renders)} of --renders; give one each",
            code="unpaired-files",
        )
    rows = read_tables(metrics)
    groups = settings.groups or {name: (name,) for name in dict.fromkeys(rows["capture"])}
    means = Means(by_group(rows, groups), model)
    write_frame(output / "means.csv", means.table)
    parts = [tables_of(means, settings.goals)]
    with ExitStack() as opened:
        captures = {
            truth.stem: opened.enter_context(closing(CaptureFiles(truth, None, made)))
            for truth, made in zip(rectified, renders, strict=True)
        }
        drawn = sheets(grids.views_of(rows, model), groups, captures, model, settings.worst)
    for name, (title, sheet) in drawn.items():
        write_image(output / f"{name}.jpg", sheet, _QUALITY)
        parts.append(f"### {title}\n\n![{title}]({name}.jpg)\n")
    if curves:
        draw_curves(output / "curves.png", curves)
        parts.append("### Training curves\n\n![Training curves](curves.png)\n")
    write_atomic(output / "results.md", "\n".join(parts))
