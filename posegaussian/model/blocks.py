"""Convolution blocks without normalisation layers: training and inference compute the same."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def uses_fused_kernels(x: Tensor) -> bool:
    """Whether to use fused CUDA kernels: in eager inference, where nothing else fuses and gradients are not needed."""
    return x.is_cuda and not torch.is_grad_enabled() and not torch.compiler.is_compiling() and _is_modern(x.device)


@lru_cache
def _is_modern(device: torch.device) -> bool:
    """Whether a device has fused convolutions in half precision (compute capability 8.0), and Triton is installed."""
    usable = torch.version.cuda is not None and find_spec("triton") is not None
    return usable and torch.cuda.get_device_capability(device) >= (8, 0)


_ALIGNED = 8
"""Channels that tensor cores multiply at a time in half precision (PyTorch's performance guide)."""


class Convolution(nn.Conv2d):
    """A convolution, with a ReLU if `rectify` is set, in as few kernels as possible; channels last is fastest."""

    rectify = False

    @torch.no_grad()
    def align(self) -> None:
        """Append input channels of zeros for inference in half precision: tensor cores take eight at a time."""
        missing = -self.weight.shape[1] % _ALIGNED
        if self.groups == 1 and missing:
            weight = F.pad(self.weight, (0, 0, 0, 0, 0, missing))
            self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last), self.weight.requires_grad)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k hk wk"]:
        """The same result with and without fused kernels, up to rounding."""
        missing = self.groups * self.weight.shape[1] - x.shape[1]
        if missing:
            x = F.pad(x, (0, 0, 0, 0, 0, missing))
        if uses_fused_kernels(x):
            if self.kernel_size == (1, 1):  # A matrix product adds the bias in the same kernel.
                values = F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
                return values.relu_() if self.rectify else values
            if self.rectify and x.dtype == self.weight.dtype == torch.float16:
                padding = [size // 2 for size in self.kernel_size]
                return torch.cudnn_convolution_relu(x, self.weight, self.bias, self.stride, padding, (1, 1), 1)
        values = super().forward(x)
        return values.relu_() if self.rectify else values


def conv(
    inputs: int, outputs: int, size: int = 3, stride: int = 1, bias: bool = True, rectify: bool = False
) -> Convolution:
    """A padded convolution, initialised to keep the variance behind ReLUs (He et al. 2015)."""
    layer = Convolution(inputs, outputs, size, stride, padding=size // 2, bias=bias)
    layer.rectify = rectify
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def output(inputs: int, outputs: int, gain: float = 0.0) -> Convolution:
    """A pointwise output layer whose initial weights are multiplied by `gain`, so that it starts near (or at) zero."""
    layer = conv(inputs, outputs, 1)
    with torch.no_grad():
        layer.weight *= gain
    return layer


class Residual(nn.Module):
    """x + g F(x) with a learned gain g in place of normalisation (De & Smith 2020, "SkipInit")."""

    gain: nn.Parameter | None

    def __init__(self, channels: int, gain: float = 0.3):
        super().__init__()
        self.first = conv(channels, channels, rectify=True)
        self.second = conv(channels, channels, bias=False)
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The sum; inputs and outputs are those before a ReLU."""
        weight = self.second.weight if self.gain is None else self.gain * self.second.weight
        return x + F.conv2d(self.first(x.relu()), weight, padding=1)

    @torch.no_grad()
    def fold(self) -> None:
        """Multiply the weights by the gain, for inference."""
        if self.gain is not None:
            self.second.weight *= self.gain
            self.gain = None


def concatenated(*parts: Float[Tensor, "n _ h w"], channels: int = 0) -> Float[Tensor, "n c h w"]:
    """The parts concatenated along the channels, in channels-last format, for which convolutions are fastest.

    Args:
        parts: of one size.
        channels: zeros are appended up to so many, if the parts have fewer.
    """
    last = [part.permute(0, 2, 3, 1) for part in parts]
    missing = channels - sum(part.shape[1] for part in parts)
    if missing > 0:
        last.append(last[0].new_zeros(*last[0].shape[:3], missing))
    return torch.cat(last, dim=-1).permute(0, 3, 1, 2)


def convolved(layer: Convolution, *groups: Sequence[Float[Tensor, "n _ h w"]]) -> Float[Tensor, "n k h w"]:
    """A convolution of the concatenated parts of all groups.

    TorchInductor compiles it as the sum of a convolution for each group, in half precision on CUDA: to write the
    concatenation to memory and to read it again takes longer than the convolution.
    """
    parts = [part for group in groups for part in group]
    if not torch.compiler.is_compiling() or not parts[0].is_cuda or torch.is_grad_enabled():
        return layer(concatenated(*parts, channels=layer.weight.shape[1]))
    return _summed(layer, groups)


def _summed(layer: Convolution, groups: Sequence[Sequence[Float[Tensor, "n _ h w"]]]) -> Float[Tensor, "n k h w"]:
    """The same as the sum of a convolution for each group."""
    assert layer.bias is not None
    start, channels, total = 0, layer.weight.shape[1], layer.bias[:, None, None]
    for group in groups:
        features = concatenated(*group, channels=channels - start if group is groups[-1] else 0)
        weight = layer.weight[:, start : start + features.shape[1]]
        total = F.conv2d(features, weight, None, layer.stride, layer.padding) + total
        start += features.shape[1]
    return total


def add_coarse(fine: Float[Tensor, "n c h w"], coarse: Float[Tensor, "n c hc wc"]) -> Float[Tensor, "n c h w"]:
    """The fine features plus the coarse ones upsampled to 2 x 2 cells each (nearest neighbour)."""
    cells = fine.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return (cells + coarse.permute(0, 2, 3, 1)[:, :, None, :, None]).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


def unshuffled(pixels: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k hh wh"]:
    """2 x 2 pixels as channels of one cell, in the order of `F.pixel_unshuffle` but in channels-last format."""
    cells = pixels.unflatten(3, (-1, 2)).unflatten(2, (-1, 2))
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).permute(0, 3, 1, 2)


def computed_once(values: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The same values, which TorchInductor writes to memory: it would compute them again in each kernel that uses them.

    Worth it for what is read at several places, such as gathered or pooled. It does so for every input of `as_strided`.
    """
    if not torch.compiler.is_compiling() or torch.is_grad_enabled():
        return values
    values = values.contiguous()
    return values.as_strided(values.shape, values.stride())
