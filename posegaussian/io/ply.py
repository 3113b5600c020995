"""Gaussians as .ply in the convention of the original 3D Gaussian Splatting code, which splat viewers read.

Little endian float32. Per Gaussian: its mean, an unused normal, the colour as the constant spherical harmonic, the
logit of the opacity, the logarithm of the scales (metres), and the quaternion wxyz.
"""

from pathlib import Path

import numpy as np
import torch

from posegaussian.errors import UserError
from posegaussian.io.atomic import write_atomic
from posegaussian.types import Gaussians

SH_CONSTANT = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi)): colour = 0.5 + SH_CONSTANT * f_dc."""

_COLUMNS = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
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
    visible = gaussians.compact().to("cpu", torch.float32)
    opacities = visible.opacities.clamp(_OPACITY_LIMIT, 1 - _OPACITY_LIMIT)
    table = torch.cat(
        [
            visible.means,
            torch.zeros_like(visible.means),
            (visible.colors - 0.5) / SH_CONSTANT,
            torch.logit(opacities)[:, None],
            visible.scales.log(),
            torch.nn.functional.normalize(visible.quaternions, dim=-1),
        ],
        dim=1,
    )
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    header += [f"property float {name}" for name in _COLUMNS]
    write_atomic(path, "\n".join([*header, "end_header\n"]).encode() + table.numpy().astype("<f4").tobytes())


def read_ply(path: str | Path) -> Gaussians:
    """Gaussians from a .ply in this convention; spherical harmonics of higher degree are not read.

    Raises:
        UserError: the file is no binary .ply of Gaussians.

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
    header, separator, body = path.read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii", "replace").splitlines()
    names = [line.split()[-1] for line in lines if line.startswith("property float ")]
    if not separator or "format binary_little_endian 1.0" not in lines or not set(_COLUMNS) <= set(names):
        raise UserError("no binary .ply of Gaussians", code="unreadable-splats", file=path)
    table = np.frombuffer(body, "<f4").reshape(-1, len(names)).astype(np.float32)

    def columns(*wanted: str) -> torch.Tensor:
        return torch.from_numpy(table[:, [names.index(name) for name in wanted]])

    return Gaussians(
        means=columns("x", "y", "z"),
        quaternions=columns("rot_0", "rot_1", "rot_2", "rot_3"),
        scales=columns("scale_0", "scale_1", "scale_2").exp(),
        opacities=columns("opacity")[:, 0].sigmoid(),
        colors=0.5 + SH_CONSTANT * columns("f_dc_0", "f_dc_1", "f_dc_2"),
    )
