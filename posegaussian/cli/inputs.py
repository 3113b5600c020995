"""Facts about files and the disk that the workflow needs before any job starts."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

from posegaussian.config import Plan


def capture_files(folder: Path, frames: str = "") -> list[str]:
    """All files of a capture of any known layout.

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
    return [str(path) for path in capture.files()]


def disk_space(plan: Plan, jobs: Iterable[tuple[str, Mapping[str, str]]]) -> str:
    """A line about what jobs will write into results/, given as their rules and wildcards.

    Raises:
        UserError: it cannot fit on the disk.
    """
    from posegaussian.pipeline.disk_space import check_disk_space

    with warnings.catch_warnings(action="ignore"):
        return check_disk_space(plan, jobs, Path("results"))
