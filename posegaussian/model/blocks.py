"""Convolution blocks without normalisation layers: training and inference do the same, with nothing to fold away."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """A padded convolution that keeps the variance of rectified inputs (He et al. 2015)."""
    layer = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def output(inputs: int, outputs: int, gain: float = 0.0) -> nn.Conv2d:
    """A pointwise layer whose first answers are small: `gain` times those of an ordinary one, 0 for exactly nothing."""
    layer = conv(inputs, outputs, 1)
    with torch.no_grad():
        layer.weight *= gain
    return layer


class Residual(nn.Module):
    """x + g F(x) with a learned gain g, which stands in for normalisation (De & Smith 2020, "SkipInit")."""

    def __init__(self, channels: int, gain: float = 0.3):
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels, bias=False)
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Takes and gives values that are not rectified yet."""
        return x.addcmul(self.second(self.first(x.relu()).relu()), self.gain)


def concatenated(*parts: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n c h w"]:
    """Channels side by side, channels last in memory whatever the parts are: convolutions are fastest on that."""
    return torch.cat([part.permute(0, 2, 3, 1) for part in parts], dim=-1).permute(0, 3, 1, 2)


def add_coarse(fine: Float[Tensor, "n c h w"], coarse: Float[Tensor, "n c hc wc"]) -> Float[Tensor, "n c h w"]:
    """The sum; every coarse cell counts for 2 x 2 fine ones."""
    cells = fine.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
    return (cells + coarse.permute(0, 2, 3, 1)[:, :, None, :, None]).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
