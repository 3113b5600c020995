"""Text files of users, in whatever encoding their program saved them, and paths in them. Standard library only.

Windows programs save UTF-8 with a byte order mark (Notepad, PowerShell 5), UTF-16 (Excel's "Unicode text", PowerShell's
`>`), or the code page of the language. Every reader of a text format takes its text from here.
"""

import codecs
import io
import json
from pathlib import Path
from typing import Any

from posegaussian.errors import UserError, warn

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark is the beginning of this one
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the byte order mark that files in them begin with."""
_CODE_PAGE = "cp1252"
"""The code page of Windows in Western Europe and America, which is assumed where a text is no UTF-8."""


def read_text(path: Path) -> str:
    r"""Text of a file without byte order mark, with `\n` as the only end of a line.

    The encoding is that of the byte order mark, or else UTF-8. Text that is no UTF-8 is read as Windows-1252, with a
    warning that names the line.

    Raises:
        UserError: the file holds no text, or its encoding is unknown.
        OSError: the file cannot be read.
    """
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    if encoding in ("utf-8", "utf-8-sig") and b"\0" in data:
        raise _no_text("holds zero bytes: no text, or UTF-16 without a byte order mark", path)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8":
            raise _no_text(f"begins like {error.encoding} but holds other bytes", path) from None
        text = _from_code_page(data, error.start, path)
    return io.StringIO(text, newline=None).read()


def read_json(path: Path) -> Any:
    """Values of a JSON file; whole numbers of more than 18 digits are floats, as in most other programs.

    Raises:
        UserError, OSError: as for `read_text`.
        ValueError: it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(read_text(path), parse_int=lambda text: int(text) if len(text) < 19 else float(text))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def with_slashes(text: str, folder: Path | None = None) -> str:
    """A path that a text file names, within a folder; backslashes, as Windows writes them, separate folders.

    On other systems a backslash may also be part of a name: a path that exists as it is written stays.
    """
    if "\\" not in text or ((folder or Path()) / text).exists():
        return text
    return text.replace("\\", "/")


def _from_code_page(data: bytes, start: int, path: Path) -> str:
    """Text in the code page of Windows; the byte at `start` is no UTF-8."""
    line = data.count(b"\n", 0, start) + 1
    try:
        text = data.decode(_CODE_PAGE)
    except UnicodeDecodeError:
        raise _no_text(f"neither UTF-8 nor Windows-1252 (line {line})", path) from None
    what = f"no UTF-8 (line {line}): read as Windows-1252"
    warn(what, code="code-page", file=path, hint="save the file as UTF-8 if a name in it looks wrong")
    return text


def _no_text(what: str, path: Path) -> UserError:
    return UserError(what, code="unreadable-text", file=path, hint="save the file as UTF-8")
