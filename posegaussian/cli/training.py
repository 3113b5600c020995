"""Training."""

from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import device, output, settings, stage
from posegaussian.errors import ConfigError


def _together(rectified: list[Path], heatmaps: list[Path]) -> list[tuple[Path, Path]]:
    if len(rectified) != len(heatmaps):
        raise ConfigError(f"{len(rectified)} rectified files but {len(heatmaps)} heatmap files; give one each")
    return list(zip(rectified, heatmaps, strict=True))


def add_train(stages) -> None:
    """`posegaussian train`."""

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
            time_budget=args.time_budget,
        )

    parser = stage(stages, "train", run, "Train a model: stage depth, then stage full.")
    parser.add_argument("stage", choices=("depth", "full"))
    parser.add_argument("--rectified", type=Path, nargs="*", default=[], help="rectified .h5 to learn from")
    parser.add_argument("--heatmaps", type=Path, nargs="*", default=[], help="their heatmaps, in the same order")
    parser.add_argument("--val-rectified", type=Path, nargs="*", default=[], help="rectified .h5 to validate on")
    parser.add_argument("--val-heatmaps", type=Path, nargs="*", default=[], help="their heatmaps, in the same order")
    parser.add_argument("--init", type=Path, nargs="?", help="weights to start from (stage full: those of stage depth)")
    parser.add_argument("--state", type=Path, required=True, help="folder of the resume state and TensorBoard events")
    parser.add_argument(
        "--time-budget", type=float, metavar="SECONDS", help="end in time, cooled down, with the weights so far"
    )
    output(parser, "the weights (.safetensors); the curves are written beside them as .csv")
    settings(parser)
    device(parser)
