"""A capture from disk, in any of the known layouts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from posegaussian.captures.capture import Capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CaptureError, look_up
from posegaussian.registry import CAPTURE_FORMATS, Entry, resolve

_DEEPEST = 3
"""Folders from a calibration file up to its capture: sparse/0/cameras.txt, parm/SAMPLE/0_intrinsic.npy."""


@runtime_checkable
class Format(Protocol):
    """Interface of the module of a layout."""

    def recognizes(self, root: Path) -> bool:
        """Whether a folder, or a file, has this layout."""
        ...

    def read(self, root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
        """The capture, with all frames or those of a range; of the cameras that are asked for, or all."""
        ...


def read_capture(
    root: str | Path,
    format: str | None = None,
    frames: FrameRange | None = None,
    *,
    cameras: Sequence[str] = (),
    held_out: Sequence[str] = (),
) -> Capture:
    """Read a capture of any known layout.

    Args:
        root: its folder, or the file that describes it.
        format: a key of `registry.CAPTURE_FORMATS`; default: detected from the files in the folder.
        frames: which frames to read; default: all.
        cameras: the cameras to keep, besides the held-out ones; files of the others are not looked for. Default: all.
        held_out: cameras that renders are only compared with; default: those that the capture names.

    Raises:
        ConfigError: no such format.
        CaptureError: no such folder or layout, or a camera or frame is missing.
        CalibrationError: a camera's calibration is missing or impossible.

    Examples:
        >>> import posegaussian as pg
        >>> capture = pg.read_capture("capture")
        >>> images, masks, cameras = capture.views(capture.sources[:2], capture.frames[0])
        >>> images[0].shape == (cameras[0].height, cameras[0].width, 3)
        True
    """
    given = Path(root)
    if format is not None:
        look_up(CAPTURE_FORMATS, format, "format", code="unknown-format")
    asked = (*cameras, *held_out) if cameras else ()
    try:
        found, place = detect_format(given, format)
        capture = load_format(CAPTURE_FORMATS[found]).read(place, frames, asked).with_roles(cameras, held_out)
    except OSError as error:  # a path that is too long, a folder that may not be read, a disk that fails
        what = f"cannot be read ({(error.strerror or str(error)).lower()})"
        raise CaptureError(what, code="unreadable-file", file=error.filename or given) from None
    if place != given and not _has_calibration(given, capture):
        what = f"no calibration of a known layout, though it lies in a capture of the layout {found}"
        raise CaptureError(what, code="unknown-layout", file=given, hint=f"give the capture's folder, {place}")
    return capture


def detect_format(root: Path, format: str | None = None) -> tuple[str, Path]:
    """Name of the layout, the first of `registry.CAPTURE_FORMATS` that recognises a capture, and what is to be read.

    That is `root`, or the folder of a capture that `root` is a file or a folder of.

    Args:
        root: the capture's folder, or a file or folder in it.
        format: the only layout that is tried; default: all.

    Raises:
        CaptureError: there is no such folder, or no layout recognises it.
    """
    if not root.exists():
        what = "no such file" if root.suffix else "no such folder"
        raise CaptureError(what, code="missing-folder", file=root)
    tried = {name: load_format(entry) for name, entry in CAPTURE_FORMATS.items() if format in (None, name)}
    above = [*root.parents, *([] if root.is_absolute() else Path.cwd().parents)]
    for place in (root, *above[:_DEEPEST]):
        for name, layout in tried.items():
            if layout.recognizes(place):
                return name, place
    if format is not None and root.is_dir():
        return format, root  # its reader says what is missing
    what = f"no capture of a known layout ({', '.join(tried)})"
    raise CaptureError(what, code="unknown-layout", file=root, hint="docs/howto/captures.md describes them")


def _has_calibration(given: Path, capture: Capture) -> bool:
    """Whether a file or folder is or holds a calibration file of the capture."""
    place = given.resolve()
    return any(place in (file, *file.parents) for file in (path.resolve() for path in capture.calibration_files))


def load_format(entry: Entry) -> Format:
    """The module of a layout, imported when it is needed."""
    return cast(Format, resolve(entry.path))
