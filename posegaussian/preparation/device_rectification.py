"""A pair of frames rectified on a CUDA device: images and masks as `rectify_view` or `rectify_person` makes them.

The same steps in float32, with other roundings: a few pixels differ by a level of 8 bits.
Whole images and few large operations: each takes Python's lock, and a gather of single samples took 20 ms on an H200.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.geometry.averages import average_matrix
from posegaussian.geometry.resampling import positions, reduced_size
from posegaussian.locks import DEVICE
from posegaussian.preparation.color import IDENTITY
from posegaussian.preparation.device_band import as_filmed
from posegaussian.preparation.mattes.compositing import BACKGROUND_REACH, FALLBACK, PURITY
from posegaussian.preparation.rectification_plan import PairPlan, ViewPlan


@dataclass(frozen=True)
class _View:
    """What resampling the images of one camera needs, on the device."""

    # where nine linear lookups lie in the image, from -1 to 1: they make the 16 samples of a pixel
    grid: Float[Tensor, "9 h2 w2 2"]
    weights: Float[Tensor, "9 1 h2 w2"]  # of the lookups
    # area averages of rows and columns, which come first; None where the image is not reduced
    average: tuple[Float[Tensor, "h1 h"], Float[Tensor, "w1 w"]] | None
    color: Float[Tensor, "3 4"] | None  # transform of the colours; None where they stay


class DeviceRectifier:
    """Rectifies frame after frame by one plan, on CUDA as a graph; threads may call it at the same time.

    Args:
        plan: of the pair.
        device: on which everything is computed.
        filmed: whether images are as filmed in a band around the person; else they show the person on black.
        given: whether the masks of the left and of the right camera were given: their soft edges are kept exact, those
            of found ones are as filmed where no background is near.
    """

    def __init__(self, plan: PairPlan, device: torch.device, filmed: bool, given: tuple[bool, bool] = (False, False)):
        self.plan, self.device, self.filmed, self._given = plan, device, filmed, given
        self._views = [_view(view, device) for view in plan.views]
        self._run = GraphPerShape(self._rectified)
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()  # other threads have other streams

    def __call__(
        self, images: Sequence[UInt8[Tensor, "_ _ 3"]], masks: Sequence[UInt8[Tensor, "_ _"]]
    ) -> tuple[UInt8[Tensor, "2 3 h2 w2"], UInt8[Tensor, "2 h2 w2"]]:
        """Images and masks of both views.

        Args:
            images: RGB of the left and of the right camera, on the device.
            masks: coverage of the person in them, 0..255.
        """
        rectified, coverage = self._run(self.device, *images, *masks)
        return rectified, coverage

    def _rectified(self, *arrays: Tensor) -> tuple[Tensor, Tensor]:
        """See a call; images, then masks."""
        pairs = zip(self._views, arrays[:2], arrays[2:], strict=True)
        with DEVICE.shared():
            levels = torch.stack([_levels(*each, self.filmed) for each in pairs])
            coverage, person = levels[:, 3], torch.minimum(levels[:, :3], levels[:, 3:4])
            return (as_filmed(person, levels[:, 4:], coverage, self._given) if self.filmed else person), coverage


def _levels(
    view: _View, image: UInt8[Tensor, "h w 3"], mask: UInt8[Tensor, "h w"], filmed: bool
) -> UInt8[Tensor, "c h2 w2"]:
    """The person without the background, the coverage, and the image as filmed where it is wanted, resampled."""
    colors, coverage = image.movedim(-1, 0).contiguous() / 255, mask[None] / 255
    if view.color is not None:
        colors = _transformed(colors, view.color)
    values = torch.cat([_without_background(colors, coverage), coverage, *([colors] if filmed else [])])
    if view.average is not None:
        rows, columns = view.average
        values = rows @ values @ columns.T
    found = functional.grid_sample(
        values.expand(len(view.grid), -1, -1, -1), view.grid, padding_mode="zeros", align_corners=False
    )
    return (found.mul_(view.weights).sum(0).clamp(0, 1) * 255).round().byte()


def _without_background(image: Float[Tensor, "3 h w"], coverage: Float[Tensor, "1 h w"]) -> Float[Tensor, "3 h w"]:
    """See `mattes.compositing.without_background`."""
    weight = torch.where(coverage < 1, (1 - coverage) ** PURITY, 0)
    window = 2 * BACKGROUND_REACH + 1
    means = functional.pad(torch.cat([weight, weight * image])[None], [BACKGROUND_REACH] * 4, mode="reflect")
    for size in ((window, 1), (1, window)):
        means = functional.avg_pool2d(means, size, stride=1)
    background = (means[0, 1:] + FALLBACK * image) / (means[0, :1] + FALLBACK)
    return (image - (1 - coverage) * background).clamp_min(0).minimum(coverage)


def _transformed(colors: Float[Tensor, "3 h w"], transform: Float[Tensor, "3 4"]) -> Float[Tensor, "3 h w"]:
    """See `color.transform_colors`."""
    light = torch.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    light = (torch.einsum("ij,jhw->ihw", transform[:, :3], light) + transform[:, 3, None, None]).clamp(0, 1)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _view(view: ViewPlan, device: torch.device) -> _View:
    size = view.source.width, view.source.height
    small = reduced_size(*size, view.sampling)
    places = (view.sampling.x, view.sampling.y) if small == size else positions(size, small, view.sampling)
    x, y = (_lookups(torch.from_numpy(values.astype(np.float32)).to(device)) for values in places)
    pairs = [(row, column) for row in zip(*y, strict=True) for column in zip(*x, strict=True)]
    grid = [
        torch.stack([(2 * each + 1) / length - 1 for each, length in zip((c[0], r[0]), small, strict=True)], -1)
        for r, c in pairs
    ]
    return _View(
        torch.stack(grid),
        torch.stack([row[1] * column[1] for row, column in pairs])[:, None],
        None
        if small == size
        else (average_matrix(size[1], small[1], device), average_matrix(size[0], small[0], device)),
        torch.from_numpy(view.color).float().to(device) if (view.color != IDENTITY).any() else None,
    )


def _lookups(place: Float[Tensor, "h w"]) -> tuple[list[Tensor], list[Tensor]]:
    """Positions and weights of three linear lookups along one axis; see `geometry.resampling.resample`.

    They are the Catmull-Rom kernel (Keys, 1981, a = -1/2): one lookup serves both inner samples.
    """
    base = place.floor()
    t = place - base
    inner, after = t * t * (1.5 * t - 2.5) + 1, t * (t * (2 - 1.5 * t) + 0.5)
    both = inner + after
    return [base - 1, base + after / both, base + 2], [t * (t * (1 - t / 2) - 0.5), both, t * t * (t - 1) / 2]
