"""From cells to finer ones: learned convex combinations of the nine cells around (Teed & Deng 2020), or bilinear."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.blocks import conv, immediate, output


class ConvexUpsampling(nn.Module):
    """Every pixel is a convex combination of the nine cells around; at first a bilinear one of the person's cells.

    Args:
        channels: of the features that choose the weights.
        stride: pixels per cell.
    """

    bias: Tensor

    def __init__(self, channels: int, stride: int):
        super().__init__()
        self.stride = stride
        self.weights = nn.Sequential(conv(channels, channels, rectify=True), output(channels, 9 * stride**2, gain=0.1))
        self.register_buffer("bias", (_bilinear_weights(stride) + 0.02).log(), persistent=False)

    def forward(
        self, q: Float[Tensor, "n h w"], features: Float[Tensor, "n c h w"], coverage: Float[Tensor, "n h w"]
    ) -> Float[Tensor, "n hf wf"]:
        """Values in cells to values in finer cells, `stride` times as many.

        Args:
            q: one value per cell.
            features: what the weights are chosen by.
            coverage: share of each cell that the person covers; cells of the background have little say.
        """
        s = self.stride
        logits = self.weights(features)
        if immediate(q):
            from posegaussian.model import kernels

            return kernels.convex(q, logits, self.bias, coverage)
        logits = logits.unflatten(1, (9, s, s)) + self.bias[..., None, None]
        logits = logits + (_neighbours(coverage) + 0.02).log().to(logits.dtype)[:, :, None, None]
        away = (_neighbours(q) - q[:, None]).to(logits.dtype)[:, :, None, None]
        values = q[:, None, None] + (logits.softmax(1) * away).sum(1)
        return s * F.pixel_shuffle(values.flatten(1, 2), s)[:, 0]


def bilinear(q: Float[Tensor, "n h w"], stride: int) -> Float[Tensor, "n hf wf"]:
    """Values in cells to values in finer cells, `stride` times as many."""
    return stride * F.interpolate(q[:, None], scale_factor=stride, mode="bilinear", align_corners=False)[:, 0]


def _neighbours(values: Float[Tensor, "n h w"]) -> Float[Tensor, "n 9 h w"]:
    """The 3 x 3 cells about each cell, row by row; beyond the border the nearest cell."""
    height, width = values.shape[-2:]
    padded = replicated(values)
    return torch.stack([padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], dim=1)


def replicated(values: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n hp wp"]:
    """One more cell on every side, equal to the nearest one."""
    rows = torch.cat([values[..., :1, :], values, values[..., -1:, :]], dim=-2)
    return torch.cat([rows[..., :1], rows, rows[..., -1:]], dim=-1)


def _bilinear_weights(stride: int) -> Float[Tensor, "9 s s"]:
    """How much each of the nine cells counts for each pixel of the middle one, bilinearly."""
    offset = (torch.arange(stride) + 0.5) / stride - 0.5
    line = (1 - (offset - torch.tensor([[-1.0], [0.0], [1.0]])).abs()).clamp_min(0)
    return (line[:, None, :, None] * line[None, :, None, :]).flatten(0, 1)
