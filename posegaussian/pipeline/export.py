"""`posegaussian export`: splats frame after frame, and images and a video along a camera path, in other formats.

Every file appears whole, and a run that was interrupted goes on where it stopped: what lies in the folder already is
kept, as long as the folder was begun with the same splats, cameras and settings.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from posegaussian.config import ExportSettings, as_dict
from posegaussian.errors import ConfigError, UserError, look_up
from posegaussian.export.cameras import ExportView, export_views
from posegaussian.io import store
from posegaussian.io.atomic import write_atomic
from posegaussian.io.ply import read_ply
from posegaussian.progress import progress
from posegaussian.registry import EXPORT_FORMATS, ExportFormat, resolve
from posegaussian.rendering.reconstruct import render

Formats = Mapping[str, ExportFormat]
"""By name; the name is that of the folder."""
_MANIFEST = "export.json"


def export(
    splats: Path, output: Path, *, kinds: Sequence[str], path: str, rectified: Path | None, settings: ExportSettings
) -> None:
    """Write what is asked for below a folder: one folder a format, and videos (of images/) beside them.

    Args:
        splats: a .ply, or the folder of them that `render` wrote.
        output: the folder; an interrupted export into it is finished.
        kinds: names of `registry.EXPORT_FORMATS`.
        path: `between` the source cameras, `orbit` about the person, or a .json of cameras.
        rectified: the rectified .h5 that the splats come from; not needed for formats of splats, nor with a .json.
        settings: of path and images.

    Raises:
        UserError: there are no splats, or the folder holds another export.
        ConfigError: no such format, or the cameras cannot be known or read.
    """
    files = sorted(splats.glob("*.ply")) if splats.is_dir() else [splats]
    if not files or not files[0].is_file():
        raise UserError(
            "no .ply here", code="missing-splats", file=splats, hint="give results/splats/MODEL/CAPTURE or a file in it"
        )
    formats = {kind: look_up(EXPORT_FORMATS, kind, "format", code="unknown-export") for kind in kinds}
    videos = _made_of("video", formats)
    views = _made_of("view", formats | ({"images": EXPORT_FORMATS["images"]} if videos else {}))
    if views and rectified is None and not path.endswith(".json"):
        raise ConfigError(
            f"--path {path} needs to know the cameras",
            code="missing-cameras",
            hint="add --rectified, or give a .json of cameras",
        )
    _claim(output, files, path, rectified, settings)
    _convert(files, output, _made_of("splats", formats))
    if views:
        _render(export_views(path, files, rectified, settings), output, views, settings.backend)
    for kind, each in videos.items():
        images = sorted((output / "images").glob("*.png"))
        resolve(each.path)(output / f"{kind}{each.suffix}", (np.asarray(Image.open(p)) for p in images), settings.fps)


def _made_of(what: str, formats: Formats) -> Formats:
    return {kind: each for kind, each in formats.items() if each.of == what}


def _claim(output: Path, files: Sequence[Path], path: str, rectified: Path | None, settings: ExportSettings) -> None:
    """Note in the folder what it is exported from; refuse one that was begun with something else."""
    inputs = [*files, *([rectified] if rectified else []), *([Path(path)] if path.endswith(".json") else [])]
    for file in inputs:
        if not file.is_file():
            raise UserError("no such file", code="missing-input", file=file)
    whole = {"inputs": {file.name: store.digest(file) for file in inputs}, "path": path, "settings": as_dict(settings)}
    text = json.dumps(whole, indent=1, sort_keys=True) + "\n"
    manifest = output / _MANIFEST
    if manifest.exists() and manifest.read_text(encoding="utf-8") != text:
        raise UserError(
            "holds an export of other splats, cameras or settings",
            code="other-export",
            file=output,
            hint="name a new folder",
        )
    if not manifest.exists():
        write_atomic(manifest, text)


def _convert(files: Sequence[Path], output: Path, formats: Formats) -> None:
    for kind, each in formats.items():
        write = resolve(each.path)
        for file in progress(files, kind):
            target = output / kind / f"{file.stem}{each.suffix}"
            if not target.exists():
                write(target, read_ply(file))


def _render(steps: Sequence[ExportView], output: Path, formats: Formats, backend: str) -> None:
    writers = {kind: resolve(each.path) for kind, each in formats.items()}
    file, gaussians = None, None
    for number, view in enumerate(progress(steps, "export")):
        targets = {kind: output / kind / f"{number:06d}{each.suffix}" for kind, each in formats.items()}
        if all(target.exists() for target in targets.values()):
            continue
        if gaussians is None or file != view.splats:
            file, gaussians = view.splats, read_ply(view.splats)
        rendering = render(gaussians, view.camera, backend=backend)
        for kind, target in targets.items():
            writers[kind](target, rendering)
