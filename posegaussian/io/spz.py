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

from posegaussian.errors import UserError, warn
from posegaussian.io.atomic import write_atomic
from posegaussian.io.ply import SH_CONSTANT
from posegaussian.types import Gaussians

_MAGIC, _VERSION = 0x5053474E, 3
_FRACTION = 16
"""Fractional bits of a position: steps of 15 micrometres, up to 128 m from the origin. The format leaves the choice;
there are fewer where positions lie farther away."""
_LIMIT = 1 << 23
"""Positions are whole numbers of 24 bits with a sign, defined by the format."""
_COARSE = 0.5
"""Steps of positions are reported above this share of the Gaussians' median size. Chosen by hand."""
_SCALES = np.exp(-10), np.exp(255 / 16 - 10)
"""Range of the standard deviations, defined by the format: 0.045 mm to 379 m."""
_OUTSIDE = 0.01
"""Share of Gaussians that may have another size without a warning. Chosen by hand."""
_COLOUR = 0.15
"""Scale of a colour's harmonic within the range of a byte, defined by the format."""


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically; details and errors as for `spz_bytes`."""
    write_atomic(path, spz_bytes(gaussians, path))


def spz_bytes(gaussians: Gaussians, file: Path | None = None) -> bytes:
    """Bytes of a .spz file of one set of Gaussians; entries with an opacity below 1/255 are left out.

    Args:
        gaussians: one set.
        file: named in warnings and errors.

    Raises:
        UserError: a position is beyond the range of the format, 8,388,607.
    """
    visible = gaussians.compact().to("cpu", torch.float32)
    positions = visible.means.double().numpy()
    fraction = _fraction(positions, file)
    _warn_of_losses(visible.scales.numpy().max(1), 0.5**fraction, file)
    means = np.rint(positions * (1 << fraction))
    harmonics = (visible.colors.numpy() - 0.5) / SH_CONSTANT
    parts = [
        means.astype("<i4").view(np.uint8).reshape(-1, 3, 4)[..., :3],
        _byte(visible.opacities.numpy() * 255),
        _byte(harmonics * (_COLOUR * 255) + 127.5),
        _byte((np.log(visible.scales.numpy()) + 10) * 16),
        _smallest_three(visible.quaternions.double().numpy()),
    ]
    header = struct.pack("<IIIBBBB", _MAGIC, _VERSION, len(means), 0, fraction, 0, 0)
    return gzip.compress(header + b"".join(part.tobytes() for part in parts), mtime=0)


def _fraction(positions: np.ndarray, file: Path | None) -> int:
    """The most fractional bits, up to the usual number, with which all positions fit."""
    farthest = float(np.abs(positions).max(initial=0))
    for fraction in range(_FRACTION, -1, -1):
        if round(farthest * (1 << fraction)) < _LIMIT:
            return fraction
    what = f"a position of {farthest:.4g} is beyond the range of .spz, {_LIMIT - 1}"
    hint = "move the origin of the world to the person, or export .ply"
    raise UserError(what, code="beyond-spz", file=file, hint=hint)


def _warn_of_losses(sizes: np.ndarray, step: float, file: Path | None) -> None:
    """Warn where the format's numbers are too coarse for Gaussians of these sizes (longest standard deviations)."""
    if len(sizes) and step > _COARSE * np.median(sizes):
        what = f"so far from the origin, .spz rounds positions to steps of {step:g}"
        hint = "move the origin of the world to the person, or export .ply"
        warn(what, code="coarse-positions", file=file, hint=hint)
    outside = (sizes < _SCALES[0]) | (sizes > _SCALES[1])
    if len(sizes) and outside.mean() > _OUTSIDE:
        what = f"{outside.mean():.0%} of the Gaussians are smaller or larger than .spz can say ({_SCALES[0]:.2g} to"
        what += f" {_SCALES[1]:.0f}): they get the nearest size"
        warn(what, code="size-beyond-spz", file=file, hint="export .ply")


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
