"""From cameras to what the network reads: captures, rectification, heatmaps."""

from dataclasses import replace
from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import output, settings, stage
from posegaussian.errors import ConfigError


def add_captures(stages) -> None:
    """`posegaussian captures`."""

    def run(args):
        settings = config.load_settings(config.BuiltinSettings, args.settings)
        if args.scan:
            from posegaussian.synthetic.scans import photograph_scan

            photograph_scan(args.scan, args.output, settings)
        else:
            from posegaussian.synthetic.dataset.write import write_capture

            write_capture(args.seed, args.output, settings)

    parser = stage(stages, "captures", run, "Photograph a built-in synthetic person, or a scan, into a capture folder.")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--seed", type=int, help="which synthetic person")
    who.add_argument("--scan", type=Path, help="a folder with a textured mesh: one .obj and its picture")
    output(parser, "the capture folder")
    settings(parser)


def add_people(stages) -> None:
    """`posegaussian people`."""

    def run(args):
        from posegaussian.synthetic.dataset.contact import contact_sheet

        people = config.load_settings(config.PeopleSettings, args.settings)
        contact_sheet(_seeds(args.seeds), args.sheet, people, args.size, args.frames)

    parser = stage(stages, "people", run, "Photograph synthetic people on one contact sheet, to look at.")
    parser.add_argument("--sheet", type=Path, required=True, help="the picture, .png or .jpg")
    parser.add_argument("--seeds", default="1-64", help="who, as A-B (default: 1-64)")
    parser.add_argument("--size", type=int, default=384, help="height of each picture, pixels (default: 384)")
    parser.add_argument("--frames", type=int, default=1, help="moments of each person, side by side (default: 1)")
    settings(parser)


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and int(first) <= int(last or first)):
        raise ConfigError(f"--seeds: {text!r} is not A-B with A <= B", code="invalid-range")
    return range(int(first), int(last or first) + 1)


def add_fetch(stages) -> None:
    """`posegaussian fetch`."""

    def run(args):
        from posegaussian.pipeline.fetch import fetch_pose2sim

        fetch_pose2sim(args.output, args.wheel)

    parser = stage(stages, "fetch", run, "Fetch real footage into a capture folder.")
    parser.add_argument("footage", choices=["pose2sim"], help="pose2sim: that package's demo (BSD-3), through pip")
    parser.add_argument("--wheel", type=Path, help="the package's .whl, where it is already here")
    output(parser, "the capture folder")


def add_rectify(stages) -> None:
    """`posegaussian rectify`."""

    def run(args):
        from posegaussian.captures.footage import FrameRange
        from posegaussian.preparation.rectification import rectify_capture

        settings = config.load_settings(config.RectifySettings, args.settings)
        frames = FrameRange.parse(args.frames) if args.frames else None
        pairs = _pairs(args.pairs) or None
        rectify_capture(args.capture, args.output, settings, pairs=pairs, frames=frames, compared=args.targets)

    parser = stage(stages, "rectify", run, "Rectify the stereo pairs of a capture.")
    parser.add_argument("capture", type=Path, help="a capture folder of any known layout")
    _selection(parser)
    output(parser, "the rectified .h5")
    settings(parser)


def add_import(stages) -> None:
    """`posegaussian import`."""

    def run(args):
        from posegaussian.captures.diagnostics import inverted
        from posegaussian.captures.footage import FrameRange
        from posegaussian.captures.reading import read_capture
        from posegaussian.pipeline.import_capture import import_capture

        frames = FrameRange.parse(args.frames) if args.frames else None
        capture = read_capture(args.source, args.format, frames).with_roles(args.cameras, args.targets)
        if args.camera_to_world:
            cameras = {name: inverted(camera) for name, camera in capture.cameras.items()}
            capture = replace(capture, cameras=cameras)
        import_capture(capture, args.output, pairs=_pairs(args.pairs), scale=args.scale, copy=args.copy)
        cameras, frames = len(capture.cameras), len(capture.frames)
        print(f"{args.output}: {cameras} cameras x {frames} frames, read as {capture.format}")

    parser = stage(stages, "import", run, "Bring a capture of any known layout into the canonical one.")
    parser.add_argument("source", type=Path, help="its folder, or the file that describes it")
    parser.add_argument("--format", help="its layout (default: told from what lies there)")
    parser.add_argument("--cameras", nargs="*", default=[], metavar="A", help="only these (default: all)")
    _selection(parser)
    parser.add_argument("--scale", type=float, default=1.0, help="metres per unit of its world (0.001: millimetres)")
    parser.add_argument("--camera-to-world", action="store_true", help="its poses are the other way round: invert them")
    parser.add_argument("--copy", action="store_true", help="copy the files (default: link them)")
    output(parser, "the new capture folder")


def _selection(parser) -> None:
    parser.add_argument("--pairs", nargs="*", metavar="A,B", help="source pairs by camera name (default: neighbours)")
    parser.add_argument("--frames", metavar="START:STOP:STEP", help="frame numbers, as in a Python slice")
    parser.add_argument("--targets", nargs="*", default=[], metavar="A", help="cameras that are only compared with")


def _pairs(named: list[str] | None) -> list[tuple[str, ...]]:
    return [tuple(pair.split(",")) for pair in named or ()]


def add_inspect(stages) -> None:
    """`posegaussian inspect`."""

    def run(args):
        from posegaussian.captures.footage import FrameRange
        from posegaussian.report.inspection import write_inspection

        said = write_inspection(
            args.capture,
            args.output,
            config.load_settings(config.RectifySettings, args.settings),
            format=args.format,
            pairs=_pairs(args.pairs),
            frames=FrameRange.parse(args.frames) if args.frames else None,
            pose_python=args.pose_python,
        )
        print("\n".join([*said, f"{args.output}: {len(said)} warnings"]))

    parser = stage(stages, "inspect", run, "Write a page about a capture: rig, masks, epipolar lines, warnings.")
    parser.add_argument("capture", type=Path, help="a capture folder of any known layout")
    parser.add_argument("--format", help="its layout (default: told from what lies there)")
    parser.add_argument("--pairs", nargs="*", metavar="A,B", help="source pairs by camera name (default: neighbours)")
    parser.add_argument("--frames", metavar="START:STOP:STEP", help="frame numbers; the first one is shown")
    parser.add_argument("--pose-python", type=Path, help="the MMPose environment's python, for heatmaps")
    output(parser, "the .html page")
    settings(parser)


def add_heatmaps(stages) -> None:
    """`posegaussian heatmaps`."""

    def run(args):
        from posegaussian.pose.detectors.mmpose import extract_heatmaps

        extract_heatmaps(args.rectified, args.output, config.load_settings(config.DetectorSettings, args.settings))

    parser = stage(stages, "heatmaps", run, "Detect 2D joints with MMPose (run it in the MMPose environment).")
    parser.add_argument("rectified", type=Path, help="a rectified .h5")
    output(parser, "the heatmaps .h5")
    settings(parser)
