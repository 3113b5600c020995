"""The Temporal Pose Stabilizer: a recurrent filter over the pose features of consecutive frames."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.blocks import concatenated, conv, output
from posegaussian.model.constants import TEMPORAL_FILTER, TemporalFilterConstants
from posegaussian.types import JOINTS


class TemporalPoseStabilizer(nn.Module):
    """A convolutional GRU that trusts its memory where the pose rests and the present where it moves.

    The motion |p_t - p_(t-1)| opens the update gate and says where the pose rests; elsewhere the memory is forgotten,
    so that a fast arm is not smeared over its past positions, and where all joints have jumped at once, at a cut, all
    of it is (docs/method.md, equation 2). The state takes constant memory: hidden features, the previous pose features,
    the previous heatmaps, and a plane of ones that says that there was a previous frame. A state of zeros is the start
    of a sequence. Where the pose rests colours and disparities, too, are kept from frame to frame (`memory.Memory`), up
    to changes of about exp(`log_tolerances`).

    Args:
        channels: of the pose features.
        constants: of the temporal filter; nothing derived from them is kept, so that they can be exchanged.
    """

    at_rest: Tensor | None

    def __init__(self, channels: int, constants: TemporalFilterConstants = TEMPORAL_FILTER):
        super().__init__()
        self.constants = constants
        self.parts = (channels, channels, len(JOINTS), 1)
        self.gates = conv(2 * channels, 2 * channels)
        self.candidate = conv(2 * channels, channels)
        # motion and rest start about as sensitive as training leaves them: where all seems at rest nothing is learned
        self.motion = nn.Conv2d(channels, channels, 1)
        nn.init.constant_(self.motion.weight, 8 / channels)
        nn.init.constant_(self.motion.bias, -3.0)  # type: ignore[arg-type]
        self.correction = output(channels, channels, gain=0.3)
        self.rest = nn.Conv2d(channels, 1, 1)
        nn.init.constant_(self.rest.weight, -60 / channels)
        nn.init.constant_(self.rest.bias, 3.0)  # type: ignore[arg-type]
        self.log_tolerances = nn.Parameter(torch.tensor([0.035, 0.5]).log())
        self.register_buffer("at_rest", None, persistent=False)

    def forward(
        self,
        pose: Float[Tensor, "n c h w"],
        heatmaps: Float[Tensor, "n 17 h w"],
        state: Float[Tensor, "n d h w"] | None = None,
    ) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n d h w"], Float[Tensor, "n h w"]]:
        """One frame.

        Args:
            pose: this frame's pose features.
            heatmaps: this frame's heatmaps, weighted by their scores, at the size of the features.
            state: what the previous frame returned; None at the start of a sequence.

        Returns:
            the stabilised features.
            the state for the next frame.
            where the pose rests, in [0, 1]: 1 where nothing moves, 0 at a cut and at the start of a sequence.
        """
        heatmaps = heatmaps.to(pose.dtype)
        if state is None:
            state = pose.new_zeros(pose.shape[0], sum(self.parts), *pose.shape[2:])
        hidden, previous, before, seen = state.split(self.parts, dim=1)
        follows = seen * _is_continued(before, heatmaps, self.constants.cut_overlap)[:, None, None, None]
        moved = self.motion((follows * (pose - previous)).abs()).sigmoid()
        rest = follows * self._rest(moved)
        hidden = rest * hidden
        update, reset = self.gates(concatenated(pose, hidden)).sigmoid().chunk(2, dim=1)
        update = update + (1 - update) * moved
        candidate = self.candidate(concatenated(pose, reset * hidden)).tanh()
        hidden = hidden + update * (candidate - hidden)
        kept = concatenated(hidden, pose, heatmaps, torch.ones_like(seen))
        return pose + self.correction(hidden), kept, rest[:, 0]

    def _rest(self, moved: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
        """How surely nothing moves at a cell and around it, in [0, 1]."""
        most = self._unmoved() if self.at_rest is None else self.at_rest
        size = self.constants.neighbourhood
        near = -F.max_pool2d(-self.rest(moved).sigmoid(), size, stride=1, padding=size // 2)
        return (near / (self.constants.full_stillness * most)).clamp_max(1) ** self.constants.stillness_power

    def _unmoved(self) -> Float[Tensor, "1 1 1 1"]:
        """What the gate says of no motion at all."""
        nothing = self.motion.weight.new_zeros(1, self.motion.in_channels, 1, 1)
        return self.rest(self.motion(nothing).sigmoid()).sigmoid()

    @torch.no_grad()
    def fold(self) -> None:
        """Remember what follows from the weights, once nothing is learned any more."""
        self.at_rest = self._unmoved()


def _is_continued(
    before: Float[Tensor, "n 17 h w"], now: Float[Tensor, "n 17 h w"], overlap: float
) -> Float[Tensor, "n"]:
    """1 where the joints stand about where they stood, or where one of both frames shows none; 0 at a cut."""
    common, old, new = (x.float().sum((1, 2, 3)) for x in (torch.minimum(before, now), before, now))
    return (common >= overlap * torch.minimum(old, new)).to(now.dtype)
