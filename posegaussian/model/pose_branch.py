"""Everything learned about pose, from heatmaps and limbs to what joins the colour features."""

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
from posegaussian.model.temporal_filter import PLANES, Memory

_QUARTER, _EIGHTH = 32, 64
"""Channels of the pose features at 1/4 and 1/8 of the image's size."""


@dataclass(frozen=True)
class PoseFeatures:
    """What is known from pose.

    Args:
        quarter: features at 1/4 of the image's size.
        eighth: features at 1/8, stabilised.
        memory: what was found in the frame before each clip, and where to rely on it; None without a stabiliser.
        state: of the stabiliser, after the last frame of each clip; None without it.
    """

    quarter: Float[Tensor, "n p hq wq"]
    eighth: Float[Tensor, "n q hs ws"]
    memory: Memory | None
    state: Float[Tensor, "c 2 d hs ws"] | None


class PosePathway(nn.Module):
    """Encoder, stabiliser, fusion at two scales, alignment.

    Args:
        quarter: channels of the colour features at 1/4.
        eighth: channels of the colour features at 1/8.
        limbs: limbs of the body whose places are known.
        stabilizer: whether there is one.
        constants: of the temporal filter.
    """

    def __init__(self, quarter: int, eighth: int, limbs: int, stabilizer: bool, constants: TemporalFilterConstants):
        super().__init__()
        self.encoder = PoseEncoder((_QUARTER, _EIGHTH))
        self.limbs = conv(limbs, _EIGHTH, 1)
        self.stabilizer = TemporalPoseStabilizer(_EIGHTH, constants) if stabilizer else None
        self.lift = conv(_EIGHTH, _QUARTER, 1)
        self.fuse_quarter = PoseFusion(quarter, _QUARTER)
        self.fuse_eighth = PoseFusion(eighth, _EIGHTH)
        self.alignment = PoseAlignment(quarter, _QUARTER)

    def forward(
        self,
        heatmaps: Float[Tensor, "b 2 17 hq wq"],
        scores: Float[Tensor, "b 2 17"],
        limbs: Float[Tensor, "b 2 k hs ws"],
        state: Float[Tensor, "c 2 d hs ws"] | None,
        frames: int,
    ) -> PoseFeatures:
        """Encode every frame, and stabilise the frames of each clip in turn.

        Args:
            heatmaps: of the joints.
            scores: of the joints.
            limbs: how much each cell belongs to each limb.
            state: what the frame before left: the stabiliser's own, then the planes of the memory.
            frames: of a clip.
        """
        maps = (heatmaps * scores[..., None, None]).flatten(0, 1)
        quarter, eighth = self.encoder(maps)
        eighth = eighth + self.limbs(limbs.flatten(0, 1))
        memory = None
        if self.stabilizer is not None and state is not None:
            state, planes = state.split((sum(self.stabilizer.parts), PLANES), dim=2)
            eighth, rest, state = self._steady(self.stabilizer, eighth, F.avg_pool2d(maps, 2), state, frames)
            tolerances = self.stabilizer.log_tolerances.float().exp()
            memory = Memory.of(planes, rest, tolerances, frames, self.stabilizer.constants)
        return PoseFeatures(add_coarse(quarter, self.lift(eighth.relu())), eighth, memory, state)

    @staticmethod
    def _steady(
        stabilizer: TemporalPoseStabilizer, features: Tensor, heatmaps: Tensor, state: Tensor, frames: int
    ) -> tuple[Float[Tensor, "n q hs ws"], Float[Tensor, "b 2 hs ws"], Float[Tensor, "c 2 d hs ws"]]:
        """Run the stabiliser over the frames of every clip, one state per view."""
        steady, rests, state = [], [], state.flatten(0, 1)
        moments = (values.unflatten(0, (-1, frames, 2)).unbind(1) for values in (features, heatmaps))
        for moment, maps in zip(*moments, strict=True):
            now, state, rest = stabilizer(moment.flatten(0, 1), maps.flatten(0, 1), state)
            steady.append(now.unflatten(0, (-1, 2)))
            rests.append(rest.unflatten(0, (-1, 2)))
        steady, rest = torch.stack(steady, dim=1).flatten(0, 2), torch.stack(rests, dim=1).flatten(0, 1)
        return steady, rest, state.unflatten(0, (-1, 2))
