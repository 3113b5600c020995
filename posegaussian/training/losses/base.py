"""What every loss compares: a reconstruction and the view rendered from it with the truth of their batch."""

from collections.abc import Mapping
from dataclasses import dataclass

from posegaussian.data.batch import Batch
from posegaussian.model.network import Reconstruction
from posegaussian.types import Rendering


@dataclass(frozen=True)
class Compared:
    """The argument of a loss.

    Args:
        result: of the network.
        view: the held-out view, rendered; None in stage depth.
        batch: the truth.
        weights: of the losses that apply in this stage, by name, for those that compare like another one.
    """

    result: Reconstruction
    view: Rendering | None
    batch: Batch
    weights: Mapping[str, float]

    @property
    def scale(self) -> float:
        """From pixels of the rectified images to pixels at 1024."""
        return 1024 / self.batch.width
