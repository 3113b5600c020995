"""The pose-conditioned loss: fused features at a joint must name that joint in the pose encoding of the other view."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_TEMPERATURE = 0.1


class PoseAlignment(nn.Module):
    """Contrastive alignment of fused features with pose encodings, joint by joint (docs/method.md, equation 3)."""

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
        """The cross-entropy of picking each joint among the 17, weighted by the joint's scores in both views."""
        anchors = F.normalize(self.fused(_at_joints(fused, heatmaps)), dim=-1)
        targets = F.normalize(self.pose(_at_joints(pose, heatmaps)), dim=-1).flip(1)
        logits = anchors @ targets.mT / _TEMPERATURE
        misses = torch.logsumexp(logits, -1) - logits.diagonal(dim1=-2, dim2=-1)
        weights = scores * scores.flip(1)
        return (weights * misses).sum() / (weights.sum() + 1e-6)


def _at_joints(
    features: Float[Tensor, "b 2 c h w"], heatmaps: Float[Tensor, "b 2 17 h w"]
) -> Float[Tensor, "b 2 17 c"]:
    """Features averaged under each joint's heatmap."""
    weights = heatmaps.flatten(-2)
    weights = weights / (weights.sum(-1, keepdim=True) + 1e-6)
    return weights @ features.flatten(-2).mT
