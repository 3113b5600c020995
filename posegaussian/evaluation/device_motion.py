"""The motion of images and of the truth between two frames, measured on a GPU: one CUDA graph, three numbers an image.

It measures what `evaluation.temporal.ImageMotion` measures on the CPU.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from torch import Tensor

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.evaluation.farneback import farneback, shifted
from posegaussian.streams import own_stream, to_device, to_host

_GREY = (9798, 19235, 3735)
"""Shares of red, green and blue in OpenCV's grey, in 2**15ths."""


class MotionErrors(NamedTuple):
    """How the motion of images differs from that of the truth, between two frames."""

    flow: float
    """Mean distance between the optical flow of the images and that of the truth, pixels, in the whole image."""
    squares: float
    """Sum over `pixels` of the mean squared difference from the previous image, warped by the truth's flow, levels."""
    pixels: int
    """Number of the person's pixels whose forward and backward flow agree."""


Frames = tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]
"""Two consecutive frames."""


def motion_errors(truth: Frames, images: Sequence[Frames], device: str) -> list[MotionErrors]:
    """The errors of several images of one view, on a device."""
    place = torch.device(device)
    with own_stream(place):
        (found,) = _GRAPHS(place, *(to_device(frame, place) for frames in (truth, *images) for frame in frames))
        errors = to_host(found)
    return [MotionErrors(float(flow), float(squares), int(pixels)) for flow, squares, pixels in errors]


def errors_of(*frames: UInt8[Tensor, "h w 3"]) -> tuple[Float64[Tensor, "m 3"]]:
    """The values of `MotionErrors`; frames are the previous and the current truth, then those of each of m images."""
    grey = torch.stack([_grey(frame) for frame in frames])
    pairs = [(k, k + 1) for k in range(0, len(frames), 2)]
    flows = farneback(grey, [*pairs, (1, 0)])
    forward, backward, others = flows[:1], flows[-1:], flows[1:-1]
    distances = (others - forward).square().sum(1).sqrt().mean((1, 2))
    there = shifted(forward, backward, "zeros")
    lengths = _squared(backward) + _squared(there)
    consistent = (_squared(backward + there) < 0.01 * lengths + 0.5) & (grey[1] > 0)
    previous, current = (torch.stack(frames[k::2]).movedim(-1, 1).float() for k in (2, 3))
    warped = shifted(previous, backward.expand(len(previous), -1, -1, -1), "zeros")
    squares = ((current - warped).square().mean(1) * consistent).sum((1, 2), dtype=torch.float64)
    pixels = consistent.sum().expand(len(previous))
    return (torch.stack([distances.double(), squares, pixels.double()], 1),)


def _squared(flow: Float32[Tensor, "n 2 h w"]) -> Float32[Tensor, "n h w"]:
    return flow.square().sum(1)


def _grey(image: UInt8[Tensor, "h w 3"]) -> Float32[Tensor, "h w"]:
    """What OpenCV makes of an image, levels."""
    red, green, blue = image.int().unbind(-1)
    return ((red * _GREY[0] + green * _GREY[1] + blue * _GREY[2] + (1 << 14)) >> 15).float()


_GRAPHS = GraphPerShape(errors_of)
