"""How much errors change from frame to frame."""

from jaxtyping import Float
from torch import Tensor

from posegaussian.training.losses.base import Compared


def temporal(compared: Compared) -> Float[Tensor, ""]:
    """The change of the disparity errors, weighted as those themselves, and that of the errors of the view."""
    result, view, batch = compared.result, compared.view, compared.batch
    change = compared.scale * steadiness(result.disparity - batch.disparity, batch.valid, batch.frames)
    total = compared.weights["depth"] * change
    if view is not None:
        known = batch.target_mask.expand_as(batch.target)
        total = total + steadiness(view.colors - batch.target, known, batch.frames)
    return total


def steadiness(error: Float[Tensor, "b c h w"], known: Float[Tensor, "b c h w"], frames: int) -> Float[Tensor, ""]:
    """How much errors change from frame to frame, where they are known in both (docs/method.md, equation 11).

    An error that stays is not seen to flicker; of a person who stands still this is the change of the result itself.
    """
    if frames == 1:
        return error.new_zeros(())
    errors, weights = (values.unflatten(0, (-1, frames)) for values in (error, known))
    weights = weights[:, 1:] * weights[:, :-1]
    return ((errors[:, 1:] - errors[:, :-1]).abs() * weights).sum() / weights.sum().clamp_min(1)
