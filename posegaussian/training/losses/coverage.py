"""Errors of the estimated coverage, where masks are a hint."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.training.losses.base import LossInputs

_CERTAIN = 1e-3
"""Estimates are never more certain than this, which keeps the logarithm finite. Chosen by hand."""


def coverage(inputs: LossInputs) -> Float[Tensor, ""]:
    """The mean over the scales of `coverage_loss`; 0 where the masks are no hint."""
    found, batch = inputs.result.coverages, inputs.batch
    if not found:
        return inputs.result.disparity.new_zeros(())
    truth = batch.pair.masks[:, :, 0] if batch.coverage is None else batch.coverage
    return torch.stack([coverage_loss(estimate, truth) for estimate in found]).mean()


def coverage_loss(estimate: Float[Tensor, "b 2 hc wc"], truth: Float[Tensor, "b 2 h w"]) -> Float[Tensor, ""]:
    """Cross-entropy of the coverage of cells beyond that of the truth itself, summed and divided by the person's area.

    Args:
        estimate: in [0, 1]; the image may be padded.
        truth: of pixels.
    """
    stride = max(round(truth.shape[-1] / estimate.shape[-1]), 1)
    height, width = (stride * size for size in estimate.shape[-2:])
    truth = F.pad(truth, (0, width - truth.shape[-1], 0, height - truth.shape[-2]))
    truth = F.avg_pool2d(truth, stride)
    least = F.binary_cross_entropy(truth.clamp(_CERTAIN, 1 - _CERTAIN), truth, reduction="sum")
    found = F.binary_cross_entropy(estimate.float().clamp(_CERTAIN, 1 - _CERTAIN), truth, reduction="sum")
    return (found - least) / truth.sum().clamp_min(1)
