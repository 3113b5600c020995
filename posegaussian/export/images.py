"""Images of a rendering as PNG: colours, opacity, depth; every file appears whole."""

from pathlib import Path

import numpy as np
import torch

from posegaussian.io.images import DEPTH_UNIT, write_image
from posegaussian.rendering.reconstruct import to_bytes
from posegaussian.types import Rendering


def write_color(path: Path, rendering: Rendering) -> None:
    """Write the colours over the background, RGB of 8 bits."""
    write_image(path, to_bytes(rendering.colors))


def write_alpha(path: Path, rendering: Rendering) -> None:
    """Write the accumulated opacity, 8 bits."""
    write_image(path, to_bytes(rendering.alphas)[..., 0])


def write_depth(path: Path, rendering: Rendering) -> None:
    """Write the expected depth, 16 bits, in steps of DEPTH_UNIT; 0 is nothing, all beyond 6.5 m is the last step."""
    steps = torch.round(rendering.depths[0].double() / DEPTH_UNIT).clamp(0, 65535)
    write_image(path, steps.cpu().numpy().astype(np.uint16))
