"""The stage `results`: tables of means over groups of captures, typical and worst views, training curves."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import cv2

from posegaussian.config import ResultsSettings
from posegaussian.counts import counted
from posegaussian.errors import ConfigError
from posegaussian.evaluation.aggregate import by_group, read_tables
from posegaussian.evaluation.table import write_frame
from posegaussian.io.atomic import write_atomic
from posegaussian.io.images import write_image
from posegaussian.report import view_grids
from posegaussian.report.curves import draw_curves
from posegaussian.report.goals import Means
from posegaussian.report.results import tables_of, view_images
from posegaussian.report.views import CaptureFiles

_JPEG_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, 72)
"""Quality of typical.jpg and worst.jpg. Chosen by hand, so that the tables of a benchmark stay under 1 MB."""


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
    """Write results.md, means.csv, typical.jpg, worst.jpg and, if curves are given, curves.png.

    The arguments are those of the command `results`.

    Raises:
        ConfigError: the numbers of renders and rectified files differ.
        StoreError: a file is missing or incomplete.
    """
    if len(renders) != len(rectified):
        raise ConfigError(
            f"{counted(len(rectified), 'file')} of --rectified for {len(renders)} of --renders; give one each",
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
        images = view_images(view_grids.measured_views(rows, model), groups, captures, model, settings.worst)
    for name, (title, image) in images.items():
        write_image(output / f"{name}.jpg", image, _JPEG_OPTIONS)
        parts.append(f"### {title}\n\n![{title}]({name}.jpg)\n")
    if curves:
        draw_curves(output / "curves.png", curves)
        parts.append("### Training curves\n\n![Training curves](curves.png)\n")
    write_atomic(output / "results.md", "\n".join(parts))
