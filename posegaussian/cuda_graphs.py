"""Functions as captured CUDA graphs: one call of the driver in place of hundreds of operations."""

from collections.abc import Callable
from typing import TypeVar

import torch

from posegaussian.locks import DEVICE

R = TypeVar("R")

_WARM_UP = 3
"""Runs before a graph is captured: PyTorch's documentation of CUDA graphs does as many."""


def captured(step: Callable[[], R]) -> Callable[[], R]:
    """A function without arguments captured as one CUDA graph; every call overwrites the same result.

    Networks of other threads wait meanwhile: see `locks.DEVICE`, which the caller must not share.
    """
    # PyTorch hands out 32 streams of each priority in turn. Those of high priority are nobody else's, so nothing of
    # another thread gets into the graph; and its kernels go before those of other networks.
    side, graph = torch.cuda.Stream(priority=-1), torch.cuda.CUDAGraph()
    # The flags are the process's: networks of other threads would look for the fastest kernels as well.
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=torch.backends.cudnn.allow_tf32)
    with DEVICE.alone(), flags:
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                step()
        torch.cuda.current_stream().wait_stream(side)
        with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
            result = step()

    def replay() -> R:
        graph.replay()
        return result

    return replay
