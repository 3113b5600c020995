"""All-pairs correlation along rows (RAFT-Stereo, Lipson et al. 2021), as a posterior and as a pyramid with lookup.

Positions are in cells, cell i centred at i. Every view is treated as a left one: the match of cell i is i - q.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.model.blocks import uses_fused_kernels

_STRIP = 2**21
"""Correlations per strip of rows, 8 MB in float32. Chosen by hand."""


def correlate(reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h v"]) -> Float[Tensor, "n h w v"]:
    """Dot products of the features of every cell with those of all cells in the same row of the other view."""
    return reference.permute(0, 2, 3, 1) @ other.permute(0, 2, 1, 3)


def unit(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Features normalised to unit length; the zeros of the background stay 0, in half precision as well."""
    return F.normalize(features, dim=1, eps=1e-3)


def expected_match(
    logits: Float[Tensor, "n h w w"], mean: Float[Tensor, "n h w"], sigma: Float[Tensor, "n h w"]
) -> tuple[Float[Tensor, "n h w"], Float[Tensor, "n h w"]]:
    """Mean and sigma of the posterior over q, in cells: a Gaussian prior times the likelihood of every match.

    Args:
        logits: log-likelihood of each candidate cell.
        mean: of the prior, in cells.
        sigma: of the prior, in cells.
    """
    cells = torch.arange(logits.shape[-1], device=logits.device, dtype=logits.dtype)
    distance = cells[:, None] - cells - mean[..., None]
    posterior = (logits - 0.5 * (distance / sigma[..., None]).square()).softmax(-1)
    offset = (posterior * distance).sum(-1)
    variance = (posterior * distance.square()).sum(-1) - offset.square()
    return mean + offset, (variance.clamp_min(0) + 1e-6).sqrt()


class CorrelationPyramid:
    """Correlations with the other view at several scales, sampled around a current match.

    Args:
        reference: features of every cell.
        other: those of the other view.
        levels: number of scales; each halves the width of the other view.
        radius: samples to either side of the match, at every scale.
    """

    def __init__(self, reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"], levels: int, radius: int):
        rows = [other]
        for _ in range(levels - 1):
            second = rows[-1][..., 1::2]
            rows.append(0.5 * (rows[-1][..., : 2 * second.shape[-1] : 2] + second))
        self.radius, self.lengths = radius, [row.shape[-1] for row in rows]
        # The mean of correlations is the correlation with the mean: averaging features is cheaper than the volume.
        self.reference, self.other = reference, torch.cat(rows, dim=-1)
        # In a large image it takes gigabytes. Without gradients a CPU computes it anew, by strips, in each call.
        by_strips = not (reference.is_cuda or torch.is_grad_enabled() or torch.compiler.is_compiling())
        self.volume = None if by_strips else correlate(reference, self.other)

    def __call__(self, q: Float[Tensor, "n h w"]) -> Float[Tensor, "n f h w"]:
        """Samples at the match of every cell and up to `radius` cells to either side, per level; 0 outside the row."""
        if self.volume is None:
            rows = max(1, _STRIP // (q.shape[0] * q.shape[-1] * self.other.shape[-1]))
            strips = zip(self.reference.split(rows, 2), self.other.split(rows, 2), q.split(rows, 1), strict=True)
            return torch.cat([self._lookup(correlate(*pair), q) for *pair, q in strips], dim=2)
        return self._lookup(self.volume, q)

    def _lookup(self, volume: Float[Tensor, "n h w v"], q: Float[Tensor, "n h w"]) -> Float[Tensor, "n f h w"]:
        if uses_fused_kernels(q):
            from posegaussian.model import kernels

            return kernels.lookup(volume, self.lengths, q, self.radius)
        cells = torch.arange(q.shape[-1], device=q.device, dtype=q.dtype)
        match = cells - q
        volumes = volume.split(self.lengths, dim=-1)
        levels = [self._sample(volume, (match + 0.5) / 2**i - 0.5) for i, volume in enumerate(volumes)]
        return torch.cat(levels, dim=-1).permute(0, 3, 1, 2)

    def _sample(self, volume: Float[Tensor, "n h w v"], match: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w s"]:
        steps = torch.arange(-self.radius, self.radius + 2, device=match.device)
        first = match.floor()
        index = first.long()[..., None] + steps
        within = (index >= 0) & (index < volume.shape[-1])
        taken = volume.gather(-1, index.clamp(0, volume.shape[-1] - 1)) * within
        return torch.lerp(taken[..., :-1], taken[..., 1:], (match - first)[..., None].to(taken.dtype))


def local_correlation(
    reference: Float[Tensor, "n c h w"], other: Float[Tensor, "n c h w"], q: Float[Tensor, "n h w"], radius: int
) -> Float[Tensor, "n f h w"]:
    """Cosines with the cells around a current match, without the volume of all pairs: for fine grids.

    Args:
        reference: unit vectors of every cell.
        other: those of the other view.
        q: the current match.
        radius: samples to either side of it; 0 beyond the row's ends.
    """
    if uses_fused_kernels(q):
        from posegaussian.model import kernels

        return kernels.local_correlation(reference, other, q, radius)
    if not (torch.is_grad_enabled() or torch.compiler.is_compiling()):  # Faster than gathering many short vectors.
        return CorrelationPyramid(reference, other, levels=1, radius=radius)(q)
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
