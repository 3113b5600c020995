"""Stops a run whose loss or gradient is not finite or explodes, and keeps what made it."""

import math
import statistics
from dataclasses import asdict
from pathlib import Path

import torch

from posegaussian.data.batch import Batch
from posegaussian.errors import TrainingError
from posegaussian.io.atomic import whole_file

_WINDOW, _EXPLOSION = 50, 50.0
"""A loss this many times the median of so many steps before has exploded."""


class Guard:
    """Watches the losses of a run.

    Args:
        recent: what `state` returned when the run was stopped.
    """

    def __init__(self, recent: list[float] | None = None):
        self.recent = list(recent or [])

    def state(self) -> list[float]:
        """Plain values, enough to go on as if never stopped."""
        return self.recent

    @property
    def limit(self) -> float:
        """A loss above this one has exploded."""
        return _EXPLOSION * statistics.median(self.recent) if len(self.recent) == _WINDOW else math.inf

    def complaint(self, loss: float, gradient: float, limit: float | None = None) -> str | None:
        """What is wrong with a step's loss and gradient norm; None where all is well.

        Args:
            loss: of the step.
            gradient: its norm.
            limit: what `limit` was when the step was taken; None where nothing has been noted since.
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


def keep_evidence(path: Path, step: int, complaint: str, batch: Batch, network: torch.nn.Module) -> TrainingError:
    """Save the batch and the weights that it met; the error to raise.

    Args:
        path: the file: `torch.load(path, weights_only=True)` gives back `batch` (tensors by name), `network`, `step`.
        step: numbered from 1.
        complaint: what is wrong.
        batch: the batch.
        network: whose weights made it.
    """
    tensors = batch.map(lambda value: value.detach().cpu())
    with whole_file(path) as temporary:
        torch.save({"step": step, "batch": asdict(tensors), "network": network.state_dict()}, temporary)
    hint = f"batch and weights are kept in {path}; lower train.learning_rate, or look for the fault in the batch"
    return TrainingError(f"step {step} cannot be taken: {complaint}", code="impossible-step", hint=hint)
