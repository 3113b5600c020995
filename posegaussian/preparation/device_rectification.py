"""A pair of frames rectified on a CUDA device: the person on black and the mask, as `rectify_person` makes them.

The same steps in float32, with other roundings: a few pixels differ by a level of 8 bits. Nothing waits for the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.geometry.resampling import positions, reduced_size
from posegaussian.locks import DEVICE
from posegaussian.preparation.color import IDENTITY
from posegaussian.preparation.mattes.compositing import BACKGROUND_REACH, FALLBACK, PURITY
from posegaussian.preparation.rectification_plan import PairPlan, ViewPlan

_ROOM = 4
"""Black pixels around an image, in which all 16 samples of a pixel outside of it lie."""


@dataclass(frozen=True)
class _View:
    """What resampling the images of one camera needs, on the device.

    Args:
        first: indices of the uppermost four of the 16 samples of each pixel, in the image with `_ROOM` around it.
        down: weights of the four rows of samples.
        across: weights of the four columns.
        average: area averages of rows and columns, which come first; None where the image is not reduced.
        color: transform of the colours; None where they stay.
    """

    first: Int[Tensor, "h2 w2 4"]
    down: Float[Tensor, "4 h2 w2 1"]
    across: Float[Tensor, "h2 w2 4 1"]
    average: tuple[Float[Tensor, "h1 h"], Float[Tensor, "w1 w"]] | None
    color: Float[Tensor, "3 4"] | None


class DeviceRectifier:
    """Rectifies frame after frame by one plan; threads may call it at the same time.

    Args:
        plan: of the pair.
        device: on which everything is computed.
    """

    def __init__(self, plan: PairPlan, device: torch.device):
        self.plan, self.device = plan, device
        self._views = [_view(view, device) for view in plan.views]
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()  # other threads have other streams

    @torch.no_grad()
    def __call__(
        self, images: Sequence[UInt8[Tensor, "_ _ 3"]], masks: Sequence[UInt8[Tensor, "_ _"]]
    ) -> tuple[UInt8[Tensor, "2 h2 w2 3"], UInt8[Tensor, "2 h2 w2"]]:
        """The person on black and the mask in both views.

        Args:
            images: RGB of the left and of the right camera, on the device.
            masks: coverage of the person in them, 0..255.
        """
        with DEVICE.shared():
            levels = torch.stack([_levels(*each) for each in zip(self._views, images, masks, strict=True)])
        return torch.minimum(levels[..., :3], levels[..., 3:]), levels[..., 3]


def _levels(view: _View, image: UInt8[Tensor, "h w 3"], mask: UInt8[Tensor, "h w"]) -> UInt8[Tensor, "h2 w2 4"]:
    """The person without the background, and the coverage, resampled."""
    colors, coverage = image / 255, mask[..., None] / 255
    if view.color is not None:
        colors = _transformed(colors, view.color)
    values = torch.cat([_without_background(colors, coverage), coverage], dim=2)
    if view.average is not None:
        values = torch.einsum("ih,hwc,jw->ijc", view.average[0], values, view.average[1])
    padded = functional.pad(values, (0, 0, _ROOM, _ROOM, _ROOM, _ROOM))
    table, width = padded.flatten(0, 1), padded.shape[1]
    total = table.new_zeros(*view.first.shape[:2], 4)
    for row, down in enumerate(view.down):
        total.addcmul_((table[view.first + row * width] * view.across).sum(2), down)
    return (total.clamp(0, 1) * 255).round().byte()


def _without_background(image: Float[Tensor, "h w 3"], coverage: Float[Tensor, "h w 1"]) -> Float[Tensor, "h w 3"]:
    """See `mattes.compositing.without_background`."""
    weight = torch.where(coverage < 1, (1 - coverage) ** PURITY, 0)
    window, room = 2 * BACKGROUND_REACH + 1, [BACKGROUND_REACH] * 4
    around = functional.pad(torch.cat([weight, weight * image], dim=2).movedim(-1, 0)[None], room, mode="reflect")
    means = functional.avg_pool2d(around, window, stride=1)[0].movedim(0, -1)
    background = (means[..., 1:] + FALLBACK * image) / (means[..., :1] + FALLBACK)
    return (image - (1 - coverage) * background).clamp_min(0).minimum(coverage)


def _transformed(colors: Float[Tensor, "h w 3"], transform: Float[Tensor, "3 4"]) -> Float[Tensor, "h w 3"]:
    """See `color.transform_colors`."""
    light = torch.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    light = (light @ transform[:, :3].T + transform[:, 3]).clamp(0, 1)
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _view(view: ViewPlan, device: torch.device) -> _View:
    size = view.source.width, view.source.height
    small = reduced_size(*size, view.sampling)
    places = (view.sampling.x, view.sampling.y) if small == size else positions(size, small, view.sampling)
    x, y = (torch.from_numpy(values.astype(np.float32)).to(device) for values in places)
    column, row = (values.floor().clamp(-3, length + 1).long() for values, length in zip((x, y), small, strict=True))
    corner = (row + _ROOM - 1) * (small[0] + 2 * _ROOM) + column + _ROOM - 1
    return _View(
        corner[..., None] + torch.arange(4, device=device),
        _weights(y - y.floor())[..., None],
        _weights(x - x.floor()).movedim(0, -1)[..., None].contiguous(),
        None if small == size else (_average(size[1], small[1]).to(device), _average(size[0], small[0]).to(device)),
        torch.from_numpy(view.color).float().to(device) if (view.color != IDENTITY).any() else None,
    )


def _weights(t: Float[Tensor, "h w"]) -> Float[Tensor, "4 h w"]:
    """Weights of four neighbouring samples at places, 0 to 1, between the inner two (Keys, 1981, a = -1/2)."""
    outer, last = t * (t * (1 - t / 2) - 0.5), t * t * (t - 1) / 2
    return torch.stack([outer, t * t * (1.5 * t - 2.5) + 1, t * (t * (2 - 1.5 * t) + 0.5), last])


def _average(length: int, fewer: int) -> Float[Tensor, "fewer length"]:
    """The matrix that averages pixels along one axis, each by its share, as OpenCV's `INTER_AREA` does."""
    edges = torch.arange(fewer + 1, dtype=torch.float64) * (length / fewer)
    pixel = torch.arange(length, dtype=torch.float64)
    shares = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    return (shares.clamp_min(0) * (fewer / length)).float()
