"""The soft visual hull on a CUDA device: `soft_hull.SoftHull`, up to rounding, as part of a CUDA graph.

All cells are split, where the CPU splits only those that may show the person; the others count as empty here, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor
from torch.nn import functional

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.mattes.device_window import SIDE, in_window, sampled
from posegaussian.preparation.mattes.soft_hull import LEAST, LIMIT, SHADOWS, Places, SoftHull
from posegaussian.preparation.mattes.window import Window

_OUTSIDE = -1e6
"""Position of cells that a camera does not see, pixels."""
_DOUBLINGS = 5
"""A cell is at most 2 ** (this + 1) - 1 pixels of a window wide, 63. Chosen by hand: coarse ones of people are 20."""


@dataclass(frozen=True)
class DeviceHullEvidence:
    """What the other cameras know, on the device; see `HullEvidence`."""

    strict: Float[Tensor, "side side"]  # log-odds by all other cameras together
    lenient: Float[Tensor, "side side"]  # the same, if one of the other cameras may miss the person
    known: Bool[Tensor, ""]  # whether any cell may show the person; else both are as good as nothing


@dataclass(frozen=True)
class _Cells:
    """Cells in one camera."""

    x: Float[Tensor, " n"]  # columns of their centres, pixels of the image
    y: Float[Tensor, " n"]  # rows
    seen: Bool[Tensor, " n"]  # whether the camera sees them
    footprint: float  # their width, pixels

    @staticmethod
    def of(places: Places, device: torch.device) -> "_Cells":
        """Positions on a device."""
        pixels = torch.from_numpy(places.pixels).to(device)
        seen = ~pixels[:, 0].isnan()
        x, y = torch.where(seen[:, None], pixels, _OUTSIDE).T.contiguous()
        return _Cells(x, y, seen, places.footprint)

    def within(self, frame: Float64[Tensor, "6"]) -> tuple[Tensor, Tensor, Tensor]:
        """Columns and rows in the pixels of a window, and which cells lie in it; see `frame_of`."""
        left, top, right, bottom, width, height = frame
        x, y = (self.x - left) * (width / (right - left)), (self.y - top) * (height / (bottom - top))
        return x, y, (x >= 0) & (y >= 0) & (x < width) & (y < height)


class DeviceHull:
    """Cells around the rig's centre, and where they are in each camera.

    Args:
        cameras: by name.
        device: which computes.
    """

    def __init__(self, cameras: Mapping[str, SourceCamera], device: torch.device):
        coarse = SoftHull(cameras).coarse
        self._coarse = {name: _Cells.of(places, device) for name, places in coarse.items()}
        fine = {name: places.split(np.ones(len(places.pixels), bool)) for name, places in coarse.items()}
        self._fine = {name: _Cells.of(places, device) for name, places in fine.items()}

    def sizes(self, name: str, window: Window) -> Float64[np.ndarray, "5"]:
        """Numbers about a camera's cells in its window: half widths of coarse and of fine ones, logarithms to the base
        2 of both widths, rounded down, and the width of a place in which they are drawn; pixels."""
        pitch, half = float(window.pitch.mean()), []
        for cells in (self._coarse[name], self._fine[name]):
            half.append(min(max(1, round(cells.footprint * pitch)) // 2, 2**_DOUBLINGS - 1))
        step = max(1.0, SHADOWS * self._fine[name].footprint * pitch)
        return np.array([*half, *((2 * each + 1).bit_length() - 1 for each in half), step], np.float64)

    def evidence(
        self, names: Sequence[str], logits: Float[Tensor, "c side side"], numbers: Float64[Tensor, "c 11"]
    ) -> list[DeviceHullEvidence]:
        """The evidence for each of two windows or more from all others; see `SoftHull.evidence`.

        Args:
            names: of the cameras.
            logits: that a pixel shows the person.
            numbers: `frame_of` and `sizes` of each window.
        """
        views = list(zip(names, logits, numbers, strict=True))
        _, second = _least_two([_looked_up(self._coarse[name], each, of[:6], of[6], of[8]) for name, each, of in views])
        kept = second.isfinite() & (second > LEAST)
        parts = len(self._fine[names[0]].x) // len(kept)
        fine = kept[:, None].expand(-1, parts).reshape(-1)
        known = [_looked_up(self._fine[name], each, of[:6], of[7], of[9]) for name, each, of in views]
        found = []
        for index, (name, _, of) in enumerate(views):
            strict, lenient = _by_others([*known[:index], *known[index + 1 :]])
            drawn = _drawn(self._fine[name], strict, fine, of[:6], of[10])
            same = drawn if lenient is strict else _drawn(self._fine[name], lenient, fine, of[:6], of[10])
            found.append(DeviceHullEvidence(drawn, same, kept.any()))
        return found


def _looked_up(
    cells: _Cells, logits: Float[Tensor, "side side"], frame: Float64[Tensor, "6"], half: Tensor, doublings: Tensor
) -> Float[Tensor, " n"]:
    """The largest log-odds in each cell's pixels; infinite where the camera does not see the cell."""
    wide = torch.where(in_window(frame), logits.clamp(-LIMIT, LIMIT), -LIMIT)
    for _ in range(2):
        wide = _largest(wide, half, doublings).T
    x, y, inside = cells.within(frame)
    columns, rows = (place.clamp(0, SIDE - 1).long() for place in (x, y))
    values = torch.where(inside, wide.reshape(-1)[rows * SIDE + columns], -LIMIT)
    return torch.where(cells.seen, values, torch.inf)


