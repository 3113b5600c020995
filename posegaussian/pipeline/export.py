"""`posegaussian export`: splats frame after frame as .spz, and pictures, alpha, depth and a video along a camera path.

Every file appears whole, and a run that was interrupted goes on where it stopped: what lies in the folder already is
kept, as long as the folder was begun with the same splats, cameras and settings.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from posegaussian.config import ExportSettings, as_dict
from posegaussian.errors import ConfigError, UserError
from posegaussian.export.cameras import Shot, shots
from posegaussian.io import store
from posegaussian.io.atomic import whole_file
from posegaussian.io.ply import read_ply
from posegaussian.io.png import write_png
from posegaussian.io.spz import write_spz
from posegaussian.io.video_writer import write_video
from posegaussian.progress import progress
from posegaussian.rendering.reconstruct import picture, to_bytes
from posegaussian.types import Rendering

DEPTH_UNIT = 1e-4
"""Metres per step of a depth picture; 0 is nothing, all beyond 6.5 m is the last step."""
_MANIFEST = "export.json"


def export(
    splats: Path, output: Path, *, kinds: Sequence[str], path: str, rectified: Path | None, settings: ExportSettings
) -> None:
    """Write what is asked for below a folder: spz/, images/, alpha/, depth/ and video.mp4 (of images/).

    Args:
        splats: a .ply, or the folder of them that `render` wrote.
        output: the folder; an interrupted export into it is finished.
        kinds: spz, images, video, alpha, depth.
        path: `between` the source cameras, `orbit` about the person, or a .json of cameras.
        rectified: the rectified .h5 that the splats come from; not needed for spz, nor with a .json.
        settings: of path and pictures.

    Raises:
        UserError: there are no splats, or the folder holds another export.
        ConfigError: the cameras cannot be known or read.
    """
    files = sorted(splats.glob("*.ply")) if splats.is_dir() else [splats]
    if not files or not files[0].is_file():
        raise UserError(
            "no .ply here", code="missing-splats", file=splats, hint="give results/splats/MODEL/CAPTURE or a file in it"
        )
    pictured = [kind for kind in kinds if kind != "spz"]
    if pictured and rectified is None and not path.endswith(".json"):
        raise ConfigError(
            f"--path {path} needs to know the cameras",
            code="missing-cameras",
            hint="add --rectified, or give a .json of cameras",
        )
    _claim(output, files, path, rectified, settings)
    if "spz" in kinds:
        for file in progress(files, "spz"):
            target = output / "spz" / f"{file.stem}.spz"
            if not target.exists():
                write_spz(target, read_ply(file))
    if pictured:
        wanted = {"images" if kind == "video" else kind for kind in pictured}
        writers = {kind: writer for kind, writer in _WRITERS.items() if kind in wanted}
        _render(shots(path, files, rectified, settings), output, writers, settings.backend)
    if "video" in kinds:
        pictures = sorted((output / "images").glob("*.png"))
        write_video(output / "video.mp4", (np.asarray(Image.open(p)) for p in pictures), settings.fps)


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
        with whole_file(manifest) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _render(
    steps: Sequence[Shot], output: Path, writers: Mapping[str, Callable[[Path, Rendering], None]], backend: str
) -> None:
    file, gaussians = None, None
    for number, shot in enumerate(progress(steps, "export")):
        targets = {kind: output / kind / f"{number:06d}.png" for kind in writers}
        if all(target.exists() for target in targets.values()):
            continue
        if gaussians is None or file != shot.splats:
            file, gaussians = shot.splats, read_ply(shot.splats)
        rendering = picture(gaussians, shot.camera, backend)
        for kind, target in targets.items():
            writers[kind](target, rendering)


def _write_grey(path: Path, values: np.ndarray) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", values)[1].tobytes())


def _write_alpha(path: Path, rendering: Rendering) -> None:
    _write_grey(path, to_bytes(rendering.alphas)[..., 0])


def _write_depth(path: Path, rendering: Rendering) -> None:
    steps = torch.round(rendering.depths[0].double() / DEPTH_UNIT).clamp(0, 65535)
    _write_grey(path, steps.cpu().numpy().astype(np.uint16))


_WRITERS = {
    "images": lambda path, rendering: write_png(path, to_bytes(rendering.colors)),
    "alpha": _write_alpha,
    "depth": _write_depth,
}
