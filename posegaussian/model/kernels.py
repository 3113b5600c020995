"""Triton kernels for inference on CUDA: correlation lookup, local correlation, convex upsampling, one pass each.

Each computes what the function named in its docstring computes in a dozen operations. Those stay in use where gradients
are needed, and under `torch.compile`, which fuses them itself. Triton compiles a kernel at its first use.
"""

from typing import no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float
from torch import Tensor

_BLOCK = 128
"""Cells per program. Chosen by hand."""


def lookup(
    volume: Float[Tensor, "n h w v"], lengths: list[int], q: Float[Tensor, "n h w"], radius: int
) -> Float[Tensor, "n f h w"]:
    """See `correlation.CorrelationPyramid`."""
    samples = 2 * radius + 1
    found = volume.new_empty(*q.shape, len(lengths) * samples)
    tensors = volume.contiguous(), q.contiguous(), found
    shape = q.shape[-1], lengths[0], volume.shape[-1], q.numel()
    sizes = len(lengths), radius, samples, triton.next_power_of_2(samples)
    with torch.cuda.device_of(q):
        _lookup[_blocks(q)](*tensors, *shape, *sizes, _BLOCK)  # pyright: ignore[reportIndexIssue]
    return found.permute(0, 3, 1, 2)


def local_correlation(
    reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"], q: Float[Tensor, "n h w"], radius: int
) -> Float[Tensor, "n f h w"]:
    """See `correlation.local_correlation`; the number of channels is a power of two."""
    reference, other = (values.permute(0, 2, 3, 1).contiguous() for values in (reference, other))
    found = reference.new_empty(*q.shape, 2 * radius + 1)
    tensors, shape = (reference, other, q.contiguous(), found), (q.shape[-1], q.numel())
    with torch.cuda.device_of(q):
        _nearby[_blocks(q)](*tensors, *shape, radius, reference.shape[-1], _BLOCK)  # pyright: ignore[reportIndexIssue]
    return found.permute(0, 3, 1, 2)


def convex_upsampling(
    q: Float[Tensor, "n h w"],
    logits: Float[Tensor, "n k h w"],
    bias: Float[Tensor, "9 s s"],
    coverage: Float[Tensor, "n h w"],
    floor: float,
) -> Float[Tensor, "n hf wf"]:
    """See `upsampling.ConvexUpsampling`; the stride is a power of two, and k = 9 s s."""
    n, height, width = q.shape
    stride = bias.shape[-1]
    fine = q.new_empty(n, stride * height, stride * width)
    logits = logits.permute(0, 2, 3, 1).contiguous()
    tensors = q.contiguous(), logits, bias.contiguous(), coverage.contiguous(), fine
    with torch.cuda.device_of(q):
        _convex[_blocks(q)](*tensors, height, width, q.numel(), floor, stride, _BLOCK)  # pyright: ignore[reportIndexIssue]
    return fine


def _blocks(q: Float[Tensor, "n h w"]) -> tuple[int]:
    return (triton.cdiv(q.numel(), _BLOCK),)


@triton.jit
@no_type_check
def _lookup(
    volume,
    q,
    found,
    width,
    length,
    whole,
    cells,
    levels: tl.constexpr,
    radius: tl.constexpr,
    samples: tl.constexpr,
    taps: tl.constexpr,
    block: tl.constexpr,
):
    cell = tl.program_id(0) * block + tl.arange(0, block)
    valid = cell < cells
    middle = cell % width - tl.load(q + cell, valid, 0.0) + 0.5
    tap = tl.arange(0, taps)[None, :]
    wanted = valid[:, None] & (tap < samples)
    row = volume + cell.to(tl.int64)[:, None] * whole
    for level in tl.static_range(levels):
        match = middle / (1 << level) - 0.5
        first = tl.floor(match)
        at = first.to(tl.int32)[:, None] - radius + tap
        low = tl.load(row + at, wanted & (at >= 0) & (at < length), 0.0).to(tl.float32)
        high = tl.load(row + at + 1, wanted & (at >= -1) & (at < length - 1), 0.0).to(tl.float32)
        value = low + (match - first)[:, None] * (high - low)
        tl.store(found + cell[:, None] * (levels * samples) + level * samples + tap, value, wanted)
        row += length
        length = length // 2


@triton.jit
@no_type_check
def _nearby(
    reference, other, q, found, width, cells, radius: tl.constexpr, channels: tl.constexpr, block: tl.constexpr
):
    cell = tl.program_id(0) * block + tl.arange(0, block)
    valid = cell < cells
    column = cell % width
    match = column - tl.load(q + cell, valid, 0.0)
    first = tl.floor(match)
    channel = tl.arange(0, channels)[None, :]
    here = tl.load(reference + cell[:, None] * channels + channel, valid[:, None], 0.0).to(tl.float32)
    at = first.to(tl.int32) - radius
    low = tl.zeros([block], tl.float32)
    for k in tl.static_range(2 * radius + 2):
        within = valid & (at + k >= 0) & (at + k < width)
        there = tl.load(other + (cell - column + at + k)[:, None] * channels + channel, within[:, None], 0.0)
        high = tl.sum(here * there.to(tl.float32), 1)
        if k > 0:
            value = low + (match - first) * (high - low)
            tl.store(found + cell * (2 * radius + 1) + k - 1, value, valid)
        low = high


@triton.jit
@no_type_check
def _convex(
    q,
    logits,
    bias,
    coverage,
    fine,
    height,
    width,
    cells,
    floor: tl.constexpr,
    stride: tl.constexpr,
    block: tl.constexpr,
):
    cell = tl.program_id(0) * block + tl.arange(0, block)
    valid = cell < cells
    x, y = cell % width, cell // width % height
    corner = cell - x - y * width
    pixel = tl.arange(0, stride * stride)[None, :]
    middle = tl.load(q + cell, valid, 0.0)
    largest = tl.full([block, stride * stride], float("-inf"), tl.float32)
    total = tl.zeros([block, stride * stride], tl.float32)
    away = tl.zeros([block, stride * stride], tl.float32)
    for k in tl.static_range(9):
        row = tl.minimum(tl.maximum(y + (k // 3 - 1), 0), height - 1)
        near = corner + row * width + tl.minimum(tl.maximum(x + (k % 3 - 1), 0), width - 1)
        index = k * stride * stride + pixel
        logit = tl.load(logits + cell[:, None] * (9 * stride * stride) + index, valid[:, None], 0.0)
        logit = logit.to(tl.float32) + tl.load(bias + index).to(tl.float32)
        highest = tl.maximum(largest, logit)
        kept = tl.exp(largest - highest)
        weight = tl.exp(logit - highest) * (tl.load(coverage + near, valid, 0.0) + floor).to(tl.float32)[:, None]
        total = total * kept + weight
        away = away * kept + weight * (tl.load(q + near, valid, 0.0) - middle)[:, None]
        largest = highest
    value = stride * (middle[:, None] + away / total)
    place = (cell - x)[:, None] * (stride * stride) + (pixel // stride) * (stride * width)
    tl.store(fine + place + x[:, None] * stride + pixel % stride, value, valid[:, None])
