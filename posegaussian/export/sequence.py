"""Frames of splats that belong together, and the formats that are made of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from posegaussian.config import Axis
from posegaussian.errors import UserError
from posegaussian.export.axes import rotated, rotation_between
from posegaussian.io.ply import read_ply
from posegaussian.progress import progress
from posegaussian.types import Gaussians


@dataclass(frozen=True)
class SplatSequence:
    """The .ply files of one capture; a file is read when its frame is needed."""

    # named PAIR_FRAME.ply, as `render` names them, in natural order; other names are frames 0, 1, ... of one pair
    # without a name.
    files: Sequence[Path]
    up: Axis | None  # the axis of their world that points up; None: unknown, and axes stay
    fps: int  # frames per second
    rectified: Path | None = None  # the rectified .h5 of the capture; None: not given

    def pairs(self) -> dict[str, list[tuple[int, Path]]]:
        """The number and the file of every frame, by pair."""
        found: dict[str, list[tuple[int, Path]]] = {}
        for index, file in enumerate(self.files):
            pair, _, number = file.stem.rpartition("_")
            known = bool(pair) and number.isdecimal()
            found.setdefault(pair if known else "", []).append((int(number) if known else index, file))
        return found


def read_splats(file: Path) -> Gaussians:
    """Gaussians of a .ply.

    Raises:
        UserError: the file cannot be read, or there are none that can be seen.
    """
    gaussians = read_ply(file)
    if not len(gaussians.compact().means):
        what = "no Gaussians: nothing to export"
        raise UserError(what, code="no-gaussians", file=file, hint="leave it out, or render the frame again")
    return gaussians


def gaussians_of(file: Path, up: Axis | None, target: Literal["y", "-y"]) -> Gaussians:
    """The Gaussians of a .ply in the axes of a format, whose `target` axis points up."""
    return rotated(read_splats(file), rotation_between(up, target))


def write_usd(folder: Path, sequence: SplatSequence) -> None:
    """Write a .usdc of every frame to `frames`, and beside it one .usda per pair that plays them.

    Raises:
        ImportError: usd-core is not installed.
    """
    from posegaussian.io import usd

    for pair, frames in sequence.pairs().items():
        written = []
        for number, file in progress(frames, f"usd {pair}".strip()):
            target = folder / "frames" / f"{file.stem}.usdc"
            usd.write_usd(target, gaussians_of(file, sequence.up, "y"), number)
            written.append((number, target))
        usd.write_usd_clips(folder / f"{pair or 'sequence'}.usda", written, sequence.fps)
