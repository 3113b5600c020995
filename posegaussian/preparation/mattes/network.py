"""A small U-Net that turns BlazePose's coarse matte into a fine one, from the image in the person's box.

It reads the image at 512 px or so, the coarse matte and a map of the bones, and is trained by tools/train_matting.py on
synthetic people in rooms with exact coverage.
"""

from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from posegaussian.model.unet import UNet

_SIGMA = 0.035
"""Standard deviation of a bone's profile as a share of the longer side of the person's box. By hand: half a forearm."""
BONES = (
    (11, 13), (13, 15), (15, 19), (12, 14), (14, 16), (16, 20), (11, 12), (23, 24), (11, 23), (12, 24), (11, 24),
    (12, 23), (23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32), (7, 8), (0, 11), (0, 12),
)  # fmt: skip
"""Pairs of BlazePose's landmarks with flesh between them."""
_GRID = 4
"""Pixels of the input between samples of the map of the bones, which is smooth."""


class MattingNetwork(UNet):
    """The U-Net whose inputs are red, green, blue, coarse matte and bones; 0 outside the image."""


def network_input(
    images: Float[Tensor, "b 3 h w"],
    coarse: Float[Tensor, "b 1 h w"],
    points: Float[Tensor, "b 33 2"],
    visibility: Float[Tensor, "b 33"],
    extent: float | Float[Tensor, " b"],
) -> Float[Tensor, "b 5 h w"]:
    """What the network reads.

    Args:
        images: RGB in [0, 1].
        coarse: BlazePose's matte in the same pixels, in [0, 1].
        points: BlazePose's landmarks, pixels, centres at +0.5.
        visibility: of the landmarks, in [0, 1].
        extent: longer side of the person's box, pixels.
    """
    height, width = images.shape[-2:]
    bones = bone_map(points, visibility, extent, height // _GRID, width // _GRID)
    bones = functional.interpolate(bones, size=(height, width), mode="bilinear", align_corners=False)
    return 2 * torch.cat([images, coarse, bones], dim=1) - 1


def bone_map(
    points: Float[Tensor, "b 33 2"],
    visibility: Float[Tensor, "b 33"],
    extent: float | Float[Tensor, " b"],
    rows: int,
    columns: int,
) -> Float[Tensor, "b 1 rows columns"]:
    """1 along the bones, falling to 0 beside them; fainter where the ends of a bone are likely not visible.

    Args:
        points: landmarks, pixels of an image that has `_GRID` pixels to a cell.
        visibility: of the landmarks.
        extent: longer side of the person's box, pixels.
        rows: of cells.
        columns: of cells.
    """
    first, second = _ends(points.device)
    y, x = torch.meshgrid(
        (torch.arange(rows, device=points.device) + 0.5) * _GRID,
        (torch.arange(columns, device=points.device) + 0.5) * _GRID,
        indexing="ij",
    )
    start, along = points[:, first], points[:, second] - points[:, first]
    strengths = torch.minimum(visibility[:, first], visibility[:, second])[..., None, None]
    sigma = torch.as_tensor(_SIGMA * extent, device=points.device).to(points.dtype).reshape(-1, 1, 1, 1)
    found = points.new_zeros(len(points), rows, columns)
    # On the CPU one after the other: all together they would not fit into the cache. On CUDA all of them: an operation
    # takes longer to begin than to run.
    count = len(first) if points.is_cuda else 1
    for begin in range(0, len(first), count):
        part = slice(begin, begin + count)
        a, d = start[:, part, None, None], along[:, part, None, None]
        dx, dy = x - a[..., 0], y - a[..., 1]
        length = (d * d).sum(-1).clamp_min(1e-6)
        t = ((dx * d[..., 0] + dy * d[..., 1]) / length).clamp(0, 1)
        squared = (dx - t * d[..., 0]) ** 2 + (dy - t * d[..., 1]) ** 2
        found = torch.maximum(found, (strengths[:, part] * torch.exp(-0.5 * squared / sigma**2)).amax(1))
    return found[:, None]


@cache
def _ends(device: torch.device) -> tuple[Tensor, Tensor]:
    """Indices of the first and of the second landmark of each bone; kept, since a CUDA graph cannot copy them."""
    with torch.inference_mode(False):
        first, second = (torch.tensor(ends, device=device) for ends in zip(*BONES, strict=True))
    return first, second
