"""The inputs of every loss: a reconstruction, the view rendered from it, and the ground truth."""

from collections.abc import Mapping
from dataclasses import dataclass

from posegaussian.data.batch import Batch
from posegaussian.model.network import Reconstruction
from posegaussian.types import Rendering


@dataclass(frozen=True)
class LossInputs:
    """The argument of every loss function.

    Args:
        result: of the network.
        view: the target view, rendered; None in phase depth.
        batch: with the ground truth.
        weights: of the losses of this phase, by name; one loss uses the weight of another.
    """

    result: Reconstruction
    view: Rendering | None
    batch: Batch
    weights: Mapping[str, float]

    @property
    def scale(self) -> float:
        """From pixels of the rectified images to pixels at 1024."""
        return 1024 / self.batch.width
