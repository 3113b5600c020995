"""The Temporal Pose Stabilizer: a recurrent filter over the pose features of consecutive frames."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import conv, output


class TemporalPoseStabilizer(nn.Module):
    """A convolutional GRU that trusts its memory where the pose rests and the present where it moves.

    The update gate is opened by the motion |p_t - p_(t-1)|, so that a fast arm is not smeared over its past positions
    (docs/method.md, equation 2). The state takes constant memory: hidden features and the previous pose features.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.gates = conv(2 * channels, 2 * channels)
        self.candidate = conv(2 * channels, channels)
        self.motion = nn.Conv2d(channels, channels, 1)
        nn.init.constant_(self.motion.weight, 1 / channels)
        nn.init.constant_(self.motion.bias, -3.0)  # type: ignore[arg-type]
        self.correction = output(channels, channels, gain=0.3)

    def forward(
        self, pose: Float[Tensor, "n c h w"], state: Float[Tensor, "n d h w"] | None = None
    ) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n d h w"]]:
        """One frame.

        Args:
            pose: this frame's pose features.
            state: what the previous frame returned; None at the start of a sequence and after a cut.

        Returns:
            the stabilised features, and the state for the next frame.
        """
        if state is None:
            state = torch.cat([torch.zeros_like(pose), pose], dim=1)
        hidden, previous = state.chunk(2, dim=1)
        update, reset = self.gates(torch.cat([pose, hidden], dim=1)).sigmoid().chunk(2, dim=1)
        moved = self.motion((pose - previous).abs()).sigmoid()
        update = update + (1 - update) * moved
        candidate = self.candidate(torch.cat([pose, reset * hidden], dim=1)).tanh()
        hidden = hidden + update * (candidate - hidden)
        return pose + self.correction(hidden), torch.cat([hidden, pose], dim=1)
