"""The pose-conditioned loss: fused features at a joint identify that joint in the pose features of the other view."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_TEMPERATURE = 0.1
"""T of equation 3. Chosen by hand."""


class PoseAlignment(nn.Module):
    """Contrastive alignment of fused features with pose features, joint by joint (docs/method.md, equation 3)."""

    def __init__(self, fused: int, pose: int, dimensions: int = 32):
        super().__init__()
        self.fused = nn.Linear(fused, dimensions)
        self.pose = nn.Linear(pose, dimensions)

    def forward(
        self,
        fused: Float[Tensor, "b 2 c h w"],
        pose: Float[Tensor, "b 2 p h w"],
        heatmaps: Float[Tensor, "b 2 17 h w"],
        scores: Float[Tensor, "b 2 17"],
    ) -> Float[Tensor, ""]:
        """The cross-entropy of identifying each of the 17 joints, weighted by its scores in both views."""
        anchors = F.normalize(self.fused(_at_joints(fused, heatmaps)), dim=-1)
        targets = F.normalize(self.pose(_at_joints(pose, heatmaps)), dim=-1).flip(1)
        logits = anchors @ targets.mT / _TEMPERATURE
        cross_entropy = torch.logsumexp(logits, -1) - logits.diagonal(dim1=-2, dim2=-1)
        weights = scores * scores.flip(1)
        return (weights * cross_entropy).sum() / (weights.sum() + 1e-6)


def _at_joints(
    features: Float[Tensor, "b 2 c h w"], heatmaps: Float[Tensor, "b 2 17 h w"]
) -> Float[Tensor, "b 2 17 c"]:
    """The mean of the features weighted by each joint's heatmap."""
    weights = heatmaps.flatten(-2)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-6)
    return weights @ features.flatten(-2).mT
