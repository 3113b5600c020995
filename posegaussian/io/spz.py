"""Gaussians as .spz: about a fifth of the size of a .ply, read by most splat viewers.

Versions 3 and 4 of Niantic's open format (github.com/nianticlabs/spz). Both hold, one after the other, all positions
(24-bit fixed point), opacities, colours (8 bits), log scales (8 bits, steps of 1/16) and rotations (smallest three: 10
bits each, 2 bits for the index of the fourth). Version 3 is a gzip of a header of 16 bytes and these arrays; version 4
is a header of 32 bytes, a table of sizes, and one Zstandard stream per array. The writer uses no library of the format,
so that the same Gaussians give the same bytes. It does not turn the axes: see `export.axes`.
"""

import gzip
import struct
from pathlib import Path

import numpy as np
import torch

from posegaussian.errors import UserError
from posegaussian.io.atomic import write_atomic
from posegaussian.io.limits import check_count, warn_of_sizes, warn_of_steps
from posegaussian.io.ply import SH_CONSTANT
from posegaussian.types import Gaussians

_MAGIC = 0x5053474E
_FRACTION = 16
"""Fractional bits of a position: steps of 15 micrometres, up to 128 m from the origin. The format leaves the choice;
there are fewer where positions lie farther away."""
_LIMIT = 1 << 23
"""Positions are whole numbers of 24 bits with a sign, defined by the format."""
_MOST = 10_000_000
"""Most Gaussians: the format's own library reads no more."""
_SCALES = float(np.exp(-10)), float(np.exp(255 / 16 - 10))
"""Range of the standard deviations, defined by the format: 0.045 mm to 379 m."""
_COLOUR = 0.15
"""Scale of a colour's harmonic within the range of a byte, defined by the format."""
_HEADER_4 = 32
"""Bytes of the header of version 4, where the table of sizes begins."""


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically as version 3; details and errors as for `spz_bytes`."""
    write_atomic(path, spz_bytes(gaussians, path))


def write_spz4(path: Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically as version 4, with the same arrays and errors as `spz_bytes`.

    Raises:
        ImportError: zstandard is not installed.
    """
    from zstandard import ZstdCompressor  # pyright: ignore[reportMissingImports]

    count, fraction, arrays = _packed(gaussians, path)
    streams = [ZstdCompressor().compress(array) for array in arrays]
    header = struct.pack("<IIIBBBBI", _MAGIC, 4, count, 0, fraction, 0, len(arrays), _HEADER_4).ljust(_HEADER_4, b"\0")
    sizes = [struct.pack("<QQ", len(stream), len(array)) for stream, array in zip(streams, arrays, strict=True)]
    write_atomic(path, b"".join([header, *sizes, *streams]))


def spz_bytes(gaussians: Gaussians, file: Path | None = None) -> bytes:
    """Bytes of a .spz of version 3 of one set of Gaussians; entries with an opacity below 1/255 are left out.

    Raises:
        UserError: a position is beyond the range of the format, 8,388,607, or there are too many Gaussians.
    """
    count, fraction, arrays = _packed(gaussians, file)
    header = struct.pack("<IIIBBBB", _MAGIC, 3, count, 0, fraction, 0, 0)
    return gzip.compress(header + b"".join(arrays), mtime=0)


def _packed(gaussians: Gaussians, file: Path | None) -> tuple[int, int, list[bytes]]:
    """Number of Gaussians, fractional bits of a position, and the arrays in the order of the format."""
    visible = gaussians.compact().to("cpu", torch.float32)
    check_count(len(visible.means), _MOST, ".spz", file)
    positions, sizes = visible.means.double().numpy(), visible.scales.numpy().max(1)
    fraction = _fraction(positions, file)
    warn_of_steps(sizes, 0.5**fraction, ".spz", file)
    warn_of_sizes(sizes, _SCALES, ".spz", file)
    means = np.rint(positions * (1 << fraction))
    harmonics = (visible.colors.numpy() - 0.5) / SH_CONSTANT
    arrays = [
        means.astype("<i4").view(np.uint8).reshape(-1, 3, 4)[..., :3],
        _byte(visible.opacities.numpy() * 255),
        _byte(harmonics * (_COLOUR * 255) + 127.5),
        _byte((np.log(visible.scales.numpy()) + 10) * 16),
        _smallest_three(visible.quaternions.double().numpy()),
    ]
    return len(means), fraction, [array.tobytes() for array in arrays]


def _fraction(positions: np.ndarray, file: Path | None) -> int:
    """The most fractional bits, up to the usual number, with which all positions fit."""
    farthest = float(np.abs(positions).max(initial=0))
    for fraction in range(_FRACTION, -1, -1):
        if round(farthest * (1 << fraction)) < _LIMIT:
            return fraction
    what = f"a position of {farthest:.4g} is beyond the range of .spz, {_LIMIT - 1}"
    hint = "move the origin of the world to the person, or export .ply"
    raise UserError(what, code="beyond-spz", file=file, hint=hint)


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
