"""Gaussians as .sog: PlayCanvas' format of lossless WebP images in a ZIP, read by SuperSplat, PlayCanvas and Spark.

Version 2 of the format (developer.playcanvas.com, "The SOG format"). Pixel i of every image belongs to Gaussian i:
positions as 16 bits between the smallest and the largest of sign(x) log(1 + |x|), in two images of low and high bytes;
rotations (smallest three: 8 bits each, and the index of the fourth in alpha); log scales and constant harmonics as
indices into tables of 256 numbers; opacities as alpha. Axes are those of the Gaussians: see `export.axes`.
"""

import io
import json
import math
import zipfile
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from posegaussian.io.atomic import write_atomic
from posegaussian.io.limits import check_count, warn_of_steps
from posegaussian.io.ply import SH_CONSTANT
from posegaussian.types import Gaussians

_MOST = 16383**2
"""Most Gaussians: the pixels of the largest WebP."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of all entries of the ZIP, the earliest possible one: the same Gaussians give the same bytes."""
_METHOD = 4
"""Effort of the WebP encoder, 0 to 6: its default."""


def write_sog(path: Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically; entries with an opacity below 1/255 are left out.

    Raises:
        UserError: there are more Gaussians than an image has pixels.
    """
    visible = gaussians.compact().to("cpu", torch.float64)
    check_count(len(visible.means), _MOST, ".sog", path)
    positions, sizes = visible.means.numpy(), visible.scales.numpy()
    folded = np.sign(positions) * np.log1p(np.abs(positions))
    low, high = _range(folded)
    span = np.where(high > low, high - low, 1)
    steps = (1 + np.abs(positions).max(0, initial=0)) * span / 65535
    warn_of_steps(sizes.max(1), float(steps.max()), ".sog", path)
    means = np.rint((folded - low) / span * 65535).astype(np.uint16)
    scales, scale_table = _indexed(np.log(sizes))
    colors, color_table = _indexed((visible.colors.numpy() - 0.5) / SH_CONSTANT)
    opacities = np.rint(visible.opacities.numpy()[:, None] * 255).astype(np.uint8)
    images = {
        "means_l": _opaque((means & 255).astype(np.uint8)),
        "means_u": _opaque((means >> 8).astype(np.uint8)),
        "scales": _opaque(scales),
        "quats": _smallest_three(visible.quaternions.numpy()),
        "sh0": np.concatenate([colors, opacities], axis=1),
    }
    meta = {
        "version": 2,
        "asset": {"generator": "PoseGaussian"},
        "model": "antialiased",
        "antialias": True,
        "count": len(positions),
        "means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": scale_table.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": color_table.tolist(), "files": ["sh0.webp"]},
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr(zipfile.ZipInfo("meta.json", _EPOCH), json.dumps(meta))
        for name, pixels in images.items():
            zipped.writestr(zipfile.ZipInfo(f"{name}.webp", _EPOCH), _webp(pixels))
    write_atomic(path, archive.getbuffer())


def _range(values: Float[np.ndarray, "n 3"]) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """The smallest and the largest of each column; 0 where there are none."""
    return (values.min(0), values.max(0)) if len(values) else (np.zeros(3), np.zeros(3))


def _indexed(values: Float[np.ndarray, "n 3"]) -> tuple[UInt8[np.ndarray, "n 3"], Float[np.ndarray, "256"]]:
    """Indices into 256 evenly spaced numbers between the smallest and the largest, and those numbers.

    Even spacing keeps the 256 levels of an image's colours, and bounds the error by 1/510 of the range.
    """
    low, high = _range(values)
    table = np.linspace(low.min(), high.max(), 256)
    step = table[1] - table[0] or 1.0
    return np.rint((values - table[0]) / step).clip(0, 255).astype(np.uint8), table


def _smallest_three(wxyz: Float[np.ndarray, "n 4"]) -> UInt8[np.ndarray, "n 4"]:
    """Rotations: three components of w, x, y, z in order, without the largest, whose index is 252 below alpha."""
    unit = wxyz / np.linalg.norm(wxyz, axis=1, keepdims=True)
    largest = np.abs(unit).argmax(1)
    unit = unit * np.where(np.take_along_axis(unit, largest[:, None], 1) < 0, -1, 1)
    rest = unit[np.arange(4) != largest[:, None]].reshape(-1, 3)
    levels = np.rint((rest * 2**0.5 + 1) / 2 * 255).clip(0, 255)
    return np.concatenate([levels, 252 + largest[:, None]], axis=1).astype(np.uint8)


def _opaque(rgb: UInt8[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 4"]:
    return np.pad(rgb, ((0, 0), (0, 1)), constant_values=255)


def _webp(pixels: UInt8[np.ndarray, "n 4"]) -> bytes:
    """A nearly square lossless image of the pixels, row by row; the rest of the last rows is 0."""
    width = max(math.ceil(math.sqrt(len(pixels))), 1)
    height = max(math.ceil(len(pixels) / width), 1)
    image = np.zeros((height * width, 4), np.uint8)
    image[: len(pixels)] = pixels
    encoded = io.BytesIO()
    # `exact` keeps the colours of transparent pixels.
    Image.fromarray(image.reshape(height, width, 4)).save(encoded, "webp", lossless=True, exact=True, method=_METHOD)
    return encoded.getvalue()
