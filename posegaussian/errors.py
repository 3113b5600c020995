"""Errors and warnings about the user's files and settings: a class per kind, a code per mistake, one line per message.

The command line prints the message alone (no traceback) and exits with status 2.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


class UserMessage(Exception):
    """A message of one line: the place, what is wrong there, and what to do about it; the parts are attributes.

    Args:
        what: what is wrong, in a few words.
        code: the mistake's stable name in kebab-case, for programs; each code belongs to one class.
        file: the file that holds the mistake; kept as a `Path`.
        camera: the camera's name.
        frame: the frame's number.
        hint: what to do about it.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str,
        file: str | Path | None = None,
        camera: str | None = None,
        frame: int | None = None,
        hint: str | None = None,
    ):
        super().__init__(_line(what, file, camera, frame, hint))
        self.what, self.code, self.hint = what, code, hint
        self.file = None if file is None else Path(file)
        self.camera, self.frame = camera, frame

    def __reduce__(self):
        # An exception is unpickled by calling its class with `args`, which lack the required `code`.
        return _rebuilt, (type(self), self.args), vars(self)


class UserError(UserMessage):
    """A mistake that the user can correct; the arguments are those of `UserMessage`."""


class ConfigError(UserError):
    """A key or value of the configuration or the captures sheet is wrong."""


class CaptureError(UserError):
    """A capture lacks a file or holds one that cannot be used."""


class CalibrationError(UserError):
    """A camera's calibration is impossible."""


class StoreError(UserError):
    """An HDF5 file is missing, incomplete, of another schema or damaged."""


class WeightsError(UserError):
    """A weights file is missing, foreign or does not fit the model."""


class DetectorError(UserError):
    """The pose detector or its environment cannot be used."""


class BackendError(UserError):
    """A rasteriser was asked for that is not installed or cannot run here."""


class TrainingError(UserError):
    """Training cannot start or had to stop."""


class CaptureWarning(UserMessage, UserWarning):
    """Something about a capture that was repaired, or that looks wrong; the command line prints one line."""


def warn(
    what: str,
    *,
    code: str,
    file: str | Path | None = None,
    camera: str | None = None,
    frame: int | None = None,
    hint: str | None = None,
) -> None:
    """Issue a CaptureWarning; the arguments are those of `UserMessage`."""
    message = CaptureWarning(what, code=code, file=file, camera=camera, frame=frame, hint=hint)
    warnings.warn(message, stacklevel=2)


@contextmanager
def collected_warnings() -> Iterator[list[warnings.WarningMessage]]:
    """Warnings of the block, for a page; where a UserError comes instead of the page, they are issued as usual."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CaptureWarning)
            yield caught
    except UserError:
        for each in caught:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        raise


def look_up(table: Mapping[str, Value], name: str, what: str, *, code: str) -> Value:
    """The value of a name that the user gave.

    Raises:
        ConfigError: no such name; the message lists all names.
    """
    if name not in table:
        raise ConfigError(f"{what} {name!r} is not one of {', '.join(table)}", code=code)
    return table[name]


def _rebuilt(kind: type[UserMessage], args: tuple[str]) -> UserMessage:
    return kind.__new__(kind, *args)


def _line(what: str, file: str | Path | None, camera: str | None, frame: int | None, hint: str | None) -> str:
    where = [
        str(file) if file is not None else "",
        f"camera {camera}" if camera is not None else "",
        f"frame {frame:06d}" if frame is not None else "",
    ]
    place = ", ".join(part for part in where if part)
    line = f"{place}: {what}" if place else what
    line = f"{line}; {hint}" if hint else line
    # What other programs said, and names in damaged files, may hold newlines and signs that are not printed.
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in " ".join(line.split()))
