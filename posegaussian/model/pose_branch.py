"""The pose branch: pose encoder, temporal stabiliser, fusion with the colour features, pose-conditioned loss."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.alignment import PoseAlignment
from posegaussian.model.blocks import add_coarse, conv
from posegaussian.model.constants import TemporalFilterConstants
from posegaussian.model.encoders import PoseEncoder
from posegaussian.model.fusion import PoseFusion
from posegaussian.model.stabilizer import TemporalPoseStabilizer
from posegaussian.model.temporal_filter import STATE_CHANNELS, TemporalFilter

_POSE_QUARTER, _POSE_EIGHTH = 32, 64
"""Channels of the pose features at 1/4 and 1/8 of the image's size. Chosen by hand."""


@dataclass(frozen=True)
class PoseFeatures:
    """The pose features of a batch."""

    quarter: Float[Tensor, "n p hq wq"]  # features at 1/4 of the image's size
    eighth: Float[Tensor, "n q hs ws"]  # features at 1/8, stabilised
    temporal_filter: TemporalFilter | None  # for images and disparities of these frames; None without a stabiliser
    state: Float[Tensor, "c 2 d hs ws"] | None  # of the stabiliser, after the last frame of each clip; None without it


class PoseBranch(nn.Module):
    """Pose encoder, stabiliser, fusion at two scales, and the pose-conditioned loss.

    Args:
        quarter: channels of the colour features at 1/4.
        eighth: channels of the colour features at 1/8.
        capsules: number of capsules of the disparity prior.
        stabilizer: whether there is a Temporal Pose Stabilizer.
        constants: of the temporal filter.
    """

    def __init__(self, quarter: int, eighth: int, capsules: int, stabilizer: bool, constants: TemporalFilterConstants):
        super().__init__()
        self.encoder = PoseEncoder((_POSE_QUARTER, _POSE_EIGHTH))
        self.capsules = conv(capsules, _POSE_EIGHTH, 1)
        self.stabilizer = TemporalPoseStabilizer(_POSE_EIGHTH, constants) if stabilizer else None
        self.to_quarter = conv(_POSE_EIGHTH, _POSE_QUARTER, 1)
        self.fuse_quarter = PoseFusion(quarter, _POSE_QUARTER)
        self.fuse_eighth = PoseFusion(eighth, _POSE_EIGHTH)
        self.alignment = PoseAlignment(quarter, _POSE_QUARTER)

    def forward(
        self,
        heatmaps: Float[Tensor, "b 2 17 hq wq"],
        scores: Float[Tensor, "b 2 17"],
        capsule_weights: Float[Tensor, "b 2 k hs ws"],
        state: Float[Tensor, "c 2 d hs ws"] | None,
        frames: int,
    ) -> PoseFeatures:
        """Encode every frame, and stabilise the frames of each clip in turn.

        Args:
            heatmaps: of the joints.
            scores: of the joints.
            capsule_weights: how much each cell belongs to each capsule, in [0, 1].
            state: of the frame before each clip: that of the stabiliser, then that of the temporal filter.
            frames: per clip.
        """
        maps = (heatmaps * scores[..., None, None]).flatten(0, 1)
        quarter, eighth = self.encoder(maps)
        eighth = eighth + self.capsules(capsule_weights.flatten(0, 1))
        temporal_filter = None
        if self.stabilizer is not None and state is not None:
            state, planes = state.split((sum(self.stabilizer.state_channels), STATE_CHANNELS), dim=2)
            eighth, stillness, state = self._stabilized(self.stabilizer, eighth, F.avg_pool2d(maps, 2), state, frames)
            tolerances = self.stabilizer.log_tolerances.float().exp()
            constants = self.stabilizer.constants
            temporal_filter = TemporalFilter.from_state(planes, stillness, tolerances, frames, constants)
        return PoseFeatures(add_coarse(quarter, self.to_quarter(eighth.relu())), eighth, temporal_filter, state)

    @staticmethod
    def _stabilized(
        stabilizer: TemporalPoseStabilizer, features: Tensor, heatmaps: Tensor, state: Tensor, frames: int
    ) -> tuple[Float[Tensor, "n q hs ws"], Float[Tensor, "b 2 hs ws"], Float[Tensor, "c 2 d hs ws"]]:
        """Stabilised features, stillness and last state of every clip; each view has a state of its own."""
        stabilized, stillness, state = [], [], state.flatten(0, 1)
        clips = (values.unflatten(0, (-1, frames, 2)).unbind(1) for values in (features, heatmaps))
        for frame, maps in zip(*clips, strict=True):
            now, state, still = stabilizer(frame.flatten(0, 1), maps.flatten(0, 1), state)
            stabilized.append(now.unflatten(0, (-1, 2)))
            stillness.append(still.unflatten(0, (-1, 2)))
        features, stillness = torch.stack(stabilized, dim=1).flatten(0, 2), torch.stack(stillness, dim=1).flatten(0, 1)
        return features, stillness, state.unflatten(0, (-1, 2))
