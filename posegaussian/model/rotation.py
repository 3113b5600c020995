"""Rotations as quaternions (wxyz)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def quaternion(rotation: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 4"]:
    """The unit quaternion of a rotation matrix, without branches that depend on values.

    Each row below is the quaternion times four of one of its components; the longest row has the least rounding error.
    """
    diagonal, plus, minus = rotation.diagonal(dim1=-2, dim2=-1), rotation + rotation.mT, rotation - rotation.mT
    trace = diagonal.sum(-1)
    x, y, z = minus[..., 2, 1], minus[..., 0, 2], minus[..., 1, 0]
    xx, yy, zz = (1 - trace[..., None] + 2 * diagonal).unbind(-1)
    xy, xz, yz = plus[..., 0, 1], plus[..., 0, 2], plus[..., 1, 2]
    rows = [1 + trace, x, y, z, x, xx, xy, xz, y, xy, yy, yz, z, xz, yz, zz]
    candidates = torch.stack(rows, dim=-1).unflatten(-1, (4, 4))
    longest = candidates.norm(dim=-1).argmax(dim=-1)
    return F.normalize(candidates.take_along_dim(longest[..., None, None], dim=-2)[..., 0, :], dim=-1)


def multiply(first: Float[Tensor, "*#b 4"], second: Float[Tensor, "*#b 4"]) -> Float[Tensor, "*b 4"]:
    """Hamilton product: rotate by `second`, then by `first`."""
    (w, x, y, z), (_, i, j, k) = first.unbind(-1), (-first).unbind(-1)
    rows = (w, i, j, k), (x, w, k, y), (y, z, w, i), (z, j, x, w)
    return torch.stack([(torch.stack(row, dim=-1) * second).sum(-1) for row in rows], dim=-1)
