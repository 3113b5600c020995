"""The command line: one subcommand per stage of the pipeline, each usable by hand.

Every stage takes `--settings`: YAML or JSON text, or a file with it; the keys are those of its section in
`config/config.yaml`. Imports happen inside the subcommands, so that each environment needs only what its stage needs.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from posegaussian import config
from posegaussian.errors import ConfigError, UserError


def main(argv: list[str] | None = None) -> None:
    """Run one subcommand; a user's mistake is one line on stderr and exit status 2."""
    # Idle OpenMP threads sleep: spinning ones make two jobs on a busy machine ten times slower. Read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # A cancelled job unwinds, so that what it was writing is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except UserError as error:
        sys.exit(_fail(str(error)))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    print(f"posegaussian: error: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="posegaussian", description="Two views of a person in, novel views out.")
    stages = parser.add_subparsers(title="stages", required=True, metavar="STAGE")
    for add in (_captures, _rectify, _heatmaps, _train, _render, _evaluate, _summarize, _report, _view, _schema):
        add(stages)
    return parser


def _stage(stages, name: str, run, summary: str) -> argparse.ArgumentParser:
    parser = stages.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def _output(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, help=what)


def _settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", metavar="YAML", help="settings of the stage: YAML or JSON text, or a file")


def _device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")


def _captures(stages) -> None:
    def run(args):
        from posegaussian.captures.synthetic.write import write_capture

        write_capture(args.seed, args.output, config.load_settings(config.BuiltinSettings, args.settings))

    parser = _stage(stages, "captures", run, "Photograph a built-in synthetic person into a capture folder.")
    parser.add_argument("--seed", type=int, required=True, help="which person")
    _output(parser, "the capture folder")
    _settings(parser)


def _rectify(stages) -> None:
    def run(args):
        from posegaussian.captures.rectify import rectify_capture

        settings = config.load_settings(config.RectifySettings, args.settings)
        pairs = [tuple(pair.split(",")) for pair in args.pairs] if args.pairs else None
        rectify_capture(args.capture, args.output, settings, pairs=pairs)

    parser = _stage(stages, "rectify", run, "Rectify the stereo pairs of a capture.")
    parser.add_argument("capture", type=Path, help="a capture folder (EasyMocap layout)")
    parser.add_argument("--pairs", nargs="*", metavar="A,B", help="source pairs by camera name (default: neighbours)")
    _output(parser, "the rectified .h5")
    _settings(parser)


def _heatmaps(stages) -> None:
    def run(args):
        from posegaussian.pose.extract import extract_heatmaps

        extract_heatmaps(args.rectified, args.output, config.load_settings(config.DetectorSettings, args.settings))

    parser = _stage(stages, "heatmaps", run, "Detect 2D joints with MMPose (run it in the MMPose environment).")
    parser.add_argument("rectified", type=Path, help="a rectified .h5")
    _output(parser, "the heatmaps .h5")
    _settings(parser)


def _together(rectified: list[Path], heatmaps: list[Path]) -> list[tuple[Path, Path]]:
    if len(rectified) != len(heatmaps):
        raise ConfigError(f"{len(rectified)} rectified files but {len(heatmaps)} heatmap files; give one each")
    return list(zip(rectified, heatmaps, strict=True))


def _train(stages) -> None:
    def run(args):
        from posegaussian.training.run import train

        train(
            args.stage,
            train_files=_together(args.rectified, args.heatmaps),
            val_files=_together(args.val_rectified, args.val_heatmaps),
            output=args.output,
            state=args.state,
            settings=config.load_settings(config.ModelSettings, args.settings),
            init=args.init,
            device=args.device,
        )

    parser = _stage(stages, "train", run, "Train a model: stage depth, then stage full.")
    parser.add_argument("stage", choices=("depth", "full"))
    parser.add_argument("--rectified", type=Path, nargs="+", required=True, help="rectified .h5 to learn from")
    parser.add_argument("--heatmaps", type=Path, nargs="+", required=True, help="their heatmaps, in the same order")
    parser.add_argument("--val-rectified", type=Path, nargs="*", default=[], help="rectified .h5 to validate on")
    parser.add_argument("--val-heatmaps", type=Path, nargs="*", default=[], help="their heatmaps, in the same order")
    parser.add_argument("--init", type=Path, help="weights to start from (stage full: those of stage depth)")
    parser.add_argument("--state", type=Path, required=True, help="folder of the resume state and TensorBoard events")
    _output(parser, "the weights (.safetensors); the curves are written beside them as .csv")
    _settings(parser)
    _device(parser)


def _render(stages) -> None:
    def run(args):
        if args.input.is_dir():
            from posegaussian.rendering.single import render_view

            render_view(
                args.input,
                weights=args.weights,
                sources=tuple(args.source),
                ratio=args.ratio,
                frame=args.frame,
                output=args.output,
                pose_python=args.pose_python,
                settings=config.load_settings(config.ViewSettings, args.settings),
                device=args.device,
            )
        else:
            from posegaussian.rendering.stage import render_capture

            render_capture(
                args.input,
                heatmaps=args.heatmaps,
                weights=args.weights,
                output=args.output,
                video=args.video,
                frames=args.frames,
                splats=args.splats,
                settings=config.load_settings(config.RenderSettings, args.settings),
                device=args.device,
            )

    summary = "Render novel views: of a whole rectified capture (.h5), or one view of a capture folder."
    parser = _stage(stages, "render", run, summary)
    parser.add_argument("input", type=Path, help="a rectified .h5, or a capture folder")
    parser.add_argument("--weights", type=Path, required=True, help="weights (.safetensors)")
    parser.add_argument("-o", "--output", type=Path, help="renders .h5; of a folder: a .png (default: novel.png)")
    whole = parser.add_argument_group("a whole capture")
    whole.add_argument("--heatmaps", type=Path, help="its heatmaps .h5")
    whole.add_argument("--video", type=Path, help="also write an .mp4 along the path between the cameras")
    whole.add_argument("--frames", type=Path, help="also write that path as .png files into this folder")
    whole.add_argument("--splats", type=Path, help="also write the Gaussians of every frame as .ply into this folder")
    single = parser.add_argument_group("one view of a capture folder")
    single.add_argument("--source", nargs=2, default=("0", "1"), metavar=("A", "B"), help="cameras, by name or index")
    single.add_argument("--ratio", type=float, default=0.5, help="0: at camera A, 1: at camera B (default: 0.5)")
    single.add_argument("--frame", type=int, help="frame number (default: the first)")
    single.add_argument("--pose-python", type=Path, help="the MMPose environment's python")
    _settings(parser)
    _device(parser)


def _evaluate(stages) -> None:
    def run(args):
        from posegaussian.evaluation.stage import evaluate_capture

        settings = config.load_settings(config.EvaluateSettings, args.settings)
        evaluate_capture(args.renders, args.rectified, args.output, settings)

    parser = _stage(stages, "evaluate", run, "Compare renders with the views that were held back.")
    parser.add_argument("renders", type=Path, help="renders .h5")
    parser.add_argument("--rectified", type=Path, required=True, help="the rectified .h5 they were made from")
    _output(parser, "metrics .csv, one row per view, frame, method and protocol")
    _settings(parser)


def _summarize(stages) -> None:
    def run(args):
        from posegaussian.evaluation.summary import summarize

        summarize(args.metrics, args.output)

    parser = _stage(stages, "summarize", run, "Gather the metrics of several captures into one table.")
    parser.add_argument("metrics", type=Path, nargs="+", help="metrics .csv of captures")
    _output(parser, "the summary .csv")


def _report(stages) -> None:
    def run(args):
        from posegaussian.report.page import write_report

        write_report(
            args.model,
            args.output,
            summary=args.summary,
            renders=args.renders,
            rectified=args.rectified,
            heatmaps=args.heatmaps,
            videos=args.videos,
            curves=args.curves,
            benchmarks=args.benchmarks,
            settings=config.load_settings(config.ModelSettings, args.settings),
        )

    parser = _stage(stages, "report", run, "Write one self-contained page about a model.")
    parser.add_argument("model", help="the model's name")
    _output(parser, "the .html page")
    parser.add_argument("--summary", type=Path, required=True, help="the summary .csv")
    for name, what in (
        ("renders", "renders .h5"),
        ("rectified", "rectified .h5, in the same order"),
        ("heatmaps", "heatmaps .h5, in the same order"),
        ("videos", ".mp4, in the same order"),
        ("curves", "training curves .csv"),
        ("benchmarks", "Snakemake benchmark files of the run"),
    ):
        parser.add_argument(f"--{name}", type=Path, nargs="*", default=[], help=what)
    _settings(parser)


def _view(stages) -> None:
    def run(args):
        from posegaussian.export.viewer import view

        view(args.source, args.host, args.port)

    parser = _stage(stages, "view", run, "Look at splats in the browser (needs the extra `viewer`).")
    parser.add_argument("source", type=Path, help="a .ply, or a folder of them")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: 8080)")


def _schema(stages) -> None:
    def run(args):
        for name, kind in (("config", config.Config), ("captures", config.CaptureRow)):
            text = json.dumps(config.json_schema(kind), indent=2) + "\n"
            (args.output / f"{name}.schema.json").write_text(text, encoding="utf-8")

    parser = _stage(stages, "schema", run, "Write the JSON schemas of the configuration and of the captures sheet.")
    _output(parser, "the folder: workflow/schemas")
