"""A small U-Net that turns BlazePose's coarse matte into a fine one, from the image in the person's box.

It reads the image at 512 px or so, the coarse matte and a map of the bones, and is trained by tools/train_matting.py on
synthetic people in rooms with exact coverage.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

INPUTS = 5
"""Channels: red, green, blue, coarse matte, bones; each from -1 to 1, and 0 outside the image."""
STRIDE = 32
"""Width and height of the input are multiples of this."""
_CHANNELS = (24, 32, 64, 96, 128)
"""Of each level, the first of which has half the input's resolution. Chosen by hand: 0.4 million parameters, and 50 ms
on one core for an upright person in 512 x 256 pixels; the two lowest levels take a tenth of that."""
_DILATIONS = (1, 2, 4, 1, 2, 1)
"""Of the blocks of the lowest level, which see the whole person. Chosen by hand."""
_SIGMA = 0.035
"""Standard deviation of a bone's profile as a share of the longer side of the person's box. By hand: half a forearm."""
_BONES = (
    (11, 13), (13, 15), (15, 19), (12, 14), (14, 16), (16, 20), (11, 12), (23, 24), (11, 23), (12, 24), (11, 24),
    (12, 23), (23, 25), (25, 27), (27, 31), (24, 26), (26, 28), (28, 32), (7, 8), (0, 11), (0, 12),
)  # fmt: skip
"""Pairs of BlazePose's landmarks with flesh between them."""
_GRID = 4
"""Pixels of the input between samples of the map of the bones, which is smooth."""


def _convolution(inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1, size: int = 3):
    padding = dilation * (size // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, padding, dilation, groups, bias=False), nn.BatchNorm2d(outputs)
    )


class _Separable(nn.Module):
    """A residual block: a convolution of each channel by itself, then of each pixel by itself."""

    def __init__(self, channels: int, dilation: int = 1):
        super().__init__()
        self.spatial = _convolution(channels, channels, groups=channels, dilation=dilation)
        self.mixing = _convolution(channels, channels, size=1)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        return functional.relu(features + self.mixing(functional.relu(self.spatial(features))))


class _Plain(nn.Module):
    """A convolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3):
        super().__init__()
        self.convolution = _convolution(inputs, outputs, stride, size=size)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        return functional.relu(self.convolution(features))


class MattingNetwork(nn.Module):
    """U-Net of five levels; the first sees 2 x 2 pixels as one, and the last layer takes them apart again."""

    def __init__(self):
        super().__init__()
        a, b, c, d, e = _CHANNELS
        self.down = nn.ModuleList(
            [
                _Plain(4 * INPUTS, a),
                nn.Sequential(_Plain(a, b, 2), _Plain(b, b)),
                nn.Sequential(_Plain(b, c, 2), _Plain(c, c)),
                nn.Sequential(_Plain(c, d, 2), *(_Separable(d) for _ in range(4))),
                nn.Sequential(
                    _convolution(d, d, 2, groups=d),
                    _Plain(d, e, size=1),
                    *(_Separable(e, dilation) for dilation in _DILATIONS),
                ),
            ]
        )
        self.up = nn.ModuleList(
            [
                nn.Sequential(_Plain(a + b, a), _Plain(a, a)),
                nn.Sequential(_Plain(b + c, b), _Plain(b, b)),
                nn.Sequential(_Plain(c + d, c, size=1), _Separable(c), _Separable(c)),
                nn.Sequential(_Plain(d + e, d, size=1), _Separable(d), _Separable(d)),
            ]
        )
        self.logits = nn.Conv2d(a, 4, 3, padding=1)

    def forward(self, inputs: Float[Tensor, "b 5 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Log-odds of the person's coverage.

        Args:
            inputs: see `network_input`; h and w are multiples of `STRIDE`.
        """
        features, skipped = functional.pixel_unshuffle(inputs, 2), []
        for level in self.down:
            features = level(features)
            skipped.append(features)
        for level, skip in zip(reversed(self.up), reversed(skipped[:-1]), strict=True):
            wide = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            features = level(torch.cat([skip, wide], dim=1))
        return functional.pixel_shuffle(self.logits(features), 2)


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
    first, second = (torch.tensor(ends, device=points.device) for ends in zip(*_BONES, strict=True))
    y, x = torch.meshgrid(
        (torch.arange(rows, device=points.device) + 0.5) * _GRID,
        (torch.arange(columns, device=points.device) + 0.5) * _GRID,
        indexing="ij",
    )
    start, along = points[:, first], points[:, second] - points[:, first]
    sigma = torch.as_tensor(_SIGMA * extent, device=points.device).reshape(-1, 1, 1)
    found = points.new_zeros(len(points), rows, columns)
    for bone in range(len(first)):  # one after the other: all together they would not fit into the cache
        a, d = start[:, bone, None, None], along[:, bone, None, None]
        dx, dy = x - a[..., 0], y - a[..., 1]
        length = (d * d).sum(-1).clamp_min(1e-6)
        t = ((dx * d[..., 0] + dy * d[..., 1]) / length).clamp(0, 1)
        squared = (dx - t * d[..., 0]) ** 2 + (dy - t * d[..., 1]) ** 2
        strength = torch.minimum(visibility[:, first[bone]], visibility[:, second[bone]])[:, None, None]
        found = torch.maximum(found, strength * torch.exp(-0.5 * squared / sigma**2))
    return found[:, None]
