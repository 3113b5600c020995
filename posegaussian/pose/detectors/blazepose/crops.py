"""Square crops of an image, turned so that the person stands upright in them."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from posegaussian.locks import DEVICE
from posegaussian.types import Tensors

_MARGIN = 2
"""Image pixels that are read around a crop, for the interpolation at its edge."""
_PADDING = 1.25
"""Side of an upright crop as against the circle's diameter: MediaPipe's, for the detector and landmarks."""


@dataclass(frozen=True)
class Crops(Tensors):
    """Squares; positions within one are shares (u, v) of its side, (0, 0) at its upper left corner."""

    centre: Float[Tensor, "*b 2"]  # (x, y), image pixels, pixel centres at +0.5
    side: Float[Tensor, "*b"]  # image pixels
    # by which the square is turned clockwise, radians; 0: its sides are parallel to the image's
    angle: Float[Tensor, "*b"]

    @staticmethod
    def of_rows(rows: Float[Tensor, "*b 4"]) -> "Crops":
        """Squares of the x and y of their centres, their sides and angles."""
        return Crops(rows[..., :2], rows[..., 2], rows[..., 3])

    def rows(self) -> Float[Tensor, "*b 4"]:
        """The x and y of the centres, sides and angles."""
        return torch.cat([self.centre, self.side[..., None], self.angle[..., None]], dim=-1)

    def to_image(self, shares: Float[Tensor, "*b n 2"]) -> Float[Tensor, "*b n 2"]:
        """Image pixels of positions within the squares."""
        return self.centre[..., None, :] + self.side[..., None, None] * _turned(shares - 0.5, self.angle)


def _turned(points: Float[Tensor, "*b n 2"], angle: Float[Tensor, "*b"]) -> Float[Tensor, "*b n 2"]:
    """Points turned clockwise (the y axis points down) around the origin."""
    cos, sin = angle.cos()[..., None], angle.sin()[..., None]
    x, y = points.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)


def upright_crops(hips: Float[Tensor, "*b 2"], top: Float[Tensor, "*b 2"]) -> Crops:
    """Crops around the hips in which a line upwards along the body points upwards.

    Args:
        hips: their middle, the centre of a circle around the person, image pixels.
        top: where the line from the hips along the spine meets that circle, image pixels.
    """
    up = top - hips
    return Crops(hips, 2 * _PADDING * torch.linalg.vector_norm(up, dim=-1), torch.atan2(up[..., 0], -up[..., 1]))


def box_crops(boxes: Float[Tensor, "*b 4"], padding: float) -> Crops:
    """Crops around boxes (x0, y0, x1, y1) in image pixels, parallel to the image's sides."""
    extent = boxes[..., 2:] - boxes[..., :2]
    side = padding * extent.amax(-1)
    return Crops((boxes[..., :2] + boxes[..., 2:]) / 2, side, torch.zeros_like(side))


def sample_crops(
    images: "list[UInt8[Tensor, '3 _ _']]", crops: Crops, size: int, outside: Literal["border", "zeros"]
) -> Float[Tensor, "b 3 size size"]:
    """One crop of each image; see `sample_crop`."""
    crops = Crops.of_rows(crops.rows().cpu())  # all at once: each look at a value on a device would wait for it
    return torch.stack([sample_crop(image, crops[index], size, outside) for index, image in enumerate(images)])


