"""Results: metrics, tables and the report; and the schemas of the configuration."""

from pathlib import Path
from typing import Annotated

from posegaussian import config
from posegaussian.cli.arguments import Files, Output, Settings, SomeFiles, naming
from posegaussian.registry import METRICS


def references(rectified: Path, /, *, output: Output, settings: Settings = None) -> None:
    """Measure the two reference rows of a capture, once for all models that are evaluated on it.

    Args:
        rectified: a rectified .h5
        output: metrics .csv of the reference rows, for `evaluate --references`
    """
    from posegaussian.pipeline.evaluate import evaluate_capture

    evaluate_capture(None, rectified, output, config.load_settings(config.EvaluateSettings, settings))


def evaluate(
    renders: Path,
    /,
    *,
    rectified: Path,
    references: Path | None = None,
    output: Output,
    settings: Settings = None,
) -> None:
    """Compare renders with the views of held-out cameras.

    Args:
        renders: renders .h5
        rectified: the rectified .h5 they were made from
        references: the .csv of its reference rows, made with the same settings; without it, they are measured again
        output: metrics .csv, one row per view, frame, method and image crop
    """
    from posegaussian.pipeline.evaluate import evaluate_capture

    evaluate_capture(renders, rectified, output, config.load_settings(config.EvaluateSettings, settings), references)


def summarize(metrics: SomeFiles, /, *, output: Output) -> None:
    """Gather the metrics of several captures into one table.

    Args:
        metrics: metrics .csv of captures
        output: the summary .csv
    """
    from posegaussian.pipeline.summarize import summarize

    summarize(metrics, output)


def report(
    model: str,
    /,
    *,
    output: Output,
    summary: Path,
    others: Files = (),
    renders: Files = (),
    rectified: Files = (),
    heatmaps: Files = (),
    videos: Files = (),
    splats: Files = (),
    metrics: Files = (),
    curves: Files = (),
    people: Files = (),
    benchmarks: Files = (),
    settings: Settings = None,
) -> None:
    """Write one self-contained page about a model.

    Args:
        model: the model's name
        output: the .html page
        summary: the summary .csv
        others: summaries .csv of other models on the same captures, for comparison
        renders: renders .h5
        rectified: rectified .h5, in the same order
        heatmaps: heatmaps .h5, in the same order
        videos: .mp4, in the same order
        splats: folders of .ply of the first captures
        metrics: metrics .csv of the captures, in any order
        curves: training curves .csv
        people: people .h5 of captures without masks, named like their rectified .h5
        benchmarks: Snakemake benchmark files of the run
    """
    from posegaussian.pipeline.report import write_report

    write_report(
        model,
        output,
        summary=summary,
        others=others,
        renders=renders,
        rectified=rectified,
        heatmaps=heatmaps,
        videos=videos,
        splats=splats,
        metrics=metrics,
        curves=curves,
        people=people,
        benchmarks=benchmarks,
        settings=config.load_settings(config.ModelSettings, settings),
    )


def results(
    model: str,
    /,
    *,
    output: Output,
    metrics: SomeFiles,
    renders: Files = (),
    rectified: Files = (),
    curves: Files = (),
    settings: "Annotated[Settings, naming('goals.metric', METRICS)]" = None,
) -> None:
    """Write tables over groups of captures, and sheets of typical and worst views.

    Args:
        model: the model that the tables are about; other models are compared with it
        output: the folder of results.md and its images
        metrics: metrics .csv, also of other models
        renders: renders .h5 of the model, for the sheets of views
        rectified: rectified .h5, in the same order
        curves: training curves .csv, in the order of the runs
    """
    from posegaussian.pipeline.results import write_results

    write_results(
        model,
        output,
        metrics=metrics,
        renders=renders,
        rectified=rectified,
        curves=curves,
        settings=config.load_settings(config.ResultsSettings, settings),
    )


def schema(
    *,
    output: Output = Path("workflow/schemas"),
    readme: Path = Path("config/README.md"),
    check: bool = False,
) -> None:
    """Write the JSON schemas of the configuration and of the captures sheet, and the page that explains them.

    Args:
        output: folder of the schemas
        readme: the page
        check: write nothing; fail if a file is not current
    """
    from posegaussian.pipeline.schema import check_documentation, write_documentation

    (check_documentation if check else write_documentation)(output, readme)
