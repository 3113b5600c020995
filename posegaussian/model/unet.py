"""A U-Net for mattes: of the matting network, and of the network's own correction of the mattes that it is given."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from posegaussian.model.blocks import Convolution

INPUTS = 5
"""Channels of the input."""
STRIDE = 32
"""Width and height of the input are multiples of this."""
_CHANNELS = (24, 32, 64, 96, 128)
"""Of each level, the first of which has half the input's resolution. Chosen by hand: 0.4 million parameters, and 50 ms
on one core for an upright person in 512 x 256 pixels; the two lowest levels take a tenth of that."""
_DILATIONS = (1, 2, 4, 1, 2, 1)
"""Of the blocks of the lowest level, which see the whole person. Chosen by hand."""


def _convolution(inputs: int, outputs: int, stride: int = 1, groups: int = 1, dilation: int = 1, size: int = 3):
    padding = dilation * (size // 2)
    return nn.Sequential(
        Convolution(inputs, outputs, size, stride, padding, dilation, groups, bias=False), nn.BatchNorm2d(outputs)
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
    """A convolution and a ReLU."""

    joined = False

    def __init__(self, inputs: int, outputs: int, stride: int = 1, size: int = 3):
        super().__init__()
        self.convolution = _convolution(inputs, outputs, stride, size=size)

    def forward(self, features: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        values = self.convolution(features)
        return values if self.joined else functional.relu(values)

    def join(self) -> None:
        """Let the convolution, whose normalisation is merged, apply the ReLU: on CUDA in the same kernel."""
        convolution = self.convolution[0]
        assert isinstance(convolution, Convolution)
        convolution.rectify = self.joined = True


class UNet(nn.Module):
    """Five levels; the first sees 2 x 2 pixels as one, and the last layer takes them apart again."""

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
        """One value for each pixel, such as the log-odds of the person's coverage.

        Args:
            inputs: from -1 to 1; h and w are multiples of `STRIDE`.
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


def without_normalisation(network: nn.Module) -> None:
    """Merge each normalisation into the convolution before it; the network computes the same in inference."""
    for module in list(network.modules()):
        if isinstance(module, nn.Sequential) and len(module) == 2 and isinstance(module[1], nn.BatchNorm2d):
            convolution, normalisation = module
            assert isinstance(convolution, nn.Conv2d) and isinstance(normalisation, nn.BatchNorm2d)
            module[0], module[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()
    for module in network.modules():
        if isinstance(module, _Plain):
            module.join()