def _largest(values: Float[Tensor, "h w"], half: Tensor, doublings: Tensor) -> Float[Tensor, "h w"]:
    """The largest value of each row's pixels that are at most `half` away: of two windows as wide as a power of two.

    Args:
        values: at least `-LIMIT`.
        half: pixels.
        doublings: logarithm to the base 2 of the widest power of two in the whole width, whole.
    """
    room, width = 2**_DOUBLINGS, values.shape[1]
    levels = [functional.pad(values, (room, 2 * room), value=-LIMIT)]
    for level in range(_DOUBLINGS):
        beyond = functional.pad(levels[-1][:, 2**level :], (0, 2**level), value=-LIMIT)
        levels.append(torch.maximum(levels[-1], beyond))
    level = torch.stack(levels).index_select(0, doublings.long()[None])[0]
    first = torch.arange(width, device=values.device) + room - half.long()
    last = first + 2 * half.long() + 1 - torch.exp2(doublings).round().long()
    return torch.maximum(level.index_select(1, first), level.index_select(1, last))


def _least_two(known: Sequence[Float[Tensor, " n"]]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The least and the second least log-odds of each cell; infinite where fewer cameras see it."""
    least = known[0]
    second = torch.full_like(least, torch.inf)
    for values in known[1:]:
        second = torch.minimum(second, torch.maximum(least, values))
        least = torch.minimum(least, values)
    return least, second


def _by_others(known: Sequence[Float[Tensor, " n"]]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Log-odds of each cell by all of some cameras, 0 where none sees it, and with one of three or more left out."""
    least, second = _least_two(known)
    strict = torch.where(least.isinf(), 0.0, least)
    if len(known) < 3:
        return strict, strict
    several = torch.stack([values.isfinite() for values in known]).sum(0) > 2
    return strict, torch.where(several, second, strict)


def _drawn(
    cells: _Cells, values: Float[Tensor, " n"], kept: Bool[Tensor, " n"], frame: Float64[Tensor, "6"], step: Tensor
) -> Float[Tensor, "side side"]:
    """The largest values of the cells that lie in each place of a window, in the window's pixels."""
    x, y, inside = cells.within(frame)
    last = [(count / step).ceil() - 1 for count in (frame[5], frame[4])]
    # Cells that do not count go to places beyond, each to its own: those at one place wait for each other.
    counts, beyond = inside & kept, SIDE * SIDE + torch.arange(len(values), device=values.device)
    rows, columns = (
        torch.minimum((place / step).clamp_min(0), most).long() for place, most in zip((y, x), last, strict=True)
    )
    empty = torch.full((SIDE * SIDE + len(values),), -LIMIT, device=values.device)
    drawn = empty.scatter_reduce_(0, torch.where(counts, rows * SIDE + columns, beyond), values, "amax")[: SIDE * SIDE]
    pixel = torch.arange(SIDE, dtype=torch.float64, device=values.device)
    places = [torch.minimum(((pixel + 0.5) / step - 0.5).clamp_min(0), most) for most in last]
    return sampled(drawn.reshape(SIDE, SIDE), *places)
