"""CUDA streams of threads: the work of one thread does not wait for that of another."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

_OWN = threading.local()


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """A block in which the calling thread's work on CUDA has a stream of its own; it ends when the work is done.

    Args:
        device: on the CPU, nothing happens.
    """
    if device.type != "cuda":
        yield
        return
    streams: dict[torch.device, torch.cuda.Stream] = _OWN.__dict__.setdefault("streams", {})
    if device not in streams:
        streams[device] = torch.cuda.Stream(device)
        streams[device].wait_stream(torch.cuda.default_stream(device))  # on which weights were copied
    with torch.cuda.stream(streams[device]):
        yield
        streams[device].synchronize()


def to_host(values: Tensor) -> np.ndarray:
    """The values of a tensor, wherever it is; the calling thread waits for its own stream alone.

    From CUDA they are copied into page-locked memory, which PyTorch keeps for the next copy: new memory of the system's
    would take ten times as long.
    """
    found = values.to("cpu", non_blocking=True)
    if values.is_cuda:
        torch.cuda.current_stream(values.device).synchronize()
    return found.numpy()


def to_device(values: np.ndarray, device: torch.device) -> Tensor:
    """An array on a device; the calling thread does not wait for the work of its stream.

    To CUDA it is copied from page-locked memory: a copy from any other may wait until the stream has nothing to do.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
