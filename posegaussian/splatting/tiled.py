"""Blending in tiles of 8 x 8 pixels in pure torch, with bounded memory, on any device.

Each tile has a list of the Gaussians that may touch it, in depth order. Tiles with lists of similar length are
evaluated together, as a block (tiles, rows, columns, Gaussians). The backward pass evaluates the blocks again, so no
block is kept in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from posegaussian.splatting.projection import Splats
from posegaussian.splatting.semantics import Semantics

_TORCH_TILE = 8
"""Width and height of a tile, pixels; chosen by hand."""
BLOCK_ELEMENTS = 2**18
"""Target number of elements of a block; small enough for the cache of a CPU core."""


def composite(
    splats: Splats,
    features: Float[Tensor, "m f"],
    view: Int[Tensor, "m"],
    views: int,
    size: tuple[int, int],
    semantics: Semantics,
) -> Float[Tensor, "views f h w"]:
    """Features blended front to back."""
    lists = _tile_lists(splats, view, views, size)
    tiles = _Composite.apply(splats.means, splats.conics, splats.opacities, features, lists, semantics)
    width, height = size
    columns, rows = -(-width // _TORCH_TILE), -(-height // _TORCH_TILE)
    image = tiles.reshape(views, rows, columns, _TORCH_TILE, _TORCH_TILE, -1).permute(0, 5, 1, 3, 2, 4)
    return image.reshape(views, -1, rows * _TORCH_TILE, columns * _TORCH_TILE)[..., :height, :width]


@dataclass(frozen=True)
class _Lists:
    """The Gaussians of each tile t: entries[starts[t] : starts[t] + counts[t]], front to back."""

    entries: Tensor
    starts: Tensor
    counts: Tensor
    origins: Tensor
    """Upper left corner of each tile, pixels."""


@torch.no_grad()
def _tile_lists(splats: Splats, view: Tensor, views: int, size: tuple[int, int]) -> _Lists:
    columns, rows = -(-size[0] // _TORCH_TILE), -(-size[1] // _TORCH_TILE)
    visible = torch.nonzero(splats.visible)[:, 0]
    order = visible[torch.sort(splats.depths[visible], stable=True).indices]
    limit = splats.boxes.new_tensor([columns, rows])
    low = (splats.boxes[order, :2] / _TORCH_TILE).floor().clamp(min=0).minimum(limit).long()
    high = (splats.boxes[order, 2:] / _TORCH_TILE).ceil().clamp(min=0).minimum(limit).long()
    spans = high - low
    touched = spans.prod(-1)

    # One entry per (Gaussian, tile), still in depth order; a stable sort by tile keeps that order within each tile.
    source = torch.repeat_interleave(torch.arange(len(order), device=order.device), touched)
    nth = torch.arange(len(source), device=order.device) - (touched.cumsum(0) - touched)[source]
    column = low[source, 0] + nth % spans[source, 0]
    row = low[source, 1] + nth // spans[source, 0]
    tile, position = torch.sort((view[order][source] * rows + row) * columns + column, stable=True)
    counts = torch.bincount(tile, minlength=views * rows * columns)
    index = torch.arange(rows * columns, device=order.device)
    origins = torch.stack([index % columns, index // columns], -1).repeat(views, 1) * _TORCH_TILE
    return _Lists(order[source[position]], counts.cumsum(0) - counts, counts, origins.to(splats.means.dtype))


def _blocks(lists: _Lists) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Blocks of tiles with lists of similar length: tile indices, entries (tiles, k), and which entries are real."""
    counts, order = torch.sort(lists.counts, descending=True, stable=True)
    lengths = counts.tolist()
    start = 0
    while start < len(lengths) and lengths[start]:
        number = max(1, BLOCK_ELEMENTS // (lengths[start] * _TORCH_TILE * _TORCH_TILE))
        tiles = order[start : start + number]
        nth = torch.arange(lengths[start], device=order.device)
        real = nth < lists.counts[tiles, None]
        entries = lists.entries[(lists.starts[tiles, None] + nth).clamp(max=len(lists.entries) - 1)]
        yield tiles, entries, real
        start += number


@dataclass(frozen=True)
class _Evaluation:
    """One block; shapes are (tiles, rows, columns, k) unless given."""

    dx: Tensor  # (tiles, 1, columns, k): mean minus pixel centre
    dy: Tensor  # (tiles, rows, 1, k)
    alphas: Tensor
    clamped: Tensor
    transmittances: Tensor  # before each Gaussian
    weights: Tensor


def _evaluate(means, conics, opacities, origins, entries, real, semantics: Semantics) -> _Evaluation:
    centres = torch.arange(_TORCH_TILE, dtype=means.dtype, device=means.device) + 0.5
    offsets = means[entries] - origins[:, None]  # (tiles, k, 2)
    dx = offsets[:, None, None, :, 0] - centres[:, None]
    dy = offsets[:, None, None, :, 1] - centres[:, None, None]
    xx, xy, yy = (c[:, None, None] for c in conics[entries].unbind(-1))
    sigma = torch.addcmul(0.5 * xx * dx * dx + 0.5 * yy * dy * dy, xy * dx, dy)
    raw = torch.exp(-sigma) * (opacities[entries] * real)[:, None, None]
    alphas = raw.clamp(max=semantics.alpha_max)
    alphas = torch.where((alphas >= semantics.alpha_min) & (sigma >= 0), alphas, 0.0)
    after = torch.cumprod(1 - alphas, -1)
    before = torch.cat([torch.ones_like(after[..., :1]), after[..., :-1]], -1)
    weights = torch.where(after > semantics.transmittance_min, alphas * before, 0.0)
    return _Evaluation(dx, dy, alphas, raw > semantics.alpha_max, before, weights)


class _Composite(torch.autograd.Function):
    """Features blended per tile: (tiles, rows, columns, f)."""

    @staticmethod
    def forward(ctx: Any, means, conics, opacities, features, lists: _Lists, semantics: Semantics):
        ctx.save_for_backward(means, conics, opacities, features)
        ctx.lists, ctx.semantics = lists, semantics
        output = features.new_zeros(len(lists.counts), _TORCH_TILE, _TORCH_TILE, features.shape[-1])
        for tiles, entries, real in _blocks(lists):
            block = _evaluate(means, conics, opacities, lists.origins[tiles], entries, real, semantics)
            blended = block.weights.flatten(1, 2) @ features[entries]
            output[tiles] = blended.reshape(len(tiles), _TORCH_TILE, _TORCH_TILE, -1)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient):
        means, conics, opacities, features = ctx.saved_tensors
        lists, semantics = ctx.lists, ctx.semantics
        g_means, g_conics = torch.zeros_like(means), torch.zeros_like(conics)
        g_opacities, g_features = torch.zeros_like(opacities), torch.zeros_like(features)
        for tiles, entries, real in _blocks(lists):
            block = _evaluate(means, conics, opacities, lists.origins[tiles], entries, real, semantics)
            above = gradient[tiles].flatten(1, 2)  # (tiles, pixels, f)
            index = entries.flatten()
            g_features.index_add_(0, index, (block.weights.flatten(1, 2).mT @ above).flatten(0, 1))

            # dL/dalpha_k = T_k q_k - (sum of w_j q_j over j > k) / (1 - alpha_k), q_k the feature's own gradient.
            q = (above @ features[entries].mT).reshape(block.weights.shape)
            gain = block.weights * q
            behind = gain.sum(-1, keepdim=True) - gain.cumsum(-1)
            g_alphas = block.transmittances * q - behind / (1 - block.alphas)
            used = (block.weights > 0) & ~block.clamped
            g_raw = torch.where(used, g_alphas * block.alphas, 0.0)  # times opacity x exp(-sigma)

            xx, xy, yy = conics[entries].unbind(-1)
            dx, dy = block.dx[:, 0], block.dy[:, :, 0]  # (tiles, 8, k)
            by_column, by_row = -g_raw.sum(1), -g_raw.sum(2)
            sx, sy = (by_column * dx).sum(1), (by_row * dy).sum(1)
            sxx, syy = (by_column * dx * dx).sum(1), (by_row * dy * dy).sum(1)
            sxy = -((g_raw * block.dy).sum(1) * dx).sum(1)
            total = -by_column.sum(1)
            g_means.index_add_(0, index, torch.stack([xx * sx + xy * sy, xy * sx + yy * sy], -1).flatten(0, 1))
            g_conics.index_add_(0, index, torch.stack([sxx / 2, sxy, syy / 2], -1).flatten(0, 1))
            g_opacities.index_add_(0, index, torch.where(real, total / opacities[entries], 0.0).flatten())
        return g_means, g_conics, g_opacities, g_features, None, None
