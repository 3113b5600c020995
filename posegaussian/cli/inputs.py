"""Facts about files and the disk that the workflow needs before any job starts."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from posegaussian.config import Plan


class CaptureInputs(NamedTuple):
    """What the workflow needs to know about a user's capture: all its files, and whether all cameras have masks."""

    files: list[str]
    has_masks: bool


def capture_inputs(folder: Path, frames: str = "") -> CaptureInputs:
    """The files of a capture of any known layout.

    Args:
        folder: the capture.
        frames: START:STOP:STEP; empty: all.

    Raises:
        UserError: the capture cannot be read.
    """
    from posegaussian.captures.reading import read_capture
    from posegaussian.captures.sequences import FrameRange

    with warnings.catch_warnings(action="ignore"):  # rectification repeats them, in its log
        capture = read_capture(folder, frames=FrameRange.parse(frames) if frames else None)
    return CaptureInputs([str(path) for path in capture.files()], capture.masks.keys() >= capture.cameras.keys())


def disk_space(plan: Plan, jobs: Iterable[tuple[str, Mapping[str, str]]]) -> str:
    """A line about what jobs will write into results/, given as their rules and wildcards.

    Raises:
        UserError: it cannot fit on the disk.
    """
    from posegaussian.pipeline.disk_space import check_disk_space

    with warnings.catch_warnings(action="ignore"):
        return check_disk_space(plan, jobs, Path("results"))
