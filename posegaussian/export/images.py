"""Images of a rendering as PNG: colours, opacity, depth; every file appears whole."""

from pathlib import Path

import cv2
import numpy as np
import torch

from posegaussian.io.atomic import whole_file
from posegaussian.io.png import write_png
from posegaussian.rendering.reconstruct import to_bytes
from posegaussian.types import Rendering

DEPTH_UNIT = 1e-4
"""Metres per step of a depth image; 0 is nothing, all beyond 6.5 m is the last step."""


def write_color(path: Path, rendering: Rendering) -> None:
    """Write the colours over the background, RGB of 8 bits."""
    write_png(path, to_bytes(rendering.colors))


def write_alpha(path: Path, rendering: Rendering) -> None:
    """Write the accumulated opacity, 8 bits."""
    _write_grey(path, to_bytes(rendering.alphas)[..., 0])


def write_depth(path: Path, rendering: Rendering) -> None:
    """Write the expected depth, 16 bits, in steps of DEPTH_UNIT."""
    steps = torch.round(rendering.depths[0].double() / DEPTH_UNIT).clamp(0, 65535)
    _write_grey(path, steps.cpu().numpy().astype(np.uint16))


def _write_grey(path: Path, values: np.ndarray) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", values)[1].tobytes())
