"""The two encoders: colour (image and mask) and pose (one heatmap per joint)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import Residual, conv
from posegaussian.types import JOINTS


class ColorEncoder(nn.Module):
    """Image and mask to features at 1/2, 1/4 and 1/8 of the image's size."""

    def __init__(self, channels: tuple[int, int, int]):
        super().__init__()
        half, quarter, eighth = channels
        self.to_half = nn.Sequential(conv(4, half, 5, stride=2), nn.ReLU(), Residual(half))
        self.to_quarter = nn.Sequential(nn.ReLU(), conv(half, quarter, stride=2), Residual(quarter), Residual(quarter))
        self.to_eighth = nn.Sequential(nn.ReLU(), conv(quarter, eighth, stride=2), Residual(eighth), Residual(eighth))

    def forward(
        self, images: Float[Tensor, "n 3 h w"], masks: Float[Tensor, "n 1 h w"]
    ) -> tuple[Float[Tensor, "n c1 h1 w1"], Float[Tensor, "n c2 h2 w2"], Float[Tensor, "n c3 h3 w3"]]:
        """Encode each view by itself; the background is 0 everywhere, whatever the colour behind it."""
        half = self.to_half(torch.cat([(4 * images - 2) * masks, masks], dim=1))
        quarter = self.to_quarter(half)
        return half, quarter, self.to_eighth(quarter)


class PoseEncoder(nn.Module):
    """Heatmaps at 1/4 of the image's size to features at 1/4 and 1/8; every joint is a channel of its own."""

    def __init__(self, channels: tuple[int, int]):
        super().__init__()
        quarter, eighth = channels
        self.to_quarter = nn.Sequential(conv(len(JOINTS), quarter), Residual(quarter))
        self.to_eighth = nn.Sequential(nn.ReLU(), conv(quarter, eighth, stride=2), Residual(eighth))

    def forward(
        self, heatmaps: Float[Tensor, "n 17 hq wq"], scores: Float[Tensor, "n 17"]
    ) -> tuple[Float[Tensor, "n c2 h2 w2"], Float[Tensor, "n c3 h3 w3"]]:
        """Encode each view by itself; a joint counts as much as its score."""
        quarter = self.to_quarter(heatmaps * scores[..., None, None])
        return quarter, self.to_eighth(quarter)
