"""Room on the disk, before something large is written. Standard library only."""

import shutil
from pathlib import Path

from posegaussian.errors import StoreError, warn

_CERTAIN = 0.5
"""An estimate of sizes on disk is right within a factor of two, so this share of it is certainly needed."""
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def free_bytes(path: str | Path) -> int:
    """Bytes that may still be written to a folder or beside a file, neither of which needs to exist."""
    path = Path(path).absolute()
    return shutil.disk_usage(next(each for each in (path, *path.parents) if each.exists())).free


def ensure_room(path: str | Path, expected: int | float) -> None:
    """Warn where a disk may be too small for what is about to be written.

    Args:
        path: the file or folder to write.
        expected: its estimated size, bytes.

    Raises:
        StoreError: not even half of it fits.
    """
    free = free_bytes(path)
    what = f"about {readable(expected)} are needed here, {readable(free)} are free"
    if _CERTAIN * expected > free:
        raise StoreError(what, code="no-room", file=path, hint="make room, or write to another disk")
    if expected > free:
        warn(what, code="little-room", file=path, hint="it may not fit")


def readable(size: int | float) -> str:
    """A size in bytes for people: `1.5 GB`."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == _UNITS[0] or size >= 10 else f"{size:.1f} {unit}"
