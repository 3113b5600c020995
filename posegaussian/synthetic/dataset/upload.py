"""Upload of many small tensors to a device in one asynchronous copy."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from posegaussian.types import Tensors

_ALIGNMENT = 256
"""Each tensor starts at a multiple of this many bytes, as CUDA allocations do, so kernels see the usual alignment."""


def upload(tree: Any, device: torch.device) -> Any:
    """A copy on a device of nested tuples, lists, dictionaries and dataclasses of CPU tensors."""
    leaves: list[Tensor] = []

    def gather(leaf: Tensor) -> Tensor:
        leaves.append(leaf.contiguous())
        return leaf

    _map_tensors(tree, gather)
    ends = [0]
    for leaf in leaves:
        ends.append(ends[-1] + -(-leaf.nbytes // _ALIGNMENT) * _ALIGNMENT)
    buffer = torch.empty(ends[-1], dtype=torch.uint8, pin_memory=device.type == "cuda")
    for leaf, start in zip(leaves, ends, strict=False):
        _view_of(buffer, leaf, start).copy_(leaf)
    arrived = buffer.to(device, non_blocking=True)
    parts = iter([_view_of(arrived, leaf, start) for leaf, start in zip(leaves, ends, strict=False)])
    return _map_tensors(tree, lambda _: next(parts))


def _view_of(buffer: Tensor, leaf: Tensor, start: int) -> Tensor:
    """The part of the buffer that holds a tensor, with the tensor's type and shape."""
    return buffer[start : start + leaf.nbytes].view(leaf.dtype).view(leaf.shape)


def _map_tensors(tree: Any, function: Callable[[Tensor], Any]) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {name: _map_tensors(value, function) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_map_tensors(value, function) for value in tree)
    return tree.map(lambda value: _map_tensors(value, function)) if isinstance(tree, Tensors) else tree
