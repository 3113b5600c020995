"""The batches of a run, each made by a thread during the backward pass of the step before.

Only then does the interpreter have little else to do: two threads that both queue work for a device cost each other
more than they gain. The little is gradients written in Python, and the thread that wants one must not wait until the
other's turn is over: hence short turns. What a step sees is a function of the seed, the rank and the step's number
alone, so that a resumed run continues exactly.
"""

import sys
from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
import torch
from torch import Tensor

from posegaussian.data.batch import Batch

_TURN = 1e-4
"""How long a thread may keep the interpreter while another one waits, seconds; Python's own choice is 5e-3."""


class BatchSource(ABC):
    """Batches by number."""

    @abstractmethod
    def __getitem__(self, index: int) -> Batch:
        """Batch `index`, always the same."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and processes."""


class Prefetcher:
    """Captures and streamed people, mixed; call `start` with a step, later `wait`, and then `take`.

    On CUDA they are made on a stream of their own, beside the step's.

    Args:
        captures: steps of captures; None where `share` is 1.
        streamed: steps of the stream; None where `share` is 0.
        share: of the steps that see the stream.
        seed: of which steps these are.
        device: where batches are wanted.
        rank: of this process; every rank has captures, and streams, of its own.
        world: how many ranks there are.
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
        self.side = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.maker = ThreadPoolExecutor(1)
        self.begun: dict[int, Future[tuple[Batch, torch.cuda.Event | None]]] = {}
        self.usual = sys.getswitchinterval()
        sys.setswitchinterval(_TURN)

    def is_streamed(self, step: int) -> bool:
        """Whether a step sees the stream; all ranks agree."""
        if self.streamed is None or self.captures is None:
            return self.captures is None
        return bool(np.random.default_rng((self.seed, 3, step)).random() < self.share)

    def start(self, step: int) -> None:
        """Begin to make the batch of a step."""
        self.begun[step] = self.maker.submit(self.make, step)

    def wait(self) -> None:
        """Until what has begun is made."""
        wait(self.begun.values())

    def take(self, step: int) -> Batch:
        """The batch of a step, on the device."""
        if step not in self.begun:
            self.start(step)
        batch, made = self.begun.pop(step).result()
        if made is not None:
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(made)
            batch.map(lambda value: _in_use(value, stream))
        return batch

    def make(self, step: int) -> tuple[Batch, torch.cuda.Event | None]:
        """A batch, and what says that the device has made it."""
        if self.is_streamed(step):
            source, index = self.streamed, step
        else:
            source, index = self.captures, step * self.world + self.rank
        assert source is not None
        with torch.cuda.stream(self.side):  # nothing without CUDA
            batch = source[index].to(self.device)
            if self.side is None:
                return batch, None
            made = torch.cuda.Event()
            made.record(self.side)
            return batch, made

    def close(self) -> None:
        """Wait for what is being made, then let go of files and processes."""
        sys.setswitchinterval(self.usual)
        self.maker.shutdown(cancel_futures=True)
        for steps in (self.captures, self.streamed):
            if steps is not None:
                steps.close()


def _in_use(value: Tensor, stream: torch.cuda.Stream) -> Tensor:
    """The tensor, whose memory is not given to others until this stream has used it: another stream made it."""
    value.record_stream(stream)
    return value
