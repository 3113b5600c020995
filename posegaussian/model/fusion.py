"""Pose-guided fusion: pose features are added to colour features, weighted by a learned gate."""

from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import concatenated, conv, output


class PoseFusion(nn.Module):
    """colour + gate * W pose, at one scale (docs/method.md, equation 1)."""

    def __init__(self, color: int, pose: int):
        super().__init__()
        self.message = conv(pose, color, 1)
        self.gate = output(color + pose, color, gain=0.3)

    def forward(self, color: Float[Tensor, "n c h w"], pose: Float[Tensor, "n p h w"]) -> Float[Tensor, "n c h w"]:
        """The fused features; without pose (all zeros) little more than a bias is added."""
        gate = self.gate(concatenated(color, pose)).sigmoid()
        return color.addcmul(gate, self.message(pose))
