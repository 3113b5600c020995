"""Images on disk beside what a capture lists: those that it does not list, and those that it names without suffix."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from posegaussian.captures.matching import entries
from posegaussian.counts import counted
from posegaussian.errors import CaptureError, warn
from posegaussian.io.images import IMAGE_SUFFIXES
from posegaussian.io.video import VIDEO_SUFFIXES
from posegaussian.names import natural_order, shared_start

_NAMED = 5
"""Files and folders that the message names. Chosen by hand."""


def image_without_suffix(path: Path) -> Path | None:
    """The image file of a path that lacks its suffix; None where there is none.

    Raises:
        CaptureError: there are several.
    """
    found = [each for suffix in IMAGE_SUFFIXES if (each := path.with_name(path.name + suffix)).is_file()]
    if len(found) > 1:
        what = f"several images of this name ({', '.join(each.name for each in found)})"
        raise CaptureError(what, code="repeated-frame", file=path, hint="keep one of them there")
    return found[0] if found else None


def report_unlisted(
    root: Path, folders: Collection[Path], files: Collection[Path], listed_in: str, searched: Path | None = None
) -> None:
    """Warn about images and videos that lie beside listed images, but are not listed.

    Args:
        root: the capture's folder.
        folders: of the listed images. If all lie in one folder of the capture, such as images/, it is searched whole.
        files: all listed files, of masks as well.
        listed_in: what lists them.
        searched: a folder to be searched whole instead.
    """
    listed = {os.path.normpath(path) for path in files}
    inside = {Path(os.path.relpath(folder, root)) for folder in folders}
    tops = {folder.parts[:1] for folder in inside}
    if searched is None and len(tops) == 1 and not tops & {(), ("..",)}:
        searched = root.joinpath(*tops.pop())
    places = _with_siblings(root, inside) if searched is None else _below(searched)
    missing: list[str] = []
    count = 0
    for folder in places:
        images = [p for p in entries(folder) if p.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES) and p.is_file()]
        spare = [path for path in images if os.path.normpath(path) not in listed]
        count += len(spare)
        if spare and len(spare) == len(images):
            missing.append(f"{os.path.relpath(folder, root)}/ ({len(spare)})")
        else:
            missing += [os.path.relpath(path, root) for path in spare]
    if count:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        shown = ", ".join(missing[:_NAMED]) + more
        warn(f"{counted(count, 'image')} not {listed_in}: left out ({shown})", code="unlisted-images", file=root)


def _with_siblings(root: Path, folders: Collection[Path]) -> list[Path]:
    """Folders, and those beside them whose names begin as all theirs do: Camera_B24 beside Camera_B1 and Camera_B2."""
    names = [folder.name for folder in folders]
    start = names[0][: shared_start(names)]
    beside = entries(root / next(iter(folders)).parent) if start else []
    alike = [path for path in beside if path.name.startswith(start) and path.is_dir()]
    return sorted({*(root / folder for folder in folders), *alike}, key=lambda path: natural_order(str(path)))


def _below(top: Path) -> Iterator[Path]:
    """A folder and all folders in it, in natural order."""
    yield top
    for path in entries(top):
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
