"""Writers of a rendering: colours, opacity and depth as PNG, or all of them as OpenEXR, completely or not at all."""

from pathlib import Path

import numpy as np
import torch

from posegaussian.io.atomic import atomic_file
from posegaussian.io.images import DEPTH_UNIT, write_image
from posegaussian.rendering.levels import to_bytes
from posegaussian.types import Rendering

_SMALLEST = 1e-6
"""Smallest opacity by which a colour is divided. Chosen by hand: below a step of 8 and of 16 bits."""


def write_color(path: Path, rendering: Rendering) -> None:
    """Write the colours over the background as 8-bit RGB."""
    write_image(path, to_bytes(rendering.colors))


def write_alpha(path: Path, rendering: Rendering) -> None:
    """Write the accumulated opacity as 8-bit grey."""
    write_image(path, to_bytes(rendering.alphas)[..., 0])


def write_straight(path: Path, rendering: Rendering) -> None:
    """Write colours and opacity as 8-bit RGBA with straight alpha, as PNG defines it: colours as if opaque."""
    alphas = rendering.alphas
    colors = torch.where(alphas > 0, rendering.colors / alphas.clamp(min=_SMALLEST), 0)
    write_image(path, to_bytes(torch.cat([colors, alphas])))


def write_premultiplied(path: Path, rendering: Rendering) -> None:
    """Write colours and opacity as 8-bit RGBA with premultiplied alpha: the colours are those over black."""
    write_image(path, to_bytes(torch.cat([rendering.colors, rendering.alphas])))


def write_exr(path: Path, rendering: Rendering) -> None:
    """Write an OpenEXR: R, G, B in linear light (sRGB's curve undone) and A, premultiplied, half; Z in metres, float.

    Where nothing is, Z is infinite, as compositing programs expect it.

    Raises:
        ImportError: OpenEXR is not installed.
    """
    import OpenEXR  # pyright: ignore[reportMissingImports]

    alphas = rendering.alphas[0].double().clamp(0, 1)
    shown = (rendering.colors.double() / alphas.clamp(min=_SMALLEST)).clamp(0, 1)
    linear = torch.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4) * alphas
    depths = torch.where(rendering.depths[0] > 0, rendering.depths[0], torch.inf)
    halves = torch.cat([linear, alphas[None]]).permute(1, 2, 0).cpu().numpy().astype(np.float16)
    channels = {"RGBA": np.ascontiguousarray(halves), "Z": depths.cpu().numpy().astype(np.float32)}
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with atomic_file(path) as temporary:
        OpenEXR.File(header, channels).write(str(temporary))


def write_depth(path: Path, rendering: Rendering) -> None:
    """Write the expected depth as 16-bit grey in steps of DEPTH_UNIT; 0: no depth, 65535: 6.5 m or more."""
    steps = torch.round(rendering.depths[0].double() / DEPTH_UNIT).clamp(0, 65535)
    write_image(path, steps.cpu().numpy().astype(np.uint16))
