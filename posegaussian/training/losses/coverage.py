"""Errors of the estimated coverage, where masks are a hint."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.training.losses.base import LossInputs


def coverage(inputs: LossInputs) -> Float[Tensor, ""]:
    """The mean over the scales of `coverage_loss`; 0 where the masks are no hint."""
    found, batch = inputs.result.evidence, inputs.batch
    if not found:
        return inputs.result.disparity.new_zeros(())
    truth = batch.pair.masks[:, :, 0] if batch.coverage is None else batch.coverage
    return torch.stack([coverage_loss(logits, truth) for logits in found]).mean()


def coverage_loss(logits: Float[Tensor, "b 2 hc wc"], truth: Float[Tensor, "b 2 h w"]) -> Float[Tensor, ""]:
    """Cross-entropy of the coverage of cells, summed over the image and divided by the person's area."""
    stride = max(round(truth.shape[-1] / logits.shape[-1]), 1)
    height, width = (stride * size for size in logits.shape[-2:])
    truth = F.avg_pool2d(F.pad(truth, (0, width - truth.shape[-1], 0, height - truth.shape[-2])), stride)
    error = F.binary_cross_entropy_with_logits(logits.float(), truth, reduction="sum")
    return error / truth.sum().clamp_min(1)
