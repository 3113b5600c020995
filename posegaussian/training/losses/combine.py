"""The loss that training minimises: the weighted sum of the registry's losses."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from posegaussian.config import TrainSettings
from posegaussian.data.batch import Batch
from posegaussian.model.network import Reconstruction
from posegaussian.registry import LOSSES, resolve
from posegaussian.training.losses.base import LossInputs
from posegaussian.types import Rendering


@dataclass(frozen=True)
class Losses:
    """The losses of a phase, by name, without their weights, and their weighted sum."""

    total: Float[Tensor, ""]
    parts: dict[str, Float[Tensor, ""]]


def combine(result: Reconstruction, view: Rendering | None, batch: Batch, settings: TrainSettings) -> Losses:
    """The losses of a batch, and their weighted sum."""
    weights = weights_of(settings, "depth" if view is None else "full")
    inputs = LossInputs(result, view, batch, weights, settings.uncertain_band)
    parts: dict[str, Tensor] = {}
    for name, weight in weights.items():
        entry = LOSSES[name]
        if not entry.within:
            parts[name] = resolve(entry.path)(inputs)
        elif weight:
            parts[entry.within] = parts[entry.within] + weight * resolve(entry.path)(inputs)
    first, *others = (weights[name] * value for name, value in parts.items())
    return Losses(sum(others, first), parts)


def weights_of(settings: TrainSettings, phase: str) -> dict[str, float]:
    """The weights of the losses that apply in a phase, by name."""
    applying = {name: entry for name, entry in LOSSES.items() if phase in entry.phases}
    return {name: entry.fixed.get(phase, settings.losses[name]) for name, entry in applying.items()}
