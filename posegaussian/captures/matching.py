"""Which footage belongs to which calibrated camera: by their names, or else in their order."""

import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from posegaussian.errors import CaptureError, warn
from posegaussian.names import did_you_mean, likely_meant, natural_order, shared_start, words

_NO_FOOTAGE = ("Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")
"""What Windows, macOS and network drives leave in folders, besides names that start with a dot."""
_Names = dict[str, str]
"""Name of the footage by camera."""
_Alike = Callable[[str, str], bool]
"""Whether footage's name, the second one, says that it is of a camera."""


def entries(folder: Path) -> list[Path]:
    """Files and folders in a folder, in natural order, without those that systems and editors hide there.

    Left out are names that start with a dot (.DS_Store, .ipynb_checkpoints, ._image.png), Thumbs.db and the like. Where
    there is no such folder, the list is empty.
    """
    if not folder.is_dir():
        return []
    names = [name for name in os.listdir(folder) if not name.startswith(".") and name not in _NO_FOOTAGE]
    return [folder / name for name in sorted(names, key=natural_order)]


def media(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """Files of a folder that have one of the suffixes (lower case, with the dot), in natural order."""
    return [path for path in entries(folder) if path.suffix.lower() in suffixes and path.is_file()]


def check_known(cameras: Collection[str], known: Collection[str], file: Path) -> None:
    """Raise a CaptureError that lists the known cameras if one that was asked for is none of them."""
    for camera in cameras:
        if camera not in known:
            what = f"no such camera (there are {', '.join(known)})"
            hint = did_you_mean(camera, known)
            raise CaptureError(what, code="unknown-camera", file=file, camera=camera, hint=hint)


def named_alike(cameras: Collection[str], footage: Collection[str]) -> _Names:
    """Footage whose name says which camera it is of, by camera; each is of one camera, and each camera has one.

    These rules are tried one after the other, each on what the earlier ones left:

    - the names are the same;
    - they differ in case, separators and leading zeros alone;
    - one contains the other as words: `cam01_take3` is of `cam1`;
    - the part where the footage's names differ contains the camera's: of `cam2_take1`, the camera is 2, not 1;
    - the parts where the names differ are the same, with the word before: `monday_cam1` is of `friday_cam1`.
    """
    of_cameras, of_footage = _shared_words(cameras), _shared_words(footage)

    def contains_in_own_words(camera: str, name: str) -> bool:
        return _within(words(camera), _own_words(name, *of_footage))

    def same_own_words(camera: str, name: str) -> bool:
        if not (of_cameras[0] and of_footage[0]):
            return False
        own = _own_words(camera, of_cameras[0] - 1, of_cameras[1])
        return own == _own_words(name, of_footage[0] - 1, of_footage[1])

    found: _Names = {}
    for alike in (str.__eq__, _same_words, _contains_words, contains_in_own_words, same_own_words):
        while fresh := _unambiguous(alike, [c for c in cameras if c not in found], set(footage) - set(found.values())):
            found |= fresh
    return found


def _unambiguous(alike: _Alike, cameras: Sequence[str], footage: Collection[str]) -> _Names:
    """Pairs that are alike, where neither the camera nor the footage is like another.

    Footage is like the cameras whose names share the most words with it: `cam_t01` is of `t01` rather than of `01`.
    """
    shared = {(c, name): min(len(words(c)), len(words(name))) for c in cameras for name in footage if alike(c, name)}
    most = {name: max((count for (_, other), count in shared.items() if other == name), default=0) for name in footage}
    pairs = [(camera, name) for (camera, name), count in shared.items() if count == most[name]]
    taken, given = Counter(camera for camera, _ in pairs), Counter(name for _, name in pairs)
    return {camera: name for camera, name in pairs if taken[camera] == given[name] == 1}


def _same_words(camera: str, name: str) -> bool:
    return words(camera) == words(name)


def _contains_words(camera: str, name: str) -> bool:
    return _within(*sorted((words(camera), words(name)), key=len))


def _within(short: Sequence[str], long: Sequence[str]) -> bool:
    starts = range(len(long) - len(short) + 1)
    return bool(short) and any(long[start : start + len(short)] == short for start in starts)


def _shared_words(names: Collection[str]) -> tuple[int, int]:
    """Numbers of words that all names have in common at their start and at their end."""
    rows = [words(name) for name in names]
    start = shared_start(rows)
    return start, shared_start([row[start:][::-1] for row in rows])


def _own_words(name: str, start: int, end: int) -> tuple[str, ...]:
    """Words of a name without those that it shares with others, at its start and at its end."""
    return words(name)[start : len(words(name)) - end]


def match_footage(
    cameras: Collection[str], footage: Mapping[str, Path], *, folder: Path, asked: Collection[str] = ()
) -> tuple[dict[str, Path], bool]:
    """Footage by camera, and whether it was matched in the order of names.

    Names decide (see `named_alike`). If no name is like a camera's and there is as much footage as there are cameras,
    both are matched in natural order, with a warning that lists the pairs. A camera without footage and footage without
    a calibration are left out, with a warning each, or without one where `asked` names other cameras.

    Args:
        cameras: calibrated cameras.
        footage: folders of images, or videos, by name.
        folder: that holds them, for messages.
        asked: cameras that the user or the capture names; empty: none in particular, whichever have footage.

    Raises:
        CaptureError: a camera that was asked for has no footage, two pieces of footage are of one camera, no name is
            like a camera's and the counts differ, or a name is misspelt or numbered from another start, so that footage
            could be of another camera than its name says.
    """
    if not footage:
        raise CaptureError("no footage of the calibrated cameras", code="no-images", file=folder)
    found = named_alike(cameras, footage)
    wanted = [camera for camera in cameras if not asked or camera in asked]
    _check_single(wanted, found, footage, folder)
    in_order = not found and len(cameras) == len(footage)
    if in_order:
        found = _ordered(cameras, footage, folder)
    elif not found:
        what = f"no name of the footage ({_listed(footage)}) is like a camera's ({_listed(cameras)})"
        raise CaptureError(what, code="unmatched-footage", file=folder, hint="name the footage like the cameras")
    _check_doubtful(cameras, wanted, found, footage, folder)
    for camera in wanted:
        if camera not in found and camera in asked:
            others = [name for name in footage if name not in found.values()]
            hint = f"{_listed(others)}: there is no camera of this name" if others else None
            raise CaptureError(
                "no images of this camera", code="no-images", file=folder / camera, camera=camera, hint=hint
            )
        if camera not in found:
            what = "this camera is calibrated, but has no footage: left out"
            warn(what, code="camera-without-footage", file=folder, camera=camera)
    for name in [] if asked else footage:
        if name not in found.values():
            warn("no camera of this name is calibrated: left out", code="uncalibrated-footage", file=footage[name])
    return {camera: footage[found[camera]] for camera in wanted if camera in found}, in_order


def _ordered(cameras: Collection[str], footage: Mapping[str, Path], folder: Path) -> _Names:
    """Footage by camera in natural order, with a warning; a CaptureError where a misspelt name says otherwise."""
    names = sorted(footage, key=natural_order)
    found = dict(zip(sorted(cameras, key=natural_order), names, strict=True))
    for camera, name in found.items():
        meant = likely_meant(name, cameras)
        if meant not in (None, camera):
            what = f"the name is most like that of camera {meant}, but in the order of names it would be {camera}'s"
            raise CaptureError(what, code="doubtful-name", file=footage[name], hint="name the footage like the cameras")
    first, others = _numbers(list(found)), _numbers(names)
    if set(first) & set(others) and first != others:
        what = f"the cameras are numbered {_listed(found)}, the footage {_listed(names)}"
        raise CaptureError(what, code="shifted-numbers", file=folder, hint="name the footage like the cameras")
    pairs = ", ".join(f"{camera}: {footage[name].name}" for camera, name in found.items())
    warn(
        f"no name is like a camera's: matched in the order of names ({pairs})",
        code="videos-in-order",
        file=folder,
        hint="check that each is of its camera",
    )
    return found


def _check_single(wanted: Collection[str], found: _Names, footage: Collection[str], folder: Path) -> None:
    """Raise a CaptureError if several pieces of footage are named like a camera that has none yet: its takes."""
    spare = [name for name in footage if name not in found.values()]
    for camera in wanted:
        alike = [name for name in spare if _within(words(camera), words(name))]
        # A number that all names have, such as that of a day, is no camera's.
        if camera not in found and len(alike) > 1 and not (camera.isdecimal() and len(alike) == len(footage)):
            what = f"several are named like this camera: {_listed(alike)}"
            hint = "keep one of them there, such as those of one take"
            raise CaptureError(what, code="several-videos", file=folder, camera=camera, hint=hint)


def _check_doubtful(
    cameras: Collection[str], wanted: Collection[str], found: _Names, footage: Collection[str], folder: Path
) -> None:
    """Raise a CaptureError if a camera and its footage may have missed each other by a mistake in a name."""
    missing = [camera for camera in wanted if camera not in found]
    spare = [name for name in footage if name not in found.values()]
    hint = "name the footage like the cameras, or list the cameras that are named right with --cameras"
    for name in spare:
        taken = next((camera for camera in found if camera in wanted and words(camera) == words(name)), None)
        if taken is not None:
            what = f"both {found[taken]} and {name} are named like this camera"
            raise CaptureError(what, code="several-videos", file=folder, camera=taken, hint="keep one of them there")
        meant = likely_meant(name, cameras)
        if meant in missing:
            what = f"no camera is named {name}: {meant}, which has no footage, was probably meant"
            raise CaptureError(what, code="misspelt-name", file=folder, hint=hint)
    first, others = _numbers(cameras), _numbers(footage)
    if missing and spare and first and others and abs(min(first) - min(others)) == 1:
        what = f"the cameras are numbered from {min(first)} ({_listed(cameras)}), "
        what += f"the footage from {min(others)} ({_listed(footage)})"
        raise CaptureError(what, code="shifted-numbers", file=folder, hint=hint)


def _numbers(names: Collection[str]) -> list[int]:
    """The number in each name, where the names differ only in it: the only word that differs; otherwise empty."""
    rows = [words(name) for name in names]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        return []
    columns = [column for column in zip(*rows, strict=True) if len(set(column)) > 1]
    if len(columns) != 1 or not all(word.isdecimal() and len(word) < 10 for word in columns[0]):
        return []
    return [int(word) for word in columns[0]]


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names, key=natural_order))


def frame_numbers(names: Collection[str]) -> dict[str, int]:
    """Frame number of each image, by its name without suffix; names that say none are left out.

    Names that are numbers say it; if there are such names, the others are left out. If there are none, it is the last
    number that differs in all names (`chara1.000001`, `000001_cam2`), or else the last number of each. Several images
    may have the same number.
    """
    plain = {name: int(name) for name in names if name.isdecimal()}
    if plain:
        return plain
    numbers = {name: [int(digits) for digits in re.findall("[0-9]+", name)] for name in names}
    numbers = {name: found for name, found in numbers.items() if found}
    if len({len(found) for found in numbers.values()}) == 1:
        columns = list(zip(*numbers.values(), strict=True))
        column = next((column for column in reversed(columns) if len(set(column)) == len(column)), columns[-1])
        return dict(zip(numbers, column, strict=True))
    return {name: found[-1] for name, found in numbers.items()}
