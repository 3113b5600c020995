"""The soft visual hull on a CUDA device: `soft_hull.SoftHull`, up to rounding, without waiting for the device.

All cells are split, where the CPU splits only those that may show the person; the others count as empty here, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.mattes.soft_hull import LEAST, LIMIT, SHADOWS, Places, SoftHull
from posegaussian.preparation.mattes.window import Window

_OUTSIDE = -1e6
"""Position of cells that a camera does not see, pixels."""


@dataclass(frozen=True)
class DeviceHullEvidence:
    """What the other cameras know, on the device; see `HullEvidence`."""

    strict: Float[Tensor, "h w"]  # log-odds by all other cameras together
    lenient: Float[Tensor, "h w"]  # the same, if one of the other cameras may miss the person
    known: Bool[Tensor, ""]  # whether any cell may show the person; else both are as good as nothing


@dataclass(frozen=True)
class _Cells:
    """Cells in one camera: columns and rows of their centres, where it sees them, and their width in pixels."""

    x: Float[Tensor, " n"]
    y: Float[Tensor, " n"]
    seen: Bool[Tensor, " n"]
    footprint: float

    @staticmethod
    def of(places: Places, device: torch.device) -> "_Cells":
        pixels = torch.from_numpy(places.pixels).to(device)
        seen = ~pixels[:, 0].isnan()
        x, y = torch.where(seen[:, None], pixels, _OUTSIDE).T.contiguous()
        return _Cells(x, y, seen, places.footprint)

    def within(self, window: Window) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """Columns and rows in the pixels of a window."""
        (left, top), (across, down) = window.box[:2], window.pitch.tolist()
        return (self.x - left).mul_(across), (self.y - top).mul_(down)


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

    def evidence(
        self, windows: Mapping[str, Window], logits: Mapping[str, Float[Tensor, "_ _"]]
    ) -> dict[str, DeviceHullEvidence]:
        """The evidence for each of two windows or more from all others; see `SoftHull.evidence`."""
        _, second = _least_two([_looked_up(windows[name], logits[name], self._coarse[name]) for name in windows])
        kept = torch.where(second.isinf(), False, second > LEAST)
        any_kept, parts = kept.any(), len(next(iter(self._fine.values())).x) // len(kept)
        fine = kept[:, None].expand(-1, parts).reshape(-1)
        known = {name: _looked_up(windows[name], logits[name], self._fine[name]) for name in windows}
        found = {}
        for name, window in windows.items():
            others = [values for other, values in known.items() if other != name]
            strict, lenient = (_drawn(window, self._fine[name], values, fine) for values in _by_others(others))
            found[name] = DeviceHullEvidence(strict, lenient, any_kept)
        return found


def _looked_up(window: Window, logits: Float[Tensor, "h w"], cells: _Cells) -> Float[Tensor, " n"]:
    """The largest log-odds in each cell's pixels; infinite where the camera does not see the cell."""
    width = max(1, round(cells.footprint * float(window.pitch.mean()))) | 1
    wide = functional.max_pool2d(logits.clamp(-LIMIT, LIMIT)[None, None], width, stride=1, padding=width // 2)
    around = functional.pad(wide[0, 0], [1] * 4, value=-LIMIT)
    x, y = cells.within(window)
    columns, rows = (x.floor().clamp(-1, window.width) + 1), (y.floor().clamp(-1, window.height) + 1)
    values = around.reshape(-1)[rows.mul_(window.width + 2).add_(columns).long()]
    return torch.where(cells.seen, values, torch.inf)


def _least_two(known: list[Float[Tensor, " n"]]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The least and the second least log-odds of each cell; infinite where fewer cameras see it."""
    least = known[0]
    second = torch.full_like(least, torch.inf)
    for values in known[1:]:
        second = torch.minimum(second, torch.maximum(least, values))
        least = torch.minimum(least, values)
    return least, second


def _by_others(known: list[Float[Tensor, " n"]]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Log-odds of each cell by all of some cameras, 0 where none sees it, and with one of three or more left out."""
    least, second = _least_two(known)
    strict = torch.where(least.isinf(), 0.0, least)
    if len(known) < 3:
        return strict, strict
    several = torch.stack([values.isfinite() for values in known]).sum(0) > 2
    return strict, torch.where(several, second, strict)


def _drawn(
    window: Window, cells: _Cells, values: Float[Tensor, " n"], kept: Bool[Tensor, " n"]
) -> Float[Tensor, "h w"]:
    """The largest values of the cells that lie in each place of a window, in the window's pixels."""
    step = max(1.0, SHADOWS * cells.footprint * float(window.pitch.mean()))
    rows, columns = ceil(window.height / step), ceil(window.width / step)
    x, y = cells.within(window)
    inside = kept & (x >= 0) & (y >= 0) & (x < window.width) & (y < window.height)
    # Cells that do not count keep their place: many at one place would wait for each other.
    across, down = ((place / step).clamp_(0, last - 1).floor_() for place, last in ((x, columns), (y, rows)))
    index = down.mul_(columns).add_(across).long()
    empty = torch.full((rows * columns,), -LIMIT, device=values.device)
    drawn = empty.scatter_reduce_(0, index, torch.where(inside, values, -LIMIT), "amax").reshape(1, 1, rows, columns)
    axes = [
        torch.linspace(1 / (step * count) - 1, (2 * length - 1) / (step * count) - 1, length, device=values.device)
        for count, length in ((rows, window.height), (columns, window.width))
    ]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)[None]
    return functional.grid_sample(drawn, grid, padding_mode="border", align_corners=False)[0, 0]
