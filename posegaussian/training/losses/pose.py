"""The pose alignment."""

from jaxtyping import Float
from torch import Tensor

from posegaussian.training.losses.base import Compared


def pose(compared: Compared) -> Float[Tensor, ""]:
    """The loss that the network computes beside the disparities; 0 without pose and outside training."""
    result = compared.result
    return result.disparity.new_zeros(()) if result.pose_loss is None else result.pose_loss
