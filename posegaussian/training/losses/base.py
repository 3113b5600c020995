"""The inputs of every loss: a reconstruction, the view rendered from it, and the ground truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from posegaussian.data.batch import Batch
from posegaussian.model.network import Reconstruction
from posegaussian.training.losses.uncertain import certain_colors
from posegaussian.types import Rendering


@dataclass(frozen=True)
class LossInputs:
    """The argument of every loss function."""

    result: Reconstruction  # of the network
    view: Rendering | None  # the target view, rendered; None in phase depth
    batch: Batch  # with the ground truth
    weights: Mapping[str, float]  # of the losses of this phase, by name; one loss uses the weight of another
    # width of the band around the person's edge in which views are not compared, as a share of the person's height
    band: float = 0.0

    @property
    def scale(self) -> float:
        """From pixels of the rectified images to pixels at 1024."""
        return 1024 / self.batch.width

    @cached_property
    def colors(self) -> Float[Tensor, "b 3 ht wt"]:
        """The colours of the rendered view; where the person's edge is uncertain, those of the target."""
        assert self.view is not None
        return certain_colors(self.view.colors, self.batch.target, self.batch.target_mask, self.band)
