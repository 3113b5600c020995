"""The numbers of the steps: means over all ranks, which the host reads without making the device wait."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.data.batch import Batch


@dataclass(frozen=True)
class Told:
    """What a step tells.

    Args:
        step: numbered from 1.
        values: by name; means over the ranks.
        batch: what the step saw.
        limit: that its loss must not pass.
        rate: of learning.
    """

    step: int
    values: dict[str, float]
    batch: Batch
    limit: float
    rate: float


class Numbers:
    """Takes the numbers of steps on the device and gives them back on the host, in order.

    Args:
        lag: so many steps later; 0 waits for the device, 1 lets the host prepare a step while the device takes the one
            before.
        world: how many ranks share the means.
    """

    def __init__(self, lag: int, world: int):
        self.lag, self.world = lag, world
        self.waiting: deque[tuple[Told, list[str], Tensor, torch.cuda.Event | None]] = deque()

    def add(
        self, step: int, values: Mapping[str, Tensor], batch: Batch, limit: float, rate: float
    ) -> dict[str, Float[Tensor, ""]]:
        """Take the numbers of a step; their means over the ranks, on the device."""
        means = torch.stack([value.detach().float() for value in values.values()])
        if self.world > 1:
            torch.distributed.all_reduce(means)
            means /= self.world
        made = None
        copy = means.to("cpu", non_blocking=True)
        if means.device.type == "cuda":
            made = torch.cuda.Event()
            made.record(torch.cuda.current_stream(means.device))
        self.waiting.append((Told(step, {}, batch, limit, rate), list(values), copy, made))
        return dict(zip(values, means.unbind(), strict=True))

    def read(self, everything: bool = False) -> list[Told]:
        """What has not been read of the steps that are `lag` or more behind, or of all."""
        read = []
        while len(self.waiting) > (0 if everything else self.lag):
            told, names, copy, made = self.waiting.popleft()
            if made is not None:
                made.synchronize()
            values = dict(zip(names, copy.tolist(), strict=True))
            read.append(Told(told.step, values, told.batch, told.limit, told.rate))
        return read
