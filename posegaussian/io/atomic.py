"""Atomic writing: files and folders appear under their names only when they are complete. Standard library only.

A writer works on a temporary name beside the target, `.NAME.xxxxxxxx.part`, and renames it at the end. It holds an
advisory lock on the temporary until its process ends, for whatever reason. The next writer of the same target, on any
machine, removes the temporaries that nobody holds a lock on. On a file system without locks, leftovers stay.
"""

import errno
import fcntl
import glob
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from posegaussian.errors import StoreError

_HINTS = {
    errno.ENOSPC: "make room and run again",
    errno.EDQUOT: "make room and run again",
    errno.EFBIG: "raise the limit on the size of files and run again",
    errno.EROFS: "write to another folder",
    errno.EACCES: "write to another folder, or change its permissions",
    errno.EPERM: "write to another folder, or change its permissions",
    errno.ENOTDIR: "write to another folder",
    errno.EEXIST: "write to another folder",
    errno.EISDIR: "name a file, not a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""Hints by error number, for the errors that a user can correct."""


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """A temporary file to write to, which replaces `path` if the block ends without an error.

    Raises:
        StoreError: the disk is full, the folder is read-only, or the like; an older file at `path` stays.
    """
    path = Path(path)
    with _temporary(path, _new_file) as temporary:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)


def write_atomic(path: str | Path, content: str | bytes | memoryview) -> None:
    """Write a file of text (UTF-8) or bytes atomically.

    Raises:
        StoreError: as for `atomic_file`.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def atomic_folder(path: str | Path, replaces: Sequence[str] = ()) -> Iterator[Path]:
    """An empty temporary folder, which becomes `path` if the block ends without an error.

    A folder cannot replace another one in one step: for an instant there is none. A folder that exists is complete.

    Args:
        path: of the folder.
        replaces: see `check_folder`.

    Raises:
        StoreError: the disk is full, the folder is read-only, or the like, or `path` holds files that may not be
            replaced; an older folder at `path` stays.
    """
    path = Path(path)
    check_folder(path, replaces)
    with _temporary(path, Path.mkdir) as temporary:
        yield temporary
        check_folder(path, replaces)
        if path.exists():
            with _temporary(path, Path.mkdir) as old:
                os.replace(path, old)
                os.replace(temporary, path)
        else:
            os.replace(temporary, path)


def check_folder(path: Path, replaces: Sequence[str] = ()) -> None:
    """Raise a StoreError where a new folder would replace anything that its writer did not make.

    Args:
        path: of the new folder; nothing is there yet, or a folder.
        replaces: patterns of the names that an older output holds, such as `*.png`. A folder with any other file stays.
    """
    hint = "give the name of a new folder, or remove it"
    if not path.is_dir():
        if path.exists():
            raise StoreError("exists and is no folder", code="output-exists", file=path, hint=hint)
        return
    others = (each.name for each in path.iterdir() if not any(fnmatch(each.name, pattern) for pattern in replaces))
    if other := min(others, default=None):
        raise StoreError(f"exists and holds {other}", code="output-exists", file=path, hint=hint)


@contextmanager
def _temporary(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    if path.exists() and not (path.is_file() or path.is_dir()):
        what, hint = "is a device, not a file", "give the name of a file"  # else a file would replace /dev/null
        raise StoreError(what, code="not-a-file", file=path, hint=hint)
    try:
        path = path if path.name and path.name != ".." else path.resolve()  # `.` has no name to derive another from
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path)
        temporary, lock = _locked(path, make)
        try:
            yield temporary
        finally:
            _remove(temporary)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise write_error(error, path) from None


def _locked(path: Path, make: Callable[[Path], None]) -> tuple[Path, int | None]:
    """A new temporary and the lock on it; None instead of the lock on a file system without locks."""
    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        make(temporary)
        lock = _lock(temporary, wait=True)
        if temporary.exists():
            return temporary, lock
        if lock is not None:  # another writer removed it before it was locked: try again
            os.close(lock)


def write_error(error: OSError, path: Path | str | None = None) -> Exception:
    """A StoreError with a hint, for errors of the system that a user can correct; otherwise the error itself.

    Args:
        error: of the system.
        path: of the file that was to be written; None takes the file that the error names.
    """
    if error.errno not in _HINTS:
        return error
    named = os.fsdecode(error.filename) if path is None and error.filename else path
    return StoreError(
        f"cannot be written ({os.strerror(error.errno).lower()})",
        code="cannot-write",
        file=named,
        hint=_HINTS[error.errno],
    )


def remove_leftovers(path: Path) -> None:
    """Remove the temporaries of `path` that no running writer holds."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.part"):
        lock = _lock(leftover, wait=False)
        if lock is not None:
            _remove(leftover)
            os.close(lock)


def _lock(path: Path, *, wait: bool) -> int | None:
    """Descriptor that holds the lock; None where another process holds it, or the path cannot be locked."""
    try:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _new_file(path: Path) -> None:
    path.touch(exist_ok=False)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
