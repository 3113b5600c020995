"""The pose-conditioned loss."""

from jaxtyping import Float
from torch import Tensor

from posegaussian.training.losses.base import LossInputs


def pose(inputs: LossInputs) -> Float[Tensor, ""]:
    """The loss that the network computes with its reconstruction; 0 without pose and outside training mode."""
    result = inputs.result
    return result.disparity.new_zeros(()) if result.pose_loss is None else result.pose_loss
