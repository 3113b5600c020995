"""What the workflow asks about a user's files before any job starts."""

import warnings
from pathlib import Path


def capture_files(folder: Path, frames: str = "") -> list[str]:
    """Every file that the reader of a capture names, whatever its layout.

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
