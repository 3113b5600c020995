"""Gaussians as .spz: about a fifth of the size of a .ply, read by most splat viewers.

Version 3 of Niantic's open format (github.com/nianticlabs/spz): a gzip of a header of 16 bytes and, one after the
other, all positions (24-bit fixed point), opacities, colours (8 bits), log scales (8 bits, steps of 1/16) and rotations
(smallest three: 10 bits each, 2 bits for the index of the fourth). Axes are those of the world, as in the .ply. This
writer uses no library, so that the same Gaussians give the same bytes and the report has no further dependency.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
import torch

from posegaussian.io.atomic import write_atomic
from posegaussian.io.ply import SH_CONSTANT
from posegaussian.types import Gaussians

_MAGIC, _VERSION = 0x5053474E, 3
_FRACTION = 16
"""Fractional bits of a position: steps of 15 micrometres, up to 128 m from the origin. The format leaves the choice."""
_COLOUR = 0.15
"""Scale of a colour's harmonic within the range of a byte, defined by the format."""


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically; entries with an opacity below 1/255 are left out."""
    write_atomic(path, spz_bytes(gaussians))


def spz_bytes(gaussians: Gaussians) -> bytes:
    """Bytes of a .spz file of one set of Gaussians; entries with an opacity below 1/255 are left out."""
    visible = gaussians.compact().to("cpu", torch.float32)
    means = np.rint(visible.means.double().numpy() * (1 << _FRACTION)).clip(-(1 << 23), (1 << 23) - 1)
    harmonics = (visible.colors.numpy() - 0.5) / SH_CONSTANT
    parts = [
        means.astype("<i4").view(np.uint8).reshape(-1, 3, 4)[..., :3],
        _byte(visible.opacities.numpy() * 255),
        _byte(harmonics * (_COLOUR * 255) + 127.5),
        _byte((np.log(visible.scales.numpy()) + 10) * 16),
        _smallest_three(visible.quaternions.double().numpy()),
    ]
    header = struct.pack("<IIIBBBB", _MAGIC, _VERSION, len(means), 0, _FRACTION, 0, 0)
    return gzip.compress(header + b"".join(part.tobytes() for part in parts), mtime=0)


def _byte(values: np.ndarray) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8)


def _smallest_three(wxyz: np.ndarray) -> np.ndarray:
    """Unit quaternions in 32 bits: index of the largest of x, y, z, w, then sign and magnitude of the other three."""
    xyzw = np.roll(wxyz / np.linalg.norm(wxyz, axis=1, keepdims=True), -1, axis=1)
    largest = np.abs(xyzw).argmax(1)
    xyzw = xyzw * np.where(np.take_along_axis(xyzw, largest[:, None], 1) < 0, -1, 1)
    packed = largest.astype(np.uint32)
    for axis in range(4):
        size = np.rint(np.abs(xyzw[:, axis]) * 2**0.5 * 511).astype(np.uint32)
        entry = packed << 10 | (xyzw[:, axis] < 0).astype(np.uint32) << 9 | size
        packed = np.where(largest == axis, packed, entry)
    return packed.astype("<u4")
