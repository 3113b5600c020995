"""The Temporal Pose Stabilizer: a recurrent filter over the pose features of consecutive frames."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.blocks import concatenated, conv, output
from posegaussian.model.constants import TEMPORAL_FILTER, TemporalFilterConstants
from posegaussian.types import JOINTS


class TemporalPoseStabilizer(nn.Module):
    """A convolutional GRU that follows its hidden state where the pose is still (docs/method.md, equation 2).

    The motion |p_t - p_(t-1)| opens the update gate and lowers the stillness, which multiplies the hidden state: a fast
    arm is not smeared over its past positions. At a cut, where all joints jump at once, the stillness is 0 everywhere.
    The state has a constant size: hidden features, pose features and heatmaps of the previous frame, and a plane of
    ones. A state of zeros marks the start of a sequence. Where the pose is still, the temporal filter
    (`temporal_filter.TemporalFilter`) averages images and disparities; its tolerances, exp(`log_tolerances`), are
    learned here.

    Args:
        channels: of the pose features.
        constants: of the temporal filter. `PoseGaussian.set_constants` exchanges them, so nothing derived from them is
            stored.
    """

    gate_without_motion: Tensor | None

    def __init__(self, channels: int, constants: TemporalFilterConstants = TEMPORAL_FILTER):
        super().__init__()
        self.constants = constants
        self.state_channels = (channels, channels, len(JOINTS), 1)
        self.gates = conv(2 * channels, 2 * channels)
        self.candidate = conv(2 * channels, channels)
        # The initial values are close to those after training: if everything counted as still at the start, the
        # gradients of motion and stillness would vanish.
        self.motion = nn.Conv2d(channels, channels, 1)
        nn.init.constant_(self.motion.weight, 8 / channels)
        nn.init.constant_(self.motion.bias, -3.0)  # type: ignore[arg-type]
        self.correction = output(channels, channels, gain=0.3)
        self.stillness = nn.Conv2d(channels, 1, 1)
        nn.init.constant_(self.stillness.weight, -60 / channels)
        nn.init.constant_(self.stillness.bias, 3.0)  # type: ignore[arg-type]
        # 0.035 of white, and 0.5 pixels (docs/method.md, below equation 13); both are learned.
        self.log_tolerances = nn.Parameter(torch.tensor([0.035, 0.5]).log())
        self.register_buffer("gate_without_motion", None, persistent=False)

    def forward(
        self,
        pose: Float[Tensor, "n c h w"],
        heatmaps: Float[Tensor, "n 17 h w"],
        state: Float[Tensor, "n d h w"] | None = None,
    ) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n d h w"], Float[Tensor, "n h w"]]:
        """Stabilise the pose features of one frame.

        Args:
            pose: this frame's pose features.
            heatmaps: this frame's heatmaps, weighted by their scores, at the size of the features.
            state: returned for the previous frame; None at the start of a sequence.

        Returns:
            the stabilised features.
            the state for the next frame.
            the stillness in [0, 1]: 1 where nothing moves, 0 at a cut and at the start of a sequence.
        """
        heatmaps = heatmaps.to(pose.dtype)
        if state is None:
            state = pose.new_zeros(pose.shape[0], sum(self.state_channels), *pose.shape[2:])
        hidden, previous, previous_heatmaps, started = state.split(self.state_channels, dim=1)
        continued = (
            started * _is_continued(previous_heatmaps, heatmaps, self.constants.cut_overlap)[:, None, None, None]
        )
        motion = self.motion((continued * (pose - previous)).abs()).sigmoid()
        stillness = continued * self._stillness(motion)
        hidden = stillness * hidden
        update, reset = self.gates(concatenated(pose, hidden)).sigmoid().chunk(2, dim=1)
        update = update + (1 - update) * motion
        candidate = self.candidate(concatenated(pose, reset * hidden)).tanh()
        hidden = hidden + update * (candidate - hidden)
        kept = concatenated(hidden, pose, heatmaps, torch.ones_like(started))
        return pose + self.correction(hidden), kept, stillness[:, 0]

    def _stillness(self, motion: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1 h w"]:
        """The stillness in [0, 1]: the smallest gate of the cells around, relative to the gate without any motion."""
        most = self._gate_without_motion() if self.gate_without_motion is None else self.gate_without_motion
        size = self.constants.neighbourhood
        least = -F.max_pool2d(-self.stillness(motion).sigmoid(), size, stride=1, padding=size // 2)
        return (least / (self.constants.full_stillness * most)).clamp_max(1) ** self.constants.stillness_power

    def _gate_without_motion(self) -> Float[Tensor, "1 1 1 1"]:
        """The value of the stillness gate without any motion."""
        zeros = self.motion.weight.new_zeros(1, self.motion.in_channels, 1, 1)
        return self.stillness(self.motion(zeros).sigmoid()).sigmoid()

    @torch.no_grad()
    def fold(self) -> None:
        """Store what depends on the weights alone, for inference."""
        self.gate_without_motion = self._gate_without_motion()


def _is_continued(
    before: Float[Tensor, "n 17 h w"], now: Float[Tensor, "n 17 h w"], overlap: float
) -> Float[Tensor, "n"]:
    """0 at a cut; 1 if the heatmaps overlap those of the frame before, or if one of the frames has none."""
    common, old, new = (x.float().sum((1, 2, 3)) for x in (torch.minimum(before, now), before, now))
    return (common >= overlap * torch.minimum(old, new)).to(now.dtype)