def sample_crop(
    image: UInt8[Tensor, "3 h w"], crop: Crops, size: int, outside: Literal["border", "zeros"]
) -> Float[Tensor, "3 size size"]:
    """A crop resampled, in [0, 1]; where it is much finer than needed, cells of pixels are averaged first.

    Args:
        image: RGB.
        crop: one square, on the CPU, wherever the image is.
        size: of the result, pixels.
        outside: what lies beyond the image: its nearest pixel, or black.
    """
    corners = crop.to_image(torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]]))
    limits = torch.tensor(image.shape[:0:-1])  # width, height
    low = (corners.amin(0) - _MARGIN).clamp(torch.zeros_like(limits), limits - 1).long().tolist()
    high = (corners.amax(0) + _MARGIN).ceil().clamp(torch.tensor(low) + 1, limits).long().tolist()
    part = image[:, low[1] : high[1], low[0] : high[0]].float()[None] / 255
    cell = max(1, int(crop.side / size))
    part = functional.avg_pool2d(part, cell, ceil_mode=True, count_include_pad=False)
    extent = cell * torch.tensor(part.shape[:1:-1])
    grid = _grid(crop, torch.tensor(low), extent, size, part.device)
    return functional.grid_sample(part, grid, padding_mode=outside, align_corners=False)[0]


def resample_crop(image: UInt8[Tensor, "3 h w"], crop: Crops, size: int) -> Float[Tensor, "3 size size"]:
    """What `sample_crop` returns with `outside="border"`, on any device, without looking at a value on the host.

    The averages are products with matrices, whose size does not depend on the crop: so it can be part of a CUDA graph.

    Args:
        image: RGB.
        crop: one square, on the device of the image.
        size: of the result, pixels.
    """
    most = 3 * size  # cells along an axis: a crop has less than twice its pixels, and sqrt(2) times as many if turned
    shares = torch.stack(torch.meshgrid(*[torch.arange(2.0, device=image.device)] * 2, indexing="xy"), -1).reshape(4, 2)
    corners = crop.to_image(shares)
    cell = (crop.side / size).floor().clamp_min(1)
    places = crop.to_image(cell_centres(size, size, image.device))
    matrices, axes = [], []
    for axis, length in ((1, image.shape[1]), (0, image.shape[2])):
        low = (corners[:, axis].amin() - _MARGIN).floor().clamp(0, length - 1)
        high = torch.maximum((corners[:, axis].amax() + _MARGIN).ceil().clamp_max(length), low + 1)
        first = low + cell * torch.arange(most, device=image.device)[:, None]
        pixel = torch.arange(length, device=image.device)
        inside = ((pixel >= first) & (pixel < torch.minimum(first + cell, high))).float()
        matrices.append(inside / inside.sum(1, keepdim=True).clamp_min(1))
        last = ((high - low) / cell).ceil() - 1
        axes.append(torch.minimum(((places[:, axis] - low) / cell - 0.5).clamp_min(0), last))
    with DEVICE.shared():
        cells = matrices[0] @ (image.float() / 255) @ matrices[1].T
    grid = (2 * torch.stack(axes[::-1], -1) + 1) / most - 1
    return functional.grid_sample(cells[None], grid.reshape(1, size, size, 2), align_corners=False)[0]


def _grid(
    crop: Crops, low: Int[Tensor, "2"], extent: Int[Tensor, "2"], size: int, device: torch.device
) -> Float[Tensor, "1 size size 2"]:
    """Where `grid_sample` looks for the cells of a crop in a part of the image with this corner and extent, pixels."""
    if device.type == "cpu":
        return (2 * (crop.to_image(cell_centres(size, size)) - low) / extent - 1).reshape(1, size, size, 2)
    # The same map from the positions of three corners, computed there: half a megabyte less to copy.
    corners = 2 * (crop.to_image(torch.tensor([[0.5, 0.5], [1.0, 0.5], [0.5, 1.0]])) - low) / extent - 1
    theta = torch.stack([corners[1] - corners[0], corners[2] - corners[0], corners[0]], dim=1)[None]
    return functional.affine_grid(theta.to(device), [1, 3, size, size], align_corners=False)


def cell_centres(rows: int, columns: int, device: torch.device | None = None) -> Float[Tensor, "n 2"]:
    """Centres of a crop's cells, row by row, as shares of its side."""
    y, x = torch.meshgrid(
        (torch.arange(rows, device=device) + 0.5) / rows,
        (torch.arange(columns, device=device) + 0.5) / columns,
        indexing="ij",
    )
    return torch.stack([x, y], dim=-1).reshape(-1, 2)
