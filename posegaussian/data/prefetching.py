"""The prefetcher: a thread makes the batch of the next step during the backward pass.

Outside the backward pass both threads would queue work for the device and delay each other by more than is gained.
During it the main thread runs outside the interpreter, except for gradients that are written in Python. For these it
must get the interpreter quickly, hence the short switch interval. A batch depends on the seed, the rank and the number
of the step alone, so that a resumed run continues exactly.
"""

import sys
from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import torch
from torch import Tensor

from posegaussian.data.batch import Batch

_SWITCH_INTERVAL = 1e-4
"""How long a thread may keep the interpreter while another one waits, seconds; Python's default is 5e-3."""


class BatchSource(ABC):
    """A sequence of batches that can be read at any index, such as a map-style data set of PyTorch."""

    @abstractmethod
    def __getitem__(self, index: int) -> Batch:
        """Batch `index`, the same at every call."""

    @abstractmethod
    def close(self) -> None:
        """Close files and end processes."""


class Prefetcher:
    """The batches of a run, from captures and streamed people: call `start`, later `wait`, and then `take`.

    On CUDA they are made on a CUDA stream of their own, parallel to the training step's.

    Args:
        captures: batches of captures; None if `share` is 1.
        streamed: batches of streamed people; None if `share` is 0.
        share: of the steps that use streamed people.
        seed: of the choice of these steps.
        device: of the batches.
        rank: of this process; every rank has batches of its own.
        world: number of ranks.
    """

    def __init__(
        self,
        captures: BatchSource | None,
        streamed: BatchSource | None,
        share: float,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
    ):
        self.captures, self.streamed, self.share, self.seed = captures, streamed, share, seed
        self.device, self.rank, self.world = device, rank, world
        self.cuda_stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.executor = ThreadPoolExecutor(1)
        self.pending: dict[int, Future[tuple[Batch, torch.cuda.Event | None]]] = {}
        self.old_interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_INTERVAL)

    def is_streamed(self, step: int) -> bool:
        """Whether a step uses streamed people; the same on all ranks."""
        if self.streamed is None or self.captures is None:
            return self.captures is None
        return bool(np.random.default_rng((self.seed, 3, step)).random() < self.share)

    def start(self, step: int) -> None:
        """Begin to make the batch of a step in the background."""
        self.pending[step] = self.executor.submit(self.make, step)

    def wait(self) -> None:
        """Wait until all batches that were started are made."""
        wait(self.pending.values())

    def take(self, step: int) -> Batch:
        """The batch of a step, on the device; an exception of the thread that made it is raised here."""
        if step not in self.pending:
            self.start(step)
        batch, made = self.pending.pop(step).result()
        if made is not None:
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(made)
            batch.map(lambda value: _recorded(value, stream))
        return batch

    def make(self, step: int) -> tuple[Batch, torch.cuda.Event | None]:
        """A batch, and on CUDA the event after which its tensors are complete."""
        if self.is_streamed(step):
            source, index = self.streamed, step
        else:
            source, index = self.captures, step * self.world + self.rank
        assert source is not None
        with torch.cuda.stream(self.cuda_stream):  # Does nothing if it is None.
            batch = source[index].to(self.device)
            if self.cuda_stream is None:
                return batch, None
            made = torch.cuda.Event()
            made.record(self.cuda_stream)
            return batch, made

    def close(self) -> None:
        """Wait for the batch that is being made, then close the sources."""
        sys.setswitchinterval(self.old_interval)
        self.executor.shutdown(cancel_futures=True)
        for source in (self.captures, self.streamed):
            if source is not None:
                source.close()


def _recorded(value: Tensor, stream: torch.cuda.Stream) -> Tensor:
    """The tensor, recorded as used on a stream: else the allocator could reuse its memory before the stream is done."""
    value.record_stream(stream)
    return value
