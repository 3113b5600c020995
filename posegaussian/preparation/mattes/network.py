"""A small U-Net that turns BlazePose's coarse matte into a fine one, from the image in the person's box.

It reads the image at 512 px or so, the coarse matte and a map of the bones, and is trained by tools/train_matting.py on
synthetic people in rooms with exact coverage.
"""

from functools import cache

import torch
from jaxtyping import Float, Int
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

    def forward(
        self, inputs: Float[Tensor, "b 5 h w"], area: Int[Tensor, "2"] | None = None
    ) -> Float[Tensor, "b 1 h w"]:
        """Log-odds of the person's coverage.

        Args:
            inputs: see `network_input`; h and w are multiples of `STRIDE`.
            area: rows and columns that count, multiples of `STRIDE`: the output there is as if the rest were not; None:
                all. A CUDA graph for inputs of one size serves all smaller ones so.
        """
        features, skipped, pixels = functional.pixel_unshuffle(inputs, 2), [], 1
        for level in self.down:
            pixels *= 2
            features = _through(level, features, area, pixels)
            skipped.append(features)
        for level, skip in zip(reversed(self.up), reversed(skipped[:-1]), strict=True):
            features, pixels = _with_border(features, area, pixels), pixels // 2
            wide = functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
            features = _through(level, torch.cat([skip, _cut(wide, area, pixels)], dim=1), area, pixels)
        return functional.pixel_shuffle(self.logits(features), 2)


Area = Int[Tensor, "2"] | None
"""Rows and columns of the network's input that count; None: all."""


def _through(level: nn.Module, features: Float[Tensor, "b c h w"], area: Area, pixels: int) -> Tensor:
    """The output of a level, 0 outside the area; each feature stands for `pixels` x `pixels` of the network's input."""
    if area is None:
        return level(features)
    for block in level if isinstance(level, nn.Sequential) else [level]:
        features = _cut(block(features), area, pixels)
    return features


def _cut(features: Float[Tensor, "b c h w"], area: Area, pixels: int) -> Float[Tensor, "b c h w"]:
    """Features that are 0 outside the area, as convolutions pad them."""
    if area is None:
        return features
    inside = [torch.arange(n, device=area.device) < area[axis] // pixels for axis, n in enumerate(features.shape[2:])]
    return features * (inside[0][:, None] & inside[1])


def _with_border(features: Float[Tensor, "b c h w"], area: Area, pixels: int) -> Float[Tensor, "b c h w"]:
    """Features whose last row and column in the area are repeated beyond it, as the interpolation does at a border."""
    if area is None:
        return features
    last = area // pixels - 1
    rows, columns = (torch.arange(n, device=area.device).minimum(last[i]) for i, n in enumerate(features.shape[2:]))
    return features.index_select(2, rows).index_select(3, columns)


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
    sigma = torch.as_tensor(_SIGMA * extent, device=points.device).to(points.dtype).reshape(-1, 1, 1)
    found = points.new_zeros(len(points), rows, columns)
    for bone in range(len(first)):  # one after the other: all together they would not fit into the cache
        a, d = start[:, bone, None, None], along[:, bone, None, None]
        dx, dy = x - a[..., 0], y - a[..., 1]
        length = (d * d).sum(-1).clamp_min(1e-6)
        t = ((dx * d[..., 0] + dy * d[..., 1]) / length).clamp(0, 1)
        squared = (dx - t * d[..., 0]) ** 2 + (dy - t * d[..., 1]) ** 2
        found = torch.maximum(found, strengths[:, bone] * torch.exp(-0.5 * squared / sigma**2))
    return found[:, None]


@cache
def _ends(device: torch.device) -> tuple[Tensor, Tensor]:
    """Indices of the first and of the second landmark of each bone; kept, since a CUDA graph cannot copy them."""
    with torch.inference_mode(False):
        first, second = (torch.tensor(ends, device=device) for ends in zip(*_BONES, strict=True))
    return first, second
