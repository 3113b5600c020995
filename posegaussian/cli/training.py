"""Training: the run, its curves, and what its weights tell."""

from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import device, output, settings, stage
from posegaussian.errors import ConfigError


def _together(rectified: list[Path], heatmaps: list[Path]) -> list[tuple[Path, Path]]:
    if len(rectified) != len(heatmaps):
        raise ConfigError(
            f"{len(rectified)} rectified files but {len(heatmaps)} heatmap files; give one each", code="unpaired-files"
        )
    return list(zip(rectified, heatmaps, strict=True))


def add_train(stages) -> None:
    """`posegaussian train`."""

    def run(args):
        from posegaussian.model.weights import find_weights
        from posegaussian.training.trainer import train

        train(
            args.stage,
            train_files=_together(args.rectified, args.heatmaps),
            val_files=_together(args.val_rectified, args.val_heatmaps),
            output=args.output,
            state=args.state,
            settings=config.load_settings(config.ModelSettings, args.settings),
            init=find_weights(args.init) if args.init else None,
            device=args.device,
            time_budget=args.time_budget,
        )

    parser = stage(stages, "train", run, "Train a model: stage depth, then stage full.")
    parser.add_argument("stage", choices=("depth", "full"))
    parser.add_argument("--rectified", type=Path, nargs="*", default=[], help="rectified .h5 to learn from")
    parser.add_argument("--heatmaps", type=Path, nargs="*", default=[], help="their heatmaps, in the same order")
    parser.add_argument("--val-rectified", type=Path, nargs="*", default=[], help="rectified .h5 to validate on")
    parser.add_argument("--val-heatmaps", type=Path, nargs="*", default=[], help="their heatmaps, in the same order")
    parser.add_argument("--init", nargs="?", help="weights to start from: a file or `release`")
    parser.add_argument("--state", type=Path, required=True, help="folder of the resume state and TensorBoard events")
    parser.add_argument(
        "--time-budget", type=float, metavar="SECONDS", help="end in time, cooled down, with the weights so far"
    )
    output(parser, "the weights (.safetensors); the curves are written beside them as .csv")
    settings(parser)
    device(parser)


def add_curves(stages) -> None:
    """`posegaussian curves`."""

    def run(args):
        from posegaussian.report.curves import draw_curves

        draw_curves(args.output, args.curves)

    parser = stage(stages, "curves", run, "Draw training curves.")
    parser.add_argument("curves", type=Path, nargs="+", help="curves .csv, in the order of the runs")
    output(parser, "the picture, .png or .svg")


def add_weights(stages) -> None:
    """`posegaussian weights`."""

    def run(args):
        from posegaussian.model.weights import find_weights
        from posegaussian.training.provenance import describe

        print(describe(find_weights(args.weights)))

    parser = stage(stages, "weights", run, "Tell what weights are, and how they were trained.")
    parser.add_argument("weights", nargs="?", default="release", help="a .safetensors file (default: those that ship)")
