"""The stage `report`: a self-contained HTML page about a model."""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pandas as pd

from posegaussian.config import ModelSettings
from posegaussian.counts import counted
from posegaussian.errors import ConfigError
from posegaussian.evaluation.table import read_all
from posegaussian.io.atomic import write_atomic
from posegaussian.report import tables
from posegaussian.report.page import Contents, page
from posegaussian.report.views import CaptureFiles


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
    people: Sequence[Path] = (),
    benchmarks: Sequence[Path],
    settings: ModelSettings,
) -> None:
    """Write the page. The same inputs give the same bytes.

    The arguments are those of the command `report`.

    Raises:
        ConfigError: the numbers of renders and of other files differ.
        StoreError: a file is missing or incomplete.
    """
    for name, given in (("rectified", rectified), ("heatmaps", heatmaps), ("videos", videos)):
        if len(given) != len(renders) and (given or name == "rectified"):
            raise ConfigError(
                f"{counted(len(given), 'file')} of --{name} for {len(renders)} of --renders; give one each",
                code="unpaired-files",
            )
    found = {path.name: path for path in people}
    heatmaps_or_none = heatmaps or [None] * len(renders)
    with ExitStack() as opened:
        captures = [
            opened.enter_context(closing(CaptureFiles(*files, found.get(files[0].name))))
            for files in zip(rectified, heatmaps_or_none, renders, strict=True)
        ]
        contents = Contents(
            model=model,
            settings=settings,
            summary=tables.read_summary(summary, *others),
            captures=captures,
            videos=[video.read_bytes() for video in videos],
            splats=splats,
            metrics=read_all(metrics) if metrics else pd.DataFrame(),
            curves={path.stem: tables.read_curves(path) for path in curves},
            times=tables.read_times(benchmarks, model, settings.detector),
        )
        text = page(contents)
    write_atomic(output, text)
