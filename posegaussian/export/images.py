"""Writers of a rendering as PNG: colours, opacity, depth. A file is written completely or not at all."""

from pathlib import Path

import numpy as np
import torch

from posegaussian.io.images import DEPTH_UNIT, write_image
from posegaussian.rendering.reconstruct import to_bytes
from posegaussian.types import Rendering


def write_color(path: Path, rendering: Rendering) -> None:
    """Write the colours over the background as 8-bit RGB."""
    write_image(path, to_bytes(rendering.colors))


def write_alpha(path: Path, rendering: Rendering) -> None:
    """Write the accumulated opacity as 8-bit grey."""
    write_image(path, to_bytes(rendering.alphas)[..., 0])


def write_depth(path: Path, rendering: Rendering) -> None:
    """Write the expected depth as 16-bit grey in steps of DEPTH_UNIT; 0: no depth, 65535: 6.5 m or more."""
    steps = torch.round(rendering.depths[0].double() / DEPTH_UNIT).clamp(0, 65535)
    write_image(path, steps.cpu().numpy().astype(np.uint16))
