"""Whether the counts in COLMAP's binary files fit the files.

pycolmap does not check them: with a damaged count it reads zeros for hours beyond the end, or takes all memory. The
layout is that of COLMAP's `src/colmap/scene/reconstruction_io.cc`: little endian, a count of records, then the records.
"""

import mmap
import struct
from collections.abc import Callable
from pathlib import Path

Data = bytes | mmap.mmap


def check_counts(model: Path) -> None:
    """Walk through the binary files of a model, from record to record.

    Raises:
        ValueError: a file ends before its last record.
    """
    for name, skip in _SKIP.items():
        path = model / f"{name}.bin"
        if not path.is_file():
            continue
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
        try:
            place = 8
            for _ in range(_count("<Q", data, 0)):
                place = skip(data, place)
                if place > len(data):
                    raise ValueError
        except (struct.error, ValueError):
            raise ValueError(f"{path.name} ends before its last record") from None


def _count(kind: str, data: Data, place: int) -> int:
    return struct.unpack_from(kind, data, place)[0]


def _camera(_data: Data, place: int) -> int:
    return place + 24 + 3 * 8  # id, model, width, height, at least three parameters


def _image(data: Data, place: int) -> int:
    end = data.find(b"\0", place + 64)  # id, pose, camera
    if end < 0:
        raise ValueError
    return end + 1 + 8 + 24 * _count("<Q", data, end + 1)


def _point(data: Data, place: int) -> int:
    return place + 51 + 8 * _count("<Q", data, place + 43)  # id, position, colour, error, track


def _rig(data: Data, place: int) -> int:
    sensors, place = _count("<I", data, place + 4), place + 8
    for index in range(sensors):  # type and id; all except the first have a pose, which may be missing
        place += 8 if index == 0 else 9 + 56 * bool(data[place + 8 : place + 9].strip(b"\0"))
        if place > len(data):
            break
    return place


def _frame(data: Data, place: int) -> int:
    return place + 68 + 16 * _count("<I", data, place + 64)  # id, rig, pose, data of the sensors


_SKIP: dict[str, Callable[[Data, int], int]] = {
    "cameras": _camera,
    "images": _image,
    "points3D": _point,
    "rigs": _rig,
    "frames": _frame,
}
"""The place after a record, by the file's name."""
