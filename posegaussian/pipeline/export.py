"""`posegaussian export`: the splats of every frame, and images and a video along a camera path, in other formats.

Each file is written completely or not at all. An interrupted export is continued by the same command: existing files
are kept if the folder was begun with the same splats, cameras and settings.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from posegaussian.config import ExportSettings, as_dict
from posegaussian.errors import ConfigError, UserError, look_up
from posegaussian.export.cameras import ExportView, export_views, needs_rectified
from posegaussian.export.sequence import SplatSequence, gaussians_of, read_splats
from posegaussian.io import store
from posegaussian.io.atomic import atomic_folder, check_folder, write_atomic
from posegaussian.names import natural_order
from posegaussian.progress import progress
from posegaussian.registry import EXPORT_FORMATS, ExportFormat, resolve
from posegaussian.rendering.reconstruct import render
from posegaussian.text import read_json

Formats = Mapping[str, ExportFormat]
"""Formats by name, which is also the name of their folder."""
_MANIFEST = "export.json"


def export(
    splats: Path, output: Path, *, kinds: Sequence[str], path: str, rectified: Path | None, settings: ExportSettings
) -> None:
    """Write the formats below a folder: one folder per format, and videos (of their images) beside them.

    The arguments are those of the command `export`.

    Raises:
        UserError: there are no splats, or the folder contains another export.
        ConfigError: a format is unknown, or the cameras are missing or cannot be read.
        ImportError: a format needs a package that is not installed.
    """
    files = splat_files(splats)
    formats = {kind: look_up(EXPORT_FORMATS, kind, "format", code="unknown-export") for kind in kinds}
    videos = _made_of("video", formats)
    views = _made_of("view", formats | {each.images: EXPORT_FORMATS[each.images] for each in videos.values()})
    cameras = _made_of("cameras", formats)
    _check_needs(formats, path, rectified)
    with _claimed(output, files, path, rectified, settings):
        shown = export_views(path, files, rectified, settings) if views or cameras else []
        _convert(files, output, _made_of("splats", formats), settings)
        for kind, each in _made_of("sequence", formats).items():
            if not (output / kind).exists():
                with atomic_folder(output / kind) as folder:
                    resolve(each.path)(folder, SplatSequence(files, settings.up, settings.fps, rectified))
        for kind, each in cameras.items():
            with atomic_folder(output / kind, replaces=["*"]) as folder:
                resolve(each.path)(folder, [view.camera for view in shown], settings.fps, settings.up)
        if views:
            _render(shown, output, views, settings.backend)
        for kind, each in videos.items():
            frames = (np.asarray(Image.open(path)) for path in sorted((output / each.images).glob("*.png")))
            resolve(each.path)(output / f"{kind}{each.suffix}", frames, settings.fps)
    for kind, each in formats.items():
        print(_place(output, kind, each))


def _check_needs(formats: Formats, path: str, rectified: Path | None) -> None:
    """Refuse formats that lack a package or the cameras, before anything is written."""
    for kind, each in formats.items():
        import_module(each.package)
        if rectified is None and each.rectified:
            hint = "add --rectified with the rectified .h5 that the splats were rendered from"
            raise ConfigError(f"--as {kind} needs the cameras", code="missing-cameras", hint=hint)
        if rectified is None and each.of in ("view", "video", "cameras") and needs_rectified(path):
            hint = "add --rectified, or give cameras of your own"
            raise ConfigError(f"--path {path} needs the cameras", code="missing-cameras", hint=hint)


def _place(output: Path, kind: str, format: ExportFormat) -> Path:
    """What to open: a video, the page in a folder, or the folder."""
    if format.of == "video":
        return output / f"{kind}{format.suffix}"
    page = output / kind / "index.html"
    return page if page.exists() else page.parent


def splat_files(splats: Path) -> list[Path]:
    """A .ply, or the .ply files of a folder in the natural order of their names.

    Raises:
        UserError: there is none.
    """
    files = [splats]
    if splats.is_dir():
        found = [path for path in splats.iterdir() if path.suffix.lower() == ".ply"]
        files = sorted(found, key=lambda path: natural_order(path.name))
    if not files or not files[0].is_file():
        raise UserError(
            "no .ply here", code="missing-splats", file=splats, hint="give results/splats/MODEL/CAPTURE or a file in it"
        )
    return files


def _made_of(what: str, formats: Formats) -> Formats:
    return {kind: each for kind, each in formats.items() if each.of == what}


@contextmanager
def _claimed(
    output: Path, files: Sequence[Path], path: str, rectified: Path | None, settings: ExportSettings
) -> Iterator[None]:
    """Record the inputs and settings in the folder; refuse one that holds anything else, or was begun with others.

    What an input that cannot be used leaves behind does not claim the folder: the record goes if nothing was written,
    and otherwise does not hold that input, so that a repaired one is taken.
    """
    inputs = [*files, *([rectified] if rectified else []), *_own_files(path)]
    for file in inputs:
        if not file.is_file():
            raise UserError("no such file", code="missing-input", file=file)
    record = {"inputs": {file.name: store.digest(file) for file in inputs}, "path": path, "settings": as_dict(settings)}
    manifest = output / _MANIFEST
    if began := not manifest.exists():
        check_folder(output, [f".{_MANIFEST}.*.part"])  # what a killed export left
    elif not _continues(manifest, record):
        raise UserError(
            "contains an export of other splats, cameras or settings",
            code="other-export",
            file=output,
            hint="choose a new folder",
        )
    write_atomic(manifest, _text(record))
    try:
        yield
    except UserError as error:
        if began and [*output.iterdir()] == [manifest]:
            manifest.unlink()
            output.rmdir()
        elif error.file and error.file.name in record["inputs"]:
            del record["inputs"][error.file.name]
            write_atomic(manifest, _text(record))
        raise


def _own_files(path: str) -> list[Path]:
    """The files of a path that the user gave."""
    own = Path(path)
    if needs_rectified(path):
        return []
    return [own / "cameras.txt", own / "images.txt"] if own.is_dir() else [own]


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1, sort_keys=True) + "\n"


def _continues(manifest: Path, record: Mapping[str, Any]) -> bool:
    """Whether a folder was begun with the same settings and inputs, as far as those were usable then."""
    try:
        begun = read_json(manifest)
        known = {name: record["inputs"].get(name) for name in begun["inputs"]}
        return {**record, "inputs": known} == begun
    except (ValueError, TypeError, KeyError, AttributeError):
        return False  # not written by an export


def _convert(files: Sequence[Path], output: Path, formats: Formats, settings: ExportSettings) -> None:
    for kind, each in formats.items():
        write, up = resolve(each.path), settings.file_up.get(kind, each.up)
        for file in progress(files, kind):
            target = output / kind / f"{file.stem}{each.suffix}"
            if not target.exists():
                write(target, gaussians_of(file, settings.up, up))


def _render(views: Sequence[ExportView], output: Path, formats: Formats, backend: str) -> None:
    writers = {kind: resolve(each.path) for kind, each in formats.items()}
    file, gaussians = None, None
    for number, view in enumerate(progress(views, "export")):
        targets = {kind: output / kind / f"{number:06d}{each.suffix}" for kind, each in formats.items()}
        if all(target.exists() for target in targets.values()):
            continue
        if gaussians is None or file != view.splats:
            file, gaussians = view.splats, read_splats(view.splats)
        rendering = render(gaussians, view.camera, backend=backend)
        for kind, target in targets.items():
            writers[kind](target, rendering)
