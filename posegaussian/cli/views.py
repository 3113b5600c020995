"""Commands that render, export and show novel views."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from posegaussian import config
from posegaussian.cli.arguments import Device, Output, Settings, Whole, naming, one_of
from posegaussian.errors import ConfigError
from posegaussian.registry import EXPORT_FORMATS, RASTERIZERS

_AS = Parameter(name="--as", consume_multiple=1)
_WHOLE = Parameter(group=Group("A whole capture", sort_key=1))
_SINGLE = Parameter(group=Group("One view of a capture folder", sort_key=2))


def render(
    input: Path,
    /,
    *,
    weights: str = "release",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    heatmaps: Annotated[Path | None, _WHOLE] = None,
    video: Annotated[Path | None, _WHOLE] = None,
    frames: Annotated[Path | None, _WHOLE] = None,
    splats: Annotated[Path | None, _WHOLE] = None,
    no_stabilizer: Annotated[bool, _WHOLE] = False,
    source: Annotated[tuple[str, str] | None, _SINGLE, Parameter(metavar="A B")] = None,
    ratio: Annotated[float | None, _SINGLE] = None,
    frame: Annotated[Whole | None, _SINGLE] = None,
    settings: "Annotated[Settings, naming('backend', RASTERIZERS)]" = None,
    device: Device = "auto",
) -> None:
    """Render novel views: of a whole rectified capture (.h5), or one view of a capture folder.

    Args:
        input: a rectified .h5, or a capture folder, or its calibration file
        weights: a .safetensors file, or `release`: the included weights
        output: the renders .h5; for a capture folder the image, .png (default: novel.png)
        heatmaps: the heatmaps .h5 of the capture
        video: also write an .mp4 along the path between the cameras
        frames: also write that path as .png files into this folder
        splats: also write the Gaussians of every frame as .ply into this folder
        no_stabilizer: reconstruct every frame on its own, without temporal state
        source: the two source cameras, by name or index (default: 0 1)
        ratio: position of the view: 0 is camera A, 1 is camera B (default: 0.5)
        frame: frame number (default: the first)
    """
    from posegaussian.io.store_reader import is_store
    from posegaussian.model.weights import weights_path

    found = weights_path(weights)
    if not is_store(input):
        from posegaussian.pipeline.render_view import render_view

        whole = {"heatmaps": heatmaps, "video": video, "frames": frames, "splats": splats}
        _refuse_unused(
            input,
            whole | {"no-stabilizer": no_stabilizer or None},
            "is for a whole rectified .h5, but this is a capture of which one view is rendered",
            "rectify the capture and render the .h5",
        )
        render_view(
            input,
            weights=found,
            sources=source or ("0", "1"),
            ratio=0.5 if ratio is None else ratio,
            frame=frame,
            output=output,
            settings=config.load_settings(config.ViewSettings, settings),
            device=device,
        )
    else:
        from posegaussian.pipeline.render import render_capture

        _refuse_unused(
            input,
            {"source": source, "ratio": ratio, "frame": frame},
            "is for one view of a capture folder, but this is a rectified .h5 that is rendered whole",
            "give the capture's folder",
        )
        render_capture(
            input,
            heatmaps=heatmaps,
            weights=found,
            output=output,
            video=video,
            frames=frames,
            splats=splats,
            settings=config.load_settings(config.RenderSettings, settings),
            device=device,
            stabilizer=not no_stabilizer,
        )


def _refuse_unused(input: Path, options: Mapping[str, object], what: str, hint: str) -> None:
    """Raise a ConfigError if an option is given that this kind of input does not use."""
    for option, value in options.items():
        if value is not None:
            raise ConfigError(f"--{option} {what}", code="unused-option", file=input, hint=hint)


def export(
    splats: Path,
    /,
    *,
    output: Output,
    kinds: "Annotated[tuple[str, ...], _AS, one_of(EXPORT_FORMATS, 'what is written')]" = ("spz",),
    path: str = "between",
    rectified: Path | None = None,
    settings: "Annotated[Settings, naming('backend', RASTERIZERS)]" = None,
) -> None:
    """Export splats in other formats, and images of them along a camera path.

    Args:
        splats: a .ply, or a folder of them: results/splats/MODEL/CAPTURE
        output: the folder to write to; an interrupted export is continued
        path: between (the source cameras), orbit, or your cameras: a .json, nerfstudio's transforms.json, a folder of
            COLMAP's text files, or OpenUSD
        rectified: the rectified .h5 of the capture, for the positions of its cameras
    """
    from posegaussian.pipeline.export import export

    loaded = config.load_settings(config.ExportSettings, settings)
    export(splats, output, kinds=kinds, path=path, rectified=rectified, settings=loaded)


def view(source: Path, /, *, host: str = "127.0.0.1", port: Whole = 8080) -> None:
    """Show splats in the browser (needs the extra `viewer`).

    Args:
        source: a .ply, or a folder of them
        host: address to listen on; the default is reachable from this machine alone
        port: port to listen on
    """
    from posegaussian.pipeline.view import view

    view(source, host, port)
