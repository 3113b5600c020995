"""Disparity errors of both views."""

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.training.losses.base import LossInputs


def depth(inputs: LossInputs) -> Float[Tensor, ""]:
    """See `sequence_loss`, in pixels at 1024."""
    batch = inputs.batch
    return inputs.scale * sequence_loss(inputs.result.disparities, batch.disparity, batch.valid)


def sequence_loss(
    disparities: tuple[Float[Tensor, "b 2 h w"], ...], truth: Float[Tensor, "b 2 h w"], valid: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, ""]:
    """Sum of the mean absolute errors of n estimates, each weighted by gamma^(n - 1 - i) (RAFT-Stereo).

    gamma = 0.9^(15 / (n - 1)): the first estimate has the same weight, 0.9^15, for any n.
    """
    n = len(disparities)
    gamma = 0.9 ** (15 / max(n - 1, 1))
    errors = [gamma ** (n - 1 - i) * end_point_error(d, truth, valid) for i, d in enumerate(disparities)]
    return torch.stack(errors).sum()


def end_point_error(
    disparity: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], valid: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute disparity error (EPE) where the truth is known, in pixels."""
    return ((disparity - truth).abs() * valid).sum() / valid.sum().clamp_min(1)
