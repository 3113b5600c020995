"""Many small tensors to a device in one copy that nothing waits for."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from posegaussian.types import Tensors

_ALIGNED = 256
"""Each tensor starts at a multiple of so many bytes, as if it had been allocated alone."""


def upload(tree: Any, device: torch.device) -> Any:
    """Nested tuples, lists, dictionaries and dataclasses of tensors on the CPU, on a device."""
    leaves: list[Tensor] = []

    def gather(leaf: Tensor) -> Tensor:
        leaves.append(leaf.contiguous())
        return leaf

    _mapped(tree, gather)
    ends = [0]
    for leaf in leaves:
        ends.append(ends[-1] + -(-leaf.nbytes // _ALIGNED) * _ALIGNED)
    buffer = torch.empty(ends[-1], dtype=torch.uint8, pin_memory=device.type == "cuda")
    for leaf, start in zip(leaves, ends, strict=False):
        _part(buffer, leaf, start).copy_(leaf)
    arrived = buffer.to(device, non_blocking=True)
    parts = iter([_part(arrived, leaf, start) for leaf, start in zip(leaves, ends, strict=False)])
    return _mapped(tree, lambda _: next(parts))


def _part(buffer: Tensor, leaf: Tensor, start: int) -> Tensor:
    """The place of a tensor in the buffer."""
    return buffer[start : start + leaf.nbytes].view(leaf.dtype).view(leaf.shape)


def _mapped(tree: Any, function: Callable[[Tensor], Any]) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {name: _mapped(value, function) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_mapped(value, function) for value in tree)
    return tree.map(lambda value: _mapped(value, function)) if isinstance(tree, Tensors) else tree
