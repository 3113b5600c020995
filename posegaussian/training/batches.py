"""The batches of a run, each made while the step before is taken.

What a step sees is a function of the seed, the rank and the step's number alone, so that a resumed run continues
exactly.
"""

from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from posegaussian.training.clip import Clip
from posegaussian.types import _Tensors


class Steps(ABC):
    """Batches by number."""

    @abstractmethod
    def __getitem__(self, index: int) -> Clip:
        """Batch `index`, always the same."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and processes."""


class Batches:
    """Captures and streamed people, mixed; call `start` with a step, and later `take`.

    Captures are read by a thread; streamed people are made on a CUDA stream of their own, where there is CUDA.

    Args:
        captures: steps of captures; None where `share` is 1.
        streamed: steps of the stream; None where `share` is 0.
        share: of the steps that see the stream.
        seed: of which steps these are.
        device: where batches are wanted.
        rank: of this process; every rank has batches of its own.
        world: how many ranks there are.
    """

    def __init__(
        self,
        captures: Steps | None,
        streamed: Steps | None,
        share: float,
        seed: int,
        device: torch.device,
        rank: int = 0,
        world: int = 1,
    ):
        self.captures, self.streamed, self.share, self.seed = captures, streamed, share, seed
        self.device, self.rank, self.world = device, rank, world
        self.reader = ThreadPoolExecutor(1)
        self.side = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.begun: tuple[int, Future[Clip] | Clip] | None = None

    def is_streamed(self, step: int) -> bool:
        """Whether a step sees the stream; all ranks agree."""
        if self.streamed is None or self.captures is None:
            return self.captures is None
        return bool(np.random.default_rng((self.seed, 3, step)).random() < self.share)

    def start(self, step: int) -> None:
        """Begin to make the batch of a step."""
        index = step * self.world + self.rank
        if not self.is_streamed(step):
            assert self.captures is not None
            self.begun = step, self.reader.submit(self.captures.__getitem__, index)
            return
        assert self.streamed is not None
        with torch.cuda.stream(self.side):  # nothing without CUDA
            self.begun = step, self.streamed[index]

    def take(self, step: int) -> Clip:
        """The batch of a step, on the device."""
        if self.begun is None or self.begun[0] != step:
            self.start(step)
        assert self.begun is not None
        clip, self.begun = self.begun[1], None
        if isinstance(clip, Future):
            return clip.result().to(self.device)
        if self.side is not None:
            torch.cuda.current_stream(self.device).wait_stream(self.side)
            _hand_over(clip, torch.cuda.current_stream(self.device))
        return clip

    def close(self) -> None:
        """Wait for what is being read, then let go of files and processes."""
        self.reader.shutdown(cancel_futures=True)
        for steps in (self.captures, self.streamed):
            if steps is not None:
                steps.close()


def _hand_over(value: _Tensors, stream: torch.cuda.Stream) -> None:
    """Tell the allocator that tensors made on another stream are used on this one."""
    for part in vars(value).values():
        if isinstance(part, Tensor):
            part.record_stream(stream)
        elif isinstance(part, _Tensors):
            _hand_over(part, stream)
