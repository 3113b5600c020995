"""Novel views: rendering them and looking at them."""

from pathlib import Path

from posegaussian import config
from posegaussian.cli.arguments import device, output, settings, stage


def add_render(stages) -> None:
    """`posegaussian render`."""

    def run(args):
        from posegaussian.model.weights import find_weights

        weights = find_weights(args.weights)
        if args.input.is_dir():
            from posegaussian.pipeline.render_view import render_view

            render_view(
                args.input,
                weights=weights,
                sources=tuple(args.source),
                ratio=args.ratio,
                frame=args.frame,
                output=args.output,
                pose_python=args.pose_python,
                settings=config.load_settings(config.ViewSettings, args.settings),
                device=args.device,
            )
        else:
            from posegaussian.pipeline.render import render_capture

            render_capture(
                args.input,
                heatmaps=args.heatmaps,
                weights=weights,
                output=args.output,
                video=args.video,
                frames=args.frames,
                splats=args.splats,
                settings=config.load_settings(config.RenderSettings, args.settings),
                device=args.device,
                stabilizer=args.stabilizer,
            )

    summary = "Render novel views: of a whole rectified capture (.h5), or one view of a capture folder."
    parser = stage(stages, "render", run, summary)
    parser.add_argument("input", type=Path, help="a rectified .h5, or a capture folder")
    parser.add_argument("--weights", default="release", help="a .safetensors file (default: those that ship here)")
    parser.add_argument("-o", "--output", type=Path, help="renders .h5; of a folder: a .png (default: novel.png)")
    whole = parser.add_argument_group("a whole capture")
    whole.add_argument("--heatmaps", type=Path, help="its heatmaps .h5")
    whole.add_argument("--video", type=Path, help="also write an .mp4 along the path between the cameras")
    whole.add_argument("--frames", type=Path, help="also write that path as .png files into this folder")
    whole.add_argument("--splats", type=Path, help="also write the Gaussians of every frame as .ply into this folder")
    whole.add_argument(
        "--no-stabilizer", dest="stabilizer", action="store_false", help="reconstruct every frame by itself"
    )
    single = parser.add_argument_group("one view of a capture folder")
    single.add_argument("--source", nargs=2, default=("0", "1"), metavar=("A", "B"), help="cameras, by name or index")
    single.add_argument("--ratio", type=float, default=0.5, help="0: at camera A, 1: at camera B (default: 0.5)")
    single.add_argument("--frame", type=int, help="frame number (default: the first)")
    single.add_argument("--pose-python", type=Path, help="the MMPose environment's python")
    settings(parser)
    device(parser)


def add_export(stages) -> None:
    """`posegaussian export`."""
    kinds = ("spz", "images", "video", "alpha", "depth")

    def run(args):
        from posegaussian.pipeline.export import export

        settings = config.load_settings(config.ExportSettings, args.settings)
        export(args.splats, args.output, kinds=args.kinds, path=args.path, rectified=args.rectified, settings=settings)

    summary = "Export splats as .spz, and pictures, alpha, depth and a video of them along a camera path."
    parser = stage(stages, "export", run, summary)
    parser.add_argument("splats", type=Path, help="a .ply, or a folder of them: results/splats/MODEL/CAPTURE")
    output(parser, "the folder to write to; an interrupted export into it is finished")
    parser.add_argument("--as", dest="kinds", nargs="+", choices=kinds, default=["spz"], help="what (default: spz)")
    parser.add_argument("--path", default="between", help="between, orbit, or a .json of cameras (default: between)")
    parser.add_argument("--rectified", type=Path, help="the rectified .h5 of the capture: where its cameras stand")
    settings(parser)


def add_view(stages) -> None:
    """`posegaussian view`."""

    def run(args):
        from posegaussian.pipeline.view import view

        view(args.source, args.host, args.port)

    parser = stage(stages, "view", run, "Look at splats in the browser (needs the extra `viewer`).")
    parser.add_argument("source", type=Path, help="a .ply, or a folder of them")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: 8080)")
