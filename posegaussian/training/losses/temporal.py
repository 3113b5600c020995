"""The temporal loss: the change of errors from frame to frame."""

from jaxtyping import Float
from torch import Tensor

from posegaussian.training.losses.base import LossInputs


def temporal(inputs: LossInputs) -> Float[Tensor, ""]:
    """Change of the disparity errors, weighted as the disparity loss, plus change of the errors of the view."""
    result, batch = inputs.result, inputs.batch
    change = inputs.scale * temporal_change(result.disparity - batch.disparity, batch.valid, batch.frames)
    total = inputs.weights["depth"] * change
    if inputs.view is not None:
        known = batch.target_mask.expand_as(batch.target)
        total = total + temporal_change(inputs.colors - batch.target, known, batch.frames)
    return total


def temporal_change(error: Float[Tensor, "b c h w"], known: Float[Tensor, "b c h w"], frames: int) -> Float[Tensor, ""]:
    """Mean change of errors from frame to frame, where known in both frames (docs/method.md, equation 11).

    A constant error does not flicker and costs nothing. For a person who stands still this is the change of the result.
    """
    if frames == 1:
        return error.new_zeros(())
    errors, weights = (values.unflatten(0, (-1, frames)) for values in (error, known))
    weights = weights[:, 1:] * weights[:, :-1]
    return ((errors[:, 1:] - errors[:, :-1]).abs() * weights).sum() / weights.sum().clamp_min(1)
