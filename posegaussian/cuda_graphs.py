"""Functions as captured CUDA graphs: one call of the driver in place of hundreds of operations."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

from posegaussian.locks import DEVICE

R = TypeVar("R")
Function = Callable[..., tuple[Tensor, ...]]
"""From tensors to tensors, all on one device; on CUDA it must not wait for the device or copy from the host."""

_WARM_UP = 3
"""Runs before a graph is captured: PyTorch's documentation of CUDA graphs does as many."""


def captured(step: Callable[[], R], device: torch.device, search: bool = True) -> Callable[[], R]:
    """A function without arguments captured as one CUDA graph; every call overwrites the same result.

    Networks of other threads wait meanwhile: see `locks.DEVICE`, which the caller must not share.

    Args:
        step: without copies from the host.
        device: that it runs on, which need not be the current one.
        search: whether cuDNN times its kernels to find the fastest, which takes seconds; else its heuristics choose.
    """
    # The flags are the process's: networks of other threads would look for the fastest kernels as well.
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=search, allow_tf32=torch.backends.cudnn.allow_tf32)
    with DEVICE.alone(), flags, torch.cuda.device(device):
        # PyTorch hands out 32 streams of each priority in turn. Those of high priority are nobody else's, so nothing of
        # another thread gets into the graph; and its kernels go before those of other networks.
        side, graph = torch.cuda.Stream(priority=-1), torch.cuda.CUDAGraph()
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


class GraphPerShape:
    """A function of tensors that runs as a CUDA graph where the device is CUDA; on the CPU it just runs.

    Each combination of shapes gets a graph of its own. Threads may call it at the same time, on streams of their own:
    one call runs after the other. This also spares each thread its own cuDNN plans, which PyTorch keeps by thread and
    which may take longer than a capture: so shapes are captured at once.

    Args:
        function: see `Function`; without a gradient.
    """

    def __init__(self, function: Function):
        self._function = function
        self._lock = threading.Lock()
        self._graphs: dict[tuple[torch.Size, ...], tuple[tuple[Tensor, ...], Callable[[], tuple[Tensor, ...]]]] = {}
        self._last: Any = None  # an event, with one of two types in PyTorch's annotations

    @torch.inference_mode()
    def __call__(self, device: torch.device, *arguments: Tensor) -> tuple[Tensor, ...]:
        """The function's results, on the device.

        Args:
            device: where the function runs.
            arguments: on any device.
        """
        if device.type != "cuda":
            return self._function(*arguments)
        shapes = tuple(each.shape for each in arguments)
        with self._lock:
            if self._last is not None:
                torch.cuda.current_stream(device).wait_event(self._last)
            if shapes not in self._graphs:
                given = tuple(each.to(device, copy=True) for each in arguments)
                self._graphs[shapes] = given, captured(lambda: self._function(*given), device, search=False)
            inputs, replay = self._graphs[shapes]
            for old, new in zip(inputs, arguments, strict=True):
                # A copy from memory that is not page-locked may wait until the stream has nothing to do.
                old.copy_(new if new.is_cuda else new.pin_memory(), non_blocking=True)
            results = tuple(each.clone() for each in replay())
            self._last = torch.cuda.current_stream(device).record_event()
        return results
