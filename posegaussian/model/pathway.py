"""Everything learned about pose, from heatmaps to what joins the colour features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.alignment import PoseAlignment
from posegaussian.model.blocks import add_coarse, conv
from posegaussian.model.encoders import PoseEncoder
from posegaussian.model.fusion import PoseFusion
from posegaussian.model.stabilizer import TemporalPoseStabilizer

_QUARTER, _EIGHTH = 32, 64
"""Channels of the pose features at 1/4 and 1/8 of the image's size."""


class PosePathway(nn.Module):
    """Encoder, stabiliser, fusion at two scales, alignment.

    Args:
        quarter: channels of the colour features at 1/4.
        eighth: channels of the colour features at 1/8.
        stabilizer: whether there is one.
    """

    def __init__(self, quarter: int, eighth: int, stabilizer: bool):
        super().__init__()
        self.encoder = PoseEncoder((_QUARTER, _EIGHTH))
        self.stabilizer = TemporalPoseStabilizer(_EIGHTH) if stabilizer else None
        self.lift = conv(_EIGHTH, _QUARTER, 1)
        self.fuse_quarter = PoseFusion(quarter, _QUARTER)
        self.fuse_eighth = PoseFusion(eighth, _EIGHTH)
        self.alignment = PoseAlignment(quarter, _QUARTER)

    def forward(
        self,
        heatmaps: Float[Tensor, "b 2 17 hq wq"],
        scores: Float[Tensor, "b 2 17"],
        state: Float[Tensor, "c 2 d hs ws"] | None,
        frames: int,
    ) -> tuple[Float[Tensor, "n p hq wq"], Float[Tensor, "n q hs ws"], Float[Tensor, "c 2 d hs ws"] | None]:
        """Pose features at 1/4 and 1/8 of the image's size, stabilised over the frames of each clip, and the state."""
        maps = (heatmaps * scores[..., None, None]).flatten(0, 1)
        quarter, eighth = self.encoder(maps)
        if self.stabilizer is not None:
            eighth, state = self._steady(self.stabilizer, eighth, F.avg_pool2d(maps, 2), state, frames)
        quarter = add_coarse(quarter, self.lift(eighth.relu()))
        return quarter, eighth, state

    @staticmethod
    def _steady(
        stabilizer: TemporalPoseStabilizer, features: Tensor, heatmaps: Tensor, state: Tensor | None, frames: int
    ) -> tuple[Float[Tensor, "n q hs ws"], Float[Tensor, "c 2 d hs ws"]]:
        """Run the stabiliser over the frames of every clip, one state per view."""
        memory = None if state is None else state.flatten(0, 1)
        steady = []
        moments = (values.unflatten(0, (-1, frames, 2)).unbind(1) for values in (features, heatmaps))
        for moment, maps in zip(*moments, strict=True):
            now, memory = stabilizer(moment.flatten(0, 1), maps.flatten(0, 1), memory)
            steady.append(now.unflatten(0, (-1, 2)))
        return torch.stack(steady, dim=1).flatten(0, 2), memory.unflatten(0, (-1, 2))  # type: ignore[union-attr]
