"""What came of it: metrics and the report; and the schemas of the configuration."""

import json
from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import output, settings, stage


def add_evaluate(stages) -> None:
    """`posegaussian evaluate`."""

    def run(args):
        from posegaussian.pipeline.evaluate import evaluate_capture

        settings = config.load_settings(config.EvaluateSettings, args.settings)
        evaluate_capture(args.renders, args.rectified, args.output, settings)

    parser = stage(stages, "evaluate", run, "Compare renders with the views that were held back.")
    parser.add_argument("renders", type=Path, help="renders .h5")
    parser.add_argument("--rectified", type=Path, required=True, help="the rectified .h5 they were made from")
    output(parser, "metrics .csv, one row per view, frame, method and protocol")
    settings(parser)


def add_summarize(stages) -> None:
    """`posegaussian summarize`."""

    def run(args):
        from posegaussian.pipeline.summarize import summarize

        summarize(args.metrics, args.output)

    parser = stage(stages, "summarize", run, "Gather the metrics of several captures into one table.")
    parser.add_argument("metrics", type=Path, nargs="+", help="metrics .csv of captures")
    output(parser, "the summary .csv")


def add_report(stages) -> None:
    """`posegaussian report`."""

    def run(args):
        from posegaussian.report.page import write_report

        write_report(
            args.model,
            args.output,
            summary=args.summary,
            others=args.others,
            renders=args.renders,
            rectified=args.rectified,
            heatmaps=args.heatmaps,
            videos=args.videos,
            splats=args.splats,
            metrics=args.metrics,
            curves=args.curves,
            benchmarks=args.benchmarks,
            settings=config.load_settings(config.ModelSettings, args.settings),
        )

    parser = stage(stages, "report", run, "Write one self-contained page about a model.")
    parser.add_argument("model", help="the model's name")
    output(parser, "the .html page")
    parser.add_argument("--summary", type=Path, required=True, help="the summary .csv")
    for name, what in (
        ("others", "summaries .csv of other models on the same captures, to stand beside it"),
        ("renders", "renders .h5"),
        ("rectified", "rectified .h5, in the same order"),
        ("heatmaps", "heatmaps .h5, in the same order"),
        ("videos", ".mp4, in the same order"),
        ("splats", "folders of .ply, in the same order"),
        ("metrics", "metrics .csv of the captures, in any order"),
        ("curves", "training curves .csv"),
        ("benchmarks", "Snakemake benchmark files of the run"),
    ):
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[], help=what)
    settings(parser)


def add_results(stages) -> None:
    """`posegaussian results`."""

    def run(args):
        from posegaussian.report.results import write_results

        write_results(
            args.model,
            args.output,
            metrics=args.metrics,
            renders=args.renders,
            rectified=args.rectified,
            curves=args.curves,
            settings=config.load_settings(config.ResultsSettings, args.settings),
        )

    parser = stage(
        stages, "results", run, "Write tables over groups of captures, and sheets of typical and worst views."
    )
    parser.add_argument("model", help="the model that they are about")
    output(parser, "the folder of results.md and its pictures")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="metrics .csv, also of other models")
    for name, what in (
        ("renders", "the model's renders .h5, of captures that pictures are taken from"),
        ("rectified", "their rectified .h5, in the same order"),
        ("curves", "training curves .csv, in the order of the runs"),
    ):
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[], help=what)
    settings(parser)


def add_schema(stages) -> None:
    """`posegaussian schema`."""

    def run(args):
        for name, kind in (("config", config.Config), ("captures", config.CaptureRow)):
            text = json.dumps(config.json_schema(kind), indent=2) + "\n"
            (args.output / f"{name}.schema.json").write_text(text, encoding="utf-8")

    parser = stage(stages, "schema", run, "Write the JSON schemas of the configuration and of the captures sheet.")
    output(parser, "the folder: workflow/schemas")
