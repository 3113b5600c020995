"""Commands that render, export and show novel views."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from posegaussian import config
from posegaussian.cli.arguments import Device, Output, Port, Settings, Whole, check_person, naming, one_of
from posegaussian.errors import ConfigError
from posegaussian.registry import EXPORT_FORMATS, RASTERIZERS

_AS = Parameter(name="--as", consume_multiple=1)
_RECTIFIED = Parameter(group=Group("A rectified capture", sort_key=1))
_FOLDER = Parameter(group=Group("Views of a capture folder", sort_key=2))


def render(
    input: Path,
    /,
    *,
    weights: str = "release",
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    video: Path | None = None,
    frames: Path | None = None,
    splats: Path | None = None,
    no_stabilizer: bool = False,
    heatmaps: Annotated[Path | None, _RECTIFIED] = None,
    source: Annotated[tuple[str, str] | None, _FOLDER, Parameter(metavar="A B")] = None,
    ratio: Annotated[float | None, _FOLDER] = None,
    frame: Annotated[str | None, _FOLDER, Parameter(metavar="N or START:STOP:STEP")] = None,
    person: Annotated[Whole | None, _FOLDER] = None,
    settings: "Annotated[Settings, naming('backend', RASTERIZERS)]" = None,
    device: Device = "auto",
) -> None:
    """Render novel views: of a rectified capture (.h5), or of a capture folder: one view, or a video of its frames.

    Args:
        input: a rectified .h5, or a capture folder, or its calibration file
        weights: a .safetensors file, or `release`: the included weights
        output: the renders .h5; for one view of a capture folder the image, .png (default: novel.png)
        video: an .mp4 along the path between the cameras
        frames: a folder for the images of that path as .png files
        splats: a folder for the Gaussians of every frame as .ply
        no_stabilizer: reconstruct every frame on its own, without temporal state
        heatmaps: the heatmaps .h5 of the capture
        source: the two source cameras, by name or index (default: 0 1)
        ratio: position of the view: 0 is camera A, 1 is camera B (default: 0.5; for a video from A to B and back)
        frame: frame number of one view (default: the first), or the frames of a video (default: all)
        person: where masks are not given: which of several people in the first frame; 1 is the nearest to the rig's
            centre
    """
    from posegaussian.captures.sequences import FrameRange
    from posegaussian.io.store_reader import is_store
    from posegaussian.model.weights import weights_path

    chosen = FrameRange.parse(frame) if frame else None
    _check_folder(frames)
    found = weights_path(weights)
    written = {"video": video, "frames": frames, "splats": splats}
    if is_store(input):
        from posegaussian.pipeline.render import render_capture

        what, hint = "is for a capture folder, but this is a rectified .h5", "give the capture's folder"
        _refuse_unused(input, {"source": source, "ratio": ratio, "frame": frame, "person": person}, what, hint)
        render_capture(
            input,
            heatmaps=heatmaps,
            weights=found,
            output=output,
            **written,
            settings=config.load_settings(config.RenderSettings, settings),
            device=device,
            stabilizer=not no_stabilizer,
        )
        return
    what, hint = "is for a rectified .h5, but this is a capture folder", "rectify the capture and render the .h5"
    _refuse_unused(input, {"heatmaps": heatmaps}, what, hint)
    which = 1 if person is None else person
    check_person(which)
    view = config.load_settings(config.ViewSettings, settings)
    common = {"weights": found, "sources": source or ("0", "1"), "settings": view, "device": device, "number": which}
    if any(written.values()):
        from posegaussian.pipeline.render_footage import render_footage

        what, hint = "is for one view, but this is a video", "name the files with --video, --frames and --splats"
        _refuse_unused(input, {"output": output}, what, hint)
        render_footage(input, ratio=ratio, numbers=chosen, stabilizer=not no_stabilizer, **written, **common)
    else:
        from posegaussian.pipeline.render_view import render_view

        what, hint = "is for a video, but this is one view", "write a video with --video"
        _refuse_unused(input, {"no-stabilizer": no_stabilizer or None}, what, hint)
        single = None if frame is None else _frame_number(frame)
        render_view(input, ratio=0.5 if ratio is None else ratio, frame=single, output=output, **common)


def _frame_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        what, hint = f"--frame {text!r} is not the number of one frame", "write a video of several frames with --video"
        raise ConfigError(what, code="invalid-frame", hint=hint) from None


def _check_folder(frames: Path | None) -> None:
    """Raise a ConfigError if the folder for images is a range of frames, which --frames takes in other commands."""
    if frames and re.fullmatch(r"-?\d*(:-?\d*){1,2}", str(frames)):
        what, hint = f"--frames {str(frames)!r} is a range of frames, not a folder", f"choose with --frame {frames}"
        raise ConfigError(what, code="range-as-folder", hint=hint)


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


def view(source: Path, /, *, host: str = "127.0.0.1", port: Port = 8080) -> None:
    """Show splats in the browser (needs the extra `viewer`).

    Args:
        source: a .ply, or a folder of them
        host: address to listen on; the default is reachable from this machine alone
        port: port to listen on
    """
    from posegaussian.pipeline.view import view

    view(source, host, port)
