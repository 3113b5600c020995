"""All-pairs correlation along rows (RAFT-Stereo, Lipson et al. 2021), as a posterior and as a pyramid to look up.

Positions are in cells, cell i centred at i. Every view is treated as a left one: the match of cell i is i - q.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.model.blocks import immediate

_STRIP = 2**21
"""Correlations that are held at once where they are looked up strip by strip."""


def correlate(reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h v"]) -> Float[Tensor, "n h w v"]:
    """Products of every cell's features with those of all cells of the same row of the other view."""
    return reference.permute(0, 2, 3, 1) @ other.permute(0, 2, 1, 3)


def unit(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Unit vectors of every cell, in half precision, too, where 0 (background) must stay 0."""
    return F.normalize(features, dim=1, eps=1e-3)


def expected_match(
    logits: Float[Tensor, "n h w w"], prior: Float[Tensor, "n h w"], spread: Float[Tensor, "n h w"]
) -> tuple[Float[Tensor, "n h w"], Float[Tensor, "n h w"]]:
    """Mean and standard deviation of q when a Gaussian prior meets the evidence.

    Args:
        logits: log-likelihood of each candidate cell.
        prior: expected q, in cells.
        spread: its standard deviation, in cells.
    """
    cells = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    distance = cells[:, None] - cells - prior[..., None]
    posterior = (logits - 0.5 * (distance / spread[..., None]).square()).softmax(-1)
    offset = (posterior * distance).sum(-1)
    variance = (posterior * distance.square()).sum(-1) - offset.square()
    return prior + offset, (variance.clamp_min(0) + 1e-6).sqrt()


class CorrelationPyramid:
    """Correlations at several coarsenesses of the other view, sampled about a current match.

    Args:
        reference: features of every cell.
        other: those of the other view.
        levels: how many; each halves the other view's row.
        radius: samples to either side of the match, at each level.
    """

    def __init__(self, reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"], levels: int, radius: int):
        rows = [other]
        for _ in range(levels - 1):
            second = rows[-1][..., 1::2]
            rows.append(0.5 * (rows[-1][..., : 2 * second.shape[-1] : 2] + second))
        self.radius, self.lengths = radius, [row.shape[-1] for row in rows]
        self.volume = correlate(reference, torch.cat(rows, dim=-1))  # Means of products are products with means.

    def __call__(self, q: Float[Tensor, "n h w"]) -> Float[Tensor, "n f h w"]:
        """Samples at the match of every cell and `radius` cells to either side, per level; 0 beyond the row's ends."""
        if immediate(q):
            from posegaussian.model import kernels

            return kernels.look_up(self.volume, self.lengths, q, self.radius)
        cells = torch.arange(q.shape[-1], device=q.device, dtype=q.dtype)
        match = cells - q
        volumes = self.volume.split(self.lengths, dim=-1)
        levels = [self._sample(volume, (match + 0.5) / 2**i - 0.5) for i, volume in enumerate(volumes)]
        return torch.cat(levels, dim=-1).permute(0, 3, 1, 2)

    def _sample(self, volume: Float[Tensor, "n h w v"], match: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w s"]:
        steps = torch.arange(-self.radius, self.radius + 2, device=match.device)
        first = match.floor()
        index = first.long()[..., None] + steps
        within = (index >= 0) & (index < volume.shape[-1])
        taken = volume.gather(-1, index.clamp(0, volume.shape[-1] - 1)) * within
        return torch.lerp(taken[..., :-1], taken[..., 1:], (match - first)[..., None].to(taken.dtype))


def correlate_nearby(
    reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"], q: Float[Tensor, "n h w"], radius: int
) -> Float[Tensor, "n f h w"]:
    """Cosines with the cells about a current match, without the volume of all pairs: for fine grids.

    Args:
        reference: unit vectors of every cell.
        other: those of the other view.
        q: the current match.
        radius: samples to either side of it; 0 beyond the row's ends.
    """
    if immediate(q):
        from posegaussian.model import kernels

        return kernels.correlate_nearby(reference, other, q, radius)
    if not (torch.is_grad_enabled() or torch.compiler.is_compiling()):
        return _by_strips(reference, other, q, radius)
    n, channels, height, width = other.shape
    match = torch.arange(width, device=q.device, dtype=q.dtype) - q
    first = match.floor()
    index = first.long()[..., None] + torch.arange(-radius, radius + 2, device=q.device)
    within = (index >= 0) & (index < width)
    row = width * torch.arange(n * height, device=q.device).reshape(n, height, 1, 1)
    cells = other.permute(0, 2, 3, 1).reshape(-1, channels)
    taken = cells[index.clamp(0, width - 1) + row]
    cosines = (taken * reference.permute(0, 2, 3, 1)[..., None, :]).sum(-1) * within
    fraction = (match - first)[..., None].to(cosines.dtype)
    return torch.lerp(cosines[..., :-1], cosines[..., 1:], fraction).permute(0, 3, 1, 2)


def _by_strips(reference: Tensor, other: Tensor, q: Tensor, radius: int) -> Float[Tensor, "n f h w"]:
    """The same from the volumes of a few rows at a time, which on a CPU is faster than to gather many short vectors."""
    rows = max(1, _STRIP // (len(q) * q.shape[-1] ** 2))
    strips = zip(reference.split(rows, 2), other.split(rows, 2), q.split(rows, 1), strict=True)
    return torch.cat([CorrelationPyramid(*pair, levels=1, radius=radius)(q) for *pair, q in strips], dim=2)
