"""Whether the Triton kernels work on this machine. The module lies above the kernels and below all their callers."""

import sys
from functools import cache

import torch


@cache
def has_triton() -> bool:
    """Whether Triton works on this machine; it comes with torch for CUDA on Linux and needs a C compiler."""
    try:
        from posegaussian.synthetic.renderer import kernels
        from posegaussian.types import Camera

        camera = Camera(torch.eye(3, device="cuda")[None], torch.eye(4, device="cuda")[None], 1, 1)
        points = kernels.project(torch.ones((1, 3, 3), device="cuda"), camera)
        keys = torch.full((1, 1, 1), torch.iinfo(torch.int64).max, device="cuda")
        kernels.draw(points, torch.arange(3, device="cuda")[None], keys)
        kernels.resolve(keys)
    except Exception as reason:  # a missing or broken compiler raises errors of many kinds
        print(f"people are rendered in plain torch, which is slower: {reason}", file=sys.stderr, flush=True)
        return False
    return True
