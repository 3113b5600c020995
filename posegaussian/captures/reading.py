"""The layouts of captures that can be read, and how one is told from another."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posegaussian.captures.capture import Capture
from posegaussian.captures.footage import FrameRange
from posegaussian.captures.formats import colmap, easymocap, gps_gaussian, nerfstudio, pose2sim, zju_mocap
from posegaussian.errors import CaptureError, ConfigError


@dataclass(frozen=True)
class Format:
    """A layout: what tells it from others, and its reader."""

    recognizes: Callable[[Path], bool]
    read: Callable[[Path, FrameRange | None], Capture]


FORMATS: dict[str, Format] = {
    easymocap.NAME: Format(easymocap.recognizes, easymocap.read_easymocap),
    zju_mocap.NAME: Format(zju_mocap.recognizes, zju_mocap.read_zju_mocap),
    gps_gaussian.NAME: Format(gps_gaussian.recognizes, gps_gaussian.read_gps_gaussian),
    nerfstudio.NAME: Format(nerfstudio.recognizes, nerfstudio.read_nerfstudio),
    colmap.NAME: Format(colmap.recognizes, colmap.read_colmap),
    pose2sim.NAME: Format(pose2sim.recognizes, pose2sim.read_pose2sim),
}
"""By name; the first that recognises a folder reads it."""


def read_capture(root: Path, format: str | None = None, frames: FrameRange | None = None) -> Capture:
    """Read a capture of any known layout.

    Args:
        root: its folder, or the file that describes it.
        format: a name of FORMATS; default: told from what lies in the folder.
        frames: which frames to take; default: all.

    Raises:
        CaptureError: no such folder or layout, or a camera or frame is missing.
        CalibrationError: a camera's calibration is missing or impossible.
    """
    if format is not None and format not in FORMATS:
        raise ConfigError(f"format {format!r} is not one of {', '.join(FORMATS)}", code="unknown-format")
    return FORMATS[format or detect(root)].read(root, frames)


def detect(root: Path) -> str:
    """The name of a folder's layout."""
    if not root.exists():
        raise CaptureError("no such folder", code="missing-folder", file=root)
    found = [name for name, layout in FORMATS.items() if layout.recognizes(root)]
    if not found:
        what = f"no capture of a known layout ({', '.join(FORMATS)})"
        raise CaptureError(
            what, code="unknown-layout", file=root, hint="docs/howto/captures.md tells what each one looks like"
        )
    return found[0]
