"""Trees of many small tensors in one block of memory: cheap to send to another process or, in one copy, to a device."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

_ALIGNMENT = 256
"""Each tensor starts at a multiple of this many bytes, as CUDA allocations do, so kernels see the usual alignment."""


@dataclass(frozen=True)
class Packed:
    """Nested tuples, lists, dictionaries and dataclasses of CPU tensors."""

    tree: bytes  # all but the tensors, pickled
    data: UInt8[np.ndarray, n]  # the tensors' bytes

    @staticmethod
    def of(tree: Any) -> Packed:
        """A tree of CPU tensors, packed."""
        stream = io.BytesIO()
        pickler = _Pickler(stream, pickle.HIGHEST_PROTOCOL)
        pickler.dump(tree)
        data = np.zeros(pickler.end, np.uint8)
        for leaf, start in pickler.leaves:
            _view_of(torch.from_numpy(data), start, leaf.nbytes, leaf.dtype, leaf.shape).copy_(leaf)
        return Packed(stream.getvalue(), data)

    def on(self, device: torch.device) -> Any:
        """The tree on a device; on CUDA the copy is asynchronous, so the host does not wait."""
        buffer = torch.from_numpy(self.data)
        if device.type == "cuda":
            buffer = torch.empty(len(self.data), dtype=torch.uint8, pin_memory=True).copy_(buffer)
        return _Unpickler(io.BytesIO(self.tree), buffer.to(device, non_blocking=True)).load()


class _Pickler(pickle.Pickler):
    """Leaves out the tensors: their places in the block of memory stand for them."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.leaves: list[tuple[Tensor, int]] = []
        self.end = 0

    def persistent_id(self, obj: Any) -> tuple | None:
        if not isinstance(obj, Tensor):
            return None
        leaf, start = obj.contiguous(), self.end
        self.leaves.append((leaf, start))
        self.end += -(-leaf.nbytes // _ALIGNMENT) * _ALIGNMENT
        return start, leaf.nbytes, leaf.dtype, tuple(leaf.shape)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, data: Tensor):
        super().__init__(stream)
        self.data = data

    def persistent_load(self, pid: Any) -> Tensor:
        return _view_of(self.data, *pid)


def _view_of(data: Tensor, start: int, size: int, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    """The part of the block that holds a tensor."""
    return data[start : start + size].view(dtype).view(shape)
