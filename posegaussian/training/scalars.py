"""The scalars of the training steps: means over all ranks, read by the host without making the device wait."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.data.batch import Batch


@dataclass(frozen=True)
class StepScalars:
    """The scalars of one step, on the host."""

    step: int  # numbered from 1
    values: dict[str, float]  # by name; means over the ranks
    batch: Batch  # of the step, to be saved if the step has diverged
    limit: float  # the largest loss that counts as usual; see `divergence.DivergenceGuard.limit`
    learning_rate: float  # of the step


class DeferredScalars:
    """A queue that takes the scalars of steps on the device and returns them on the host, in order.

    Args:
        lag: how many steps later they are returned. 0 waits for the device; with 1 the host prepares a step while the
            device still computes the one before.
        world: how many ranks share the means.
    """

    def __init__(self, lag: int, world: int):
        self.lag, self.world = lag, world
        self.pending: deque[tuple[StepScalars, list[str], Tensor, torch.cuda.Event | None]] = deque()

    def add(
        self, step: int, values: Mapping[str, Tensor], batch: Batch, limit: float, learning_rate: float
    ) -> dict[str, Float[Tensor, ""]]:
        """Queue the scalars of a step; returns their means over the ranks, on the device."""
        means = torch.stack([value.detach().float() for value in values.values()])
        if self.world > 1:
            torch.distributed.all_reduce(means)
            means /= self.world
        copied = None
        copy = means.to("cpu", non_blocking=True)
        if means.device.type == "cuda":
            copied = torch.cuda.Event()
            copied.record(torch.cuda.current_stream(means.device))
        self.pending.append((StepScalars(step, {}, batch, limit, learning_rate), list(values), copy, copied))
        return dict(zip(values, means.unbind(), strict=True))

    def read(self, everything: bool = False) -> list[StepScalars]:
        """The scalars, not returned before, of the steps that are at least `lag` steps old, or of all steps."""
        read = []
        while len(self.pending) > (0 if everything else self.lag):
            scalars, names, copy, copied = self.pending.popleft()
            if copied is not None:
                copied.synchronize()
            read.append(replace(scalars, values=dict(zip(names, copy.tolist(), strict=True))))
        return read
