"""Gaussians as .ply in the convention of the original 3D Gaussian Splatting code, which splat viewers read.

Little endian float32. Per Gaussian: its mean, an unused normal, the colour as the constant spherical harmonic, the
logit of the opacity, the logarithm of the scales (metres), and the quaternion wxyz: 17 columns. `write_ply62` adds the
45 harmonics of degrees 1 to 3, all 0, which some importers insist on.
"""

from pathlib import Path

import numpy as np
import torch

from posegaussian.errors import UserError, warn
from posegaussian.io.atomic import write_atomic
from posegaussian.io.ply_table import read_vertices
from posegaussian.types import Gaussians

SH_CONSTANT = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi)): colour = 0.5 + SH_CONSTANT * f_dc."""

_COLUMNS = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
_HARMONICS_AT = _COLUMNS.index("opacity")
"""Where the harmonics of higher degrees stand among the columns."""
_NEEDED = tuple(name for name in _COLUMNS if name not in ("nx", "ny", "nz"))
_OPACITY_LIMIT = 1e-6
"""Opacities are kept this far from 0 and 1, where the logit is infinite. Chosen by hand."""


def write_ply(path: str | Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically; entries with an opacity below 1/255 are left out.

    Raises:
        ValueError: a batch of sets.

    Examples:
        >>> import torch, posegaussian as pg
        >>> dot, color = torch.tensor([[0.0, 0, 2]]), torch.ones(1, 3)
        >>> gaussians = pg.Gaussians(dot, torch.eye(4)[:1], torch.full((1, 3), 0.1), torch.tensor([0.9]), color)
        >>> pg.write_ply("dot.ply", gaussians)
        >>> torch.equal(pg.read_ply("dot.ply").means, dot)
        True
    """
    _write(path, gaussians, harmonics=0)


def write_ply62(path: str | Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians as `write_ply` does, with the 45 harmonics of degrees 1 to 3, which are 0.

    Raises:
        ValueError: a batch of sets.
    """
    _write(path, gaussians, harmonics=45)


def _write(path: str | Path, gaussians: Gaussians, harmonics: int) -> None:
    visible = gaussians.compact().to("cpu", torch.float32)
    opacities = visible.opacities.clamp(_OPACITY_LIMIT, 1 - _OPACITY_LIMIT)
    table = torch.cat(
        [
            visible.means,
            torch.zeros_like(visible.means),
            (visible.colors - 0.5) / SH_CONSTANT,
            visible.means.new_zeros(len(visible.means), harmonics),
            torch.logit(opacities)[:, None],
            visible.scales.log(),
            torch.nn.functional.normalize(visible.quaternions, dim=-1),
        ],
        dim=1,
    )
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    rest = [f"f_rest_{number}" for number in range(harmonics)]
    names = [*_COLUMNS[:_HARMONICS_AT], *rest, *_COLUMNS[_HARMONICS_AT:]]
    header += [f"property float {name}" for name in names]
    write_atomic(path, "\n".join([*header, "end_header\n"]).encode() + table.numpy().astype("<f4").tobytes())


def read_ply(path: str | Path) -> Gaussians:
    """Gaussians from a .ply in this convention, of any program.

    Spherical harmonics of higher degree are not read, and Gaussians with numbers that are not finite are left out; a
    warning says so. Other columns and elements are passed over.

    Raises:
        UserError: the file is no .ply of Gaussians, or is cut short.

    Examples:
        >>> import posegaussian as pg
        >>> capture = pg.read_capture("capture")
        >>> pair = pg.rectify(*capture.views(capture.sources[:2], capture.frames[0]), size=(64, 64))
        >>> gaussians = pg.reconstruct(pair)
        >>> pg.write_ply("person.ply", gaussians)
        >>> len(pg.read_ply("person.ply").means) == len(gaussians.means)
        True
    """
    path = Path(path)
    table = read_vertices(path)
    if missing := [name for name in _NEEDED if name not in (table.dtype.names or ())]:
        raise UserError(f"no .ply of Gaussians: it lacks {', '.join(missing)}", code="unreadable-splats", file=path)

    def columns(*wanted: str) -> torch.Tensor:
        with np.errstate(over="ignore"):  # too large for float32: infinite, and left out
            return torch.from_numpy(np.stack([table[name].astype(np.float32) for name in wanted], -1))

    if any(table[name].any() for name in table.dtype.names or () if name.startswith("f_rest_")):
        what = "colours that change with the direction are left out: only the constant harmonic is read"
        warn(what, code="directional-colours", file=path.parent)
    return _finite(
        Gaussians(
            means=columns("x", "y", "z"),
            quaternions=columns("rot_0", "rot_1", "rot_2", "rot_3"),
            scales=columns("scale_0", "scale_1", "scale_2").exp(),
            opacities=columns("opacity")[:, 0].sigmoid(),
            colors=0.5 + SH_CONSTANT * columns("f_dc_0", "f_dc_1", "f_dc_2"),
        ),
        path,
    )


def _finite(gaussians: Gaussians, path: Path) -> Gaussians:
    """The Gaussians that have finite numbers and a rotation; a warning counts the others."""
    parts = gaussians.means, gaussians.quaternions, gaussians.scales, gaussians.opacities[:, None], gaussians.colors
    good = torch.cat(parts, 1).isfinite().all(1) & (gaussians.quaternions != 0).any(1)
    if good.all():
        return gaussians
    what = f"{int((~good).sum())} of {len(good)} Gaussians have numbers that are not finite, or no rotation: left out"
    warn(what, code="broken-gaussians", file=path)
    return gaussians[good]
