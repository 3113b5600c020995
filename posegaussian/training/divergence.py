"""The check that ends a run whose loss or gradient is not finite or explodes, and the file that shows why."""

import math
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch

from posegaussian.data.batch import Batch
from posegaussian.errors import TrainingError
from posegaussian.io.atomic import atomic_file
from posegaussian.splatting import NotFiniteError

_WINDOW, _EXPLOSION = 50, 50.0
"""A loss has exploded if it is `_EXPLOSION` times the median of the last `_WINDOW` steps.
Both are chosen by hand."""


class DivergenceGuard:
    """The losses of the last steps, and the check of a new loss against them.

    Args:
        recent: the result of `state` when the run was stopped; None for a new run.
    """

    def __init__(self, recent: list[float] | None = None):
        self.recent = list(recent or [])

    def state(self) -> list[float]:
        """The recent losses, from which a resumed run continues exactly."""
        return self.recent

    @property
    def limit(self) -> float:
        """The largest loss that counts as usual; infinite in the first steps."""
        return _EXPLOSION * statistics.median(self.recent) if len(self.recent) == _WINDOW else math.inf

    def problem(self, loss: float, gradient: float, limit: float | None = None) -> str | None:
        """What is wrong with the loss or the gradient of a step, or None; a usual loss is added to the recent ones.

        Args:
            loss: of the step.
            gradient: norm of the gradient.
            limit: the property `limit` at the time of the step; None: as it is now.
        """
        limit = self.limit if limit is None else limit
        if not math.isfinite(loss):
            return f"its loss is {loss}"
        if not math.isfinite(gradient):
            return f"its gradient is {gradient}"
        if loss > limit:
            return f"its loss is {loss:.4g}, {limit / _EXPLOSION:.4g} is usual"
        self.recent = [*self.recent[1 - _WINDOW :], loss]
        return None


def save_diverged_batch(path: Path, step: int, problem: str, batch: Batch, network: torch.nn.Module) -> TrainingError:
    """Save a batch with the weights for which it diverged; returns the error to raise.

    Args:
        path: the file; `torch.load(path, weights_only=True)` returns `batch` (tensors by name), `network` and `step`.
        step: numbered from 1.
        problem: what is wrong.
        batch: of the step.
        network: as it was before the step.
    """
    tensors = batch.map(lambda value: value.detach().cpu())
    with atomic_file(path) as temporary:
        torch.save({"step": step, "batch": asdict(tensors), "network": network.state_dict()}, temporary)
    hint = f"batch and weights are saved in {path}; lower train.learning_rate, or look for an error in the batch"
    return TrainingError(f"step {step} cannot be taken: {problem}", code="impossible-step", hint=hint)


@contextmanager
def finite_gaussians(path: Path, step: int, batch: Batch, network: torch.nn.Module) -> Iterator[None]:
    """Raise the error of a step that cannot be taken where its Gaussians cannot be rendered.

    On the CPU alone: elsewhere the rasteriser does not look at values, and the loss is not finite. Arguments as above.
    """
    try:
        yield
    except NotFiniteError as error:
        raise save_diverged_batch(path, step, str(error), batch, network) from None
