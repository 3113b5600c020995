"""From cameras to what the network reads: captures, rectification, heatmaps."""

from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import output, settings, stage


def add_captures(stages) -> None:
    """`posegaussian captures`."""

    def run(args):
        from posegaussian.captures.synthetic.write import write_capture

        write_capture(args.seed, args.output, config.load_settings(config.BuiltinSettings, args.settings))

    parser = stage(stages, "captures", run, "Photograph a built-in synthetic person into a capture folder.")
    parser.add_argument("--seed", type=int, required=True, help="which person")
    output(parser, "the capture folder")
    settings(parser)


def add_rectify(stages) -> None:
    """`posegaussian rectify`."""

    def run(args):
        from posegaussian.captures.rectify import rectify_capture

        settings = config.load_settings(config.RectifySettings, args.settings)
        pairs = [tuple(pair.split(",")) for pair in args.pairs] if args.pairs else None
        rectify_capture(args.capture, args.output, settings, pairs=pairs)

    parser = stage(stages, "rectify", run, "Rectify the stereo pairs of a capture.")
    parser.add_argument("capture", type=Path, help="a capture folder (EasyMocap layout)")
    parser.add_argument("--pairs", nargs="*", metavar="A,B", help="source pairs by camera name (default: neighbours)")
    output(parser, "the rectified .h5")
    settings(parser)


def add_heatmaps(stages) -> None:
    """`posegaussian heatmaps`."""

    def run(args):
        from posegaussian.pose.extract import extract_heatmaps

        extract_heatmaps(args.rectified, args.output, config.load_settings(config.DetectorSettings, args.settings))

    parser = stage(stages, "heatmaps", run, "Detect 2D joints with MMPose (run it in the MMPose environment).")
    parser.add_argument("rectified", type=Path, help="a rectified .h5")
    output(parser, "the heatmaps .h5")
    settings(parser)
