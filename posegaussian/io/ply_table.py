"""The vertices of a .ply file of any program, as a table of named columns.

The header names elements with their counts and properties (paulbourke.net/dataformats/ply); programs put elements of
their own before or behind the vertices, end the header's lines as Windows does, and write either name of a type.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posegaussian.errors import UserError

_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"},
}
"""NumPy's types by the names of the format."""
_END = re.compile(rb"(?<=[\r\n])end_header[ \t]*(\r\n|\n|\r)")
"""The last line of a header, with the end of a line of any system."""
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}
"""NumPy's byte orders by the encodings of the format; ASCII has none."""


@dataclass(frozen=True)
class _Element:
    """An element of the header."""

    name: str  # of the element
    count: int  # how many there are
    # name and NumPy's type of each property; None where one is a list, whose length varies
    fields: list[tuple[str, str]] | None


def read_vertices(path: Path) -> np.ndarray:
    """The element `vertex`, as a structured array.

    Raises:
        UserError: the file is no .ply, has no vertices that can be read, or is cut short.
    """
    data = path.read_bytes()
    end = _END.search(data)
    lines = data[: end.start() if end else 0].decode("ascii", "replace").splitlines()
    if end is None or [line.strip() for line in lines[:1]] != ["ply"]:
        raise _refused("no .ply file: no header", path)
    body = data[end.end() :]
    try:
        encoding, elements = _parsed([line.split() for line in lines[1:]])
    except (ValueError, KeyError, IndexError):
        raise _refused("no .ply file: its header cannot be read", path) from None
    before = [element.name for element in elements]
    if "vertex" not in before:
        raise _refused(f"no vertices, but {', '.join(before) or 'nothing'}", path)
    skipped, vertex = elements[: before.index("vertex")], elements[before.index("vertex")]
    if vertex.fields is None or (encoding != "ascii" and any(each.fields is None for each in skipped)):
        raise _refused("lists among the vertices or before them", path)
    try:
        if encoding == "ascii":
            return _from_text(body, sum(each.count for each in skipped), vertex)
        start = sum(each.count * np.dtype(each.fields).itemsize for each in skipped)
        kind = np.dtype(vertex.fields)
    except (TypeError, ValueError, OverflowError) as error:
        raise _refused(f"its vertices cannot be read ({error})", path) from None
    there = max(len(body) - start, 0) // kind.itemsize if kind.itemsize else 0
    if there < vertex.count:
        raise _refused(f"cut short: {there} of {vertex.count} vertices are there", path)
    return np.frombuffer(body, kind, vertex.count, start)


def _parsed(lines: list[list[str]]) -> tuple[str, list[_Element]]:
    """Encoding and elements of a header's lines, each in words."""
    encoding, order, elements = "", "", list[_Element]()
    for words in lines:
        match words:
            case ["format", encoding, _]:
                order = _ORDERS[encoding]
            case ["element", name, count]:
                elements.append(_Element(name, int(count), []))
            case ["property", "list", *_]:
                elements[-1] = _Element(elements[-1].name, elements[-1].count, None)
            case ["property", kind, name]:
                fields = elements[-1].fields
                if fields is not None:
                    fields.append((name, order + _TYPES[kind]))
            case [] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise ValueError
    if not encoding or any(element.count < 0 for element in elements):
        raise ValueError
    return encoding, elements


def _from_text(body: bytes, skipped: int, vertex: _Element) -> np.ndarray:
    """Vertices of a file in ASCII: a line each."""
    lines = body.decode("ascii", "replace").splitlines()[skipped : skipped + vertex.count]
    if len(lines) < vertex.count:
        raise ValueError(f"cut short: {len(lines)} of {vertex.count} are there")
    table = np.empty(vertex.count, [(name, "f8") for name, _ in vertex.fields or []])
    names = table.dtype.names or ()
    rows = [line.split() for line in lines]
    for place, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise ValueError(f"vertex {place} of {vertex.count} has {len(row)} numbers for {len(names)} properties")
    numbers = np.array(rows, np.float64).reshape(vertex.count, len(names))
    for name, column in zip(names, numbers.T, strict=True):
        table[name] = column
    return table


def _refused(what: str, path: Path) -> UserError:
    return UserError(what, code="unreadable-splats", file=path)
