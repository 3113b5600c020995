"""Upsampling of matches: by learned convex combinations of 3 x 3 cells (Teed & Deng 2020), or bilinearly."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.blocks import conv, output, uses_fused_kernels

_WEIGHT_FLOOR = 0.02
"""Added to weights before their logarithm, so that no cell is excluded for good. Chosen by hand."""


class ConvexUpsampling(nn.Module):
    """Each pixel as a convex combination of the 3 x 3 cells around it; before training, nearly bilinear.

    Args:
        channels: of the features that the weights are predicted from.
        stride: pixels per cell.
    """

    bias: Tensor

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.stride = stride
        self.weights = nn.Sequential(conv(channels, channels, rectify=True), output(channels, 9 * stride**2, gain=0.1))
        self.register_buffer("bias", (_bilinear_weights(stride) + _WEIGHT_FLOOR).log(), persistent=False)

    def forward(
        self, q: Float[Tensor, "n h w"], features: Float[Tensor, "n c h w"], coverage: Float[Tensor, "n h w"]
    ) -> Float[Tensor, "n hf wf"]:
        """The match in finer cells, `stride` times as many in each direction; its unit becomes the finer cell.

        Args:
            q: the match of every cell, in cells.
            features: from which the weights are predicted.
            coverage: share of each cell that the person covers; it multiplies the weights.
        """
        s = self.stride
        logits = self.weights(features)
        if uses_fused_kernels(q):
            from posegaussian.model import kernels

            return kernels.convex_upsampling(q, logits, self.bias, coverage, _WEIGHT_FLOOR)
        logits = logits.unflatten(1, (9, s, s)) + self.bias[..., None, None]
        logits = logits + (_neighbours(coverage) + _WEIGHT_FLOOR).log().to(logits.dtype)[:, :, None, None]
        offset = (_neighbours(q) - q[:, None]).to(logits.dtype)[:, :, None, None]
        values = q[:, None, None] + (logits.softmax(1) * offset).sum(1)
        return s * F.pixel_shuffle(values.flatten(1, 2), s)[:, 0]


def bilinear(q: Float[Tensor, "n h w"], stride: int) -> Float[Tensor, "n hf wf"]:
    """The same as `ConvexUpsampling`, bilinearly."""
    return stride * F.interpolate(q[:, None], scale_factor=stride, mode="bilinear", align_corners=False)[:, 0]


def _neighbours(values: Float[Tensor, "n h w"]) -> Float[Tensor, "n 9 h w"]:
    """The 3 x 3 cells around each cell, row by row; the border is replicated."""
    height, width = values.shape[-2:]
    padded = replicated(values)
    return torch.stack([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], dim=1)


def replicated(values: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n hp wp"]:
    """The values padded by one cell on every side, which repeats the border."""
    rows = torch.cat([values[..., :1, :], values, values[..., -1:, :]], dim=-2)
    return torch.cat([rows[..., :1], rows, rows[..., -1:]], dim=-1)


def _bilinear_weights(stride: int) -> Float[Tensor, "9 s s"]:
    """Bilinear weights of the 3 x 3 cells for every pixel of the middle cell."""
    offset = (torch.arange(stride) + 0.5) / stride - 0.5
    line = (1 - (offset - torch.tensor([[-1.0], [0.0], [1.0]])).abs()).clamp_min(0)
    return (line[:, None, :, None] * line[None, :, None, :]).flatten(0, 1)
