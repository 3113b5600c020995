"""What each Triton kernel of the network is worth: the network as a CUDA graph, with kernels replaced by TorchInductor.

Every variant runs the same network with random weights on the same pair in half precision. In a variant, the functions
that a kernel replaces are compiled by TorchInductor instead, or (last row) run as plain PyTorch operations.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from harness import in_turn, machine, report
from network import new_network, pair
from torch import Tensor

from posegaussian.model import correlation, disparity_prior, refinement, upsampling
from posegaussian.model.streaming import StreamingPredictor
from posegaussian.types import StereoPair

REPLACED = {
    "correlation lookup": (correlation.CorrelationPyramid, "__call__"),
    "local correlation": (refinement, "local_correlation"),
    "convex upsampling": (upsampling.ConvexUpsampling, "forward"),
    "capsules of the prior": (disparity_prior.DisparityPrior, "_fuse_capsules"),
}
"""Where the network looks up each function that has a kernel."""
CALLS = 20
"""Frames per sample: long enough that the clock does not matter."""


@contextmanager
def replaced(owner: Any, name: str, function: Any) -> Iterator[None]:
    """Another function in the place of an attribute."""
    original = getattr(owner, name)
    setattr(owner, name, function)
    try:
        yield
    finally:
        setattr(owner, name, original)


def predictor(source: StereoPair) -> tuple[StreamingPredictor, Tensor]:
    """A predictor whose graph is captured, and its disparity of the third frame."""
    stream = StreamingPredictor(new_network("cuda"), "graph", patient=False)
    for _ in range(2):
        stream(source)
    return stream, stream(source).disparity.float().clone()


def variants(source: StereoPair) -> dict[str, tuple[StreamingPredictor, Tensor]]:
    """Predictors by what they use in the place of the kernels."""
    made = {"Triton kernels": predictor(source)}
    choices = {f"compiled: {name}": [name] for name in REPLACED} | {"compiled: all four": list(REPLACED)}
    for title, names in choices.items():
        with ExitStack() as stack:
            for owner, name in (REPLACED[kernel] for kernel in names):
                # While it compiles, a function takes its path without a kernel.
                stack.enter_context(replaced(owner, name, torch.compile(getattr(owner, name), dynamic=False)))
            made[title] = predictor(source)
    with ExitStack() as stack:
        for module in (correlation, upsampling, disparity_prior):
            stack.enter_context(replaced(module, "uses_fused_kernels", lambda _: False))
        made["plain PyTorch"] = predictor(source)
    return made


def main() -> None:
    """Time all variants in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/kernels.json"))
    parser.add_argument("--size", type=int, default=1024, help="of the sources (default: 1024)")
    parser.add_argument("--samples", type=int, default=15, help="of each time (default: 15)")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("kernels: needs a CUDA device")
    source = pair(options.size, device="cuda")
    made = variants(source)
    functions = {title: (lambda stream=stream: stream(source)) for title, (stream, _) in made.items()}
    times = in_turn(functions, options.samples, CALLS, torch.cuda.synchronize)
    reference = made["Triton kernels"][1]
    rows = [
        {
            "in the place of the kernels": title,
            "network": times[title],
            "difference, ms": 1e3 * (times[title].median - times["Triton kernels"].median),
            "disparity off by at most, px": float((disparity - reference).abs().max()),
        }
        for title, (_, disparity) in made.items()
    ]
    report("kernels", rows, machine(("torch", "triton")), options.json)


if __name__ == "__main__":
    main()
