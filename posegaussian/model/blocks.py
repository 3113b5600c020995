"""Convolution blocks without normalisation layers: training and inference do the same."""

from functools import lru_cache
from importlib.util import find_spec

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def immediate(x: Tensor) -> bool:
    """Whether operations run one by one on CUDA, without gradients: then fewer passes over memory are what counts."""
    return x.is_cuda and not torch.is_grad_enabled() and not torch.compiler.is_compiling() and _is_modern(x.device)


@lru_cache
def _is_modern(device: torch.device) -> bool:
    """Whether a device has fused convolutions in half precision, and Triton compiles for it here."""
    known = torch.version.cuda is not None and find_spec("triton") is not None
    return known and torch.cuda.get_device_capability(device) >= (8, 0)


class Convolution(nn.Conv2d):
    """A convolution, rectified if told so, in as few passes as there can be; channels last in memory are fastest."""

    rectify = False

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k hk wk"]:
        """The same everywhere, up to rounding."""
        if immediate(x):
            if self.kernel_size == (1, 1):  # As a matrix product it adds its bias on the way.
                values = F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
                return values.relu_() if self.rectify else values
            if self.rectify and x.dtype == self.weight.dtype == torch.float16:
                padding = [size // 2 for size in self.kernel_size]
                return torch.cudnn_convolution_relu(x, self.weight, self.bias, self.stride, padding, (1, 1), 1)
        values = super().forward(x)
        return values.relu() if self.rectify else values


def conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, bias: bool = True, rectify: bool = False
) -> Convolution:
    """A padded convolution that keeps the variance of rectified inputs (He et al. 2015)."""
    layer = Convolution(inputs, outputs, size, stride, padding=size // 2, bias=bias)
    layer.rectify = rectify
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def output(inputs: int, outputs: int, gain: float = 0.0) -> Convolution:
    """A pointwise layer whose first answers are small: `gain` times those of an ordinary one, 0 for exactly nothing."""
    layer = conv(inputs, outputs, 1)
    with torch.no_grad():
        layer.weight *= gain
    return layer


class Residual(nn.Module):
    """x + g F(x) with a learned gain g, which stands in for normalisation (De & Smith 2020, "SkipInit")."""

    gain: nn.Parameter | None

    def __init__(self, channels: int, gain: float = 0.3):
        super().__init__()
        self.first = conv(channels, channels, rectify=True)
        self.second = conv(channels, channels, bias=False)
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Takes and gives values that are not rectified yet."""
        weight = self.second.weight if self.gain is None else self.gain * self.second.weight
        return x + F.conv2d(self.first(x.relu()), weight, padding=1)

    @torch.no_grad()
    def fold(self) -> None:
        """Make the gain part of the weights, once nothing is learned any more."""
        if self.gain is not None:
            self.second.weight *= self.gain
            self.gain = None


def concatenated(*parts: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n c h w"]:
    """Channels side by side, channels last in memory whatever the parts are: convolutions are fastest on that."""
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=-1).permute(0, 3, 1, 2)


def add_coarse(fine: Float[Tensor, "n c h w"], coarse: Float[Tensor, "n c hc wc"]) -> Float[Tensor, "n c h w"]:
    """The sum; every coarse cell counts for 2 x 2 fine ones."""
    cells = fine.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return (cells + coarse.permute(0, 2, 3, 1)[:, :, None, :, None]).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def unshuffled(pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k hh wh"]:
    """2 x 2 pixels as channels of one cell, in the order of `F.pixel_unshuffle`, channels last in memory."""
    cells = pixels.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).permute(0, 3, 1, 2)
