"""Sources larger than the network was trained for: reconstructed at a size that it knows, then one Gaussian a pixel.

Every pixel of the large image belongs to the surface of one of the 3 x 3 small pixels around it: the one that is alike
in colour, and near. Depth and the attributes of the Gaussians are interpolated on this surface, so that an edge lies
where the large image has it (joint bilateral upsampling, Kopf et al. 2007, with a choice in place of a mean).
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.projection import project, unproject_pixels
from posegaussian.model.consistency import trimmed
from posegaussian.model.gaussian_head import attribute_logits, trimmed_opacities
from posegaussian.types import Gaussians, StereoPair

KNOWN_SIZE = 1024
"""The longer side of the largest images in training, pixels."""
_LARGE = 1.5
"""Images are reduced from this many times that size on: below, the network itself is better. Chosen by hand."""
_STRIDE = 4
"""Pixels per cell of the heatmaps."""
_ALIKE = 0.1
"""Standard deviation of colours of one surface, of 1. Chosen by hand, as is the next."""
_SAME_SURFACE = 1.0
"""Standard deviation of the disparities of one surface in neighbouring small pixels, pixels."""
_TILE = 2**18
"""Pixels that are computed at once: 0.1 GB."""
_LEAST = 1e-4
"""Least opacity and share, and least weight of a small pixel that is unlike."""


def reduction(pair: StereoPair) -> int:
    """By how much a pair is reduced: 1 where the network knows its size."""
    longer = max(pair.images.shape[-2:])
    return 1 if longer < _LARGE * KNOWN_SIZE else -(-longer // KNOWN_SIZE)


def reduced(pair: StereoPair, factor: int) -> StereoPair:
    """The pair at a size smaller by this factor; the image is padded on the right and below where it must be."""

    def smaller(values: Tensor, stride: int = 1) -> Tensor:
        cells = factor * _STRIDE // stride
        height, width = values.shape[-2:]
        padded = F.pad(values.flatten(0, 1), (0, -width % cells, 0, -height % cells))
        return F.avg_pool2d(padded, factor).unflatten(0, (-1, 2))

    images, masks = smaller(pair.images), smaller(pair.masks)
    intrinsics = pair.cameras.intrinsics.clone()
    intrinsics[..., :2, :] /= factor
    height, width = images.shape[-2:]
    return replace(
        pair,
        images=images,
        masks=masks,
        cameras=replace(pair.cameras, intrinsics=intrinsics, width=width, height=height),
        heatmaps=None if pair.heatmaps is None else smaller(pair.heatmaps, _STRIDE),
        keypoints=None if pair.keypoints is None else pair.keypoints / factor,
    )


def enlarged(
    found: Gaussians, disparity: Float[Tensor, "2 hs ws"], small: StereoPair, large: StereoPair, exact: bool
) -> tuple[Gaussians, Float[Tensor, "2 h w"]]:
    """The Gaussians and the disparity of a large pair from those of the reduced one.

    Args:
        found: of the reduced pair, those of the left view first, as many for each.
        disparity: of the reduced pair, pixels.
        small: the reduced pair, a batch of one.
        large: the pair.
        exact: whether the masks are exact; otherwise the network has decided what is the person.
    """
    factor, (height, width) = _factor(small, large), large.images.shape[-2:]
    base = factor * F.interpolate(disparity[None].float(), scale_factor=float(factor), mode="bilinear")
    depth, parts, half = torch.zeros_like(large.masks[:, :, 0]), [], len(found.means) // 2
    for view in range(2):
        maps = _maps(found[view * half : (view + 1) * half], small, view, exact)
        for pixels, values in _interpolated(maps, small, large, view):
            parts.append(_gaussians(values, pixels, large, view, factor, exact))
            depth[0, view].view(-1)[pixels] = 1 / values[:, 0]
    gaussians = Gaussians(*(torch.cat([getattr(part, name) for part in parts]) for name in vars(found)))
    known, precise = depth > 0, depth_to_disparity(depth, large.cameras)
    return gaussians, torch.where(known, precise, base[..., :height, :width])[0]


def _maps(found: Gaussians, small: StereoPair, view: int, exact: bool) -> Float[Tensor, "c h w"]:
    """Gaussians as maps: inverse depth (0: none), opacity's logit, scales by depth, rotation, change of colour."""
    height, width = small.images.shape[-2:]
    used = found.opacities > 0
    found = found.map(lambda values: values[used].float())
    pixels, depth = project(found.means, small.cameras[0, view])  # A Gaussian lies on the ray of its pixel.
    column, row = pixels.floor().long().unbind(-1)
    place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    logits = torch.logit(found.opacities, _LEAST)
    if exact:
        mask, trim = small.masks[:, :, 0], trimmed(small.masks[:, :, 0])
        shares, edges = (values[0, view].flatten()[place] for values in (mask, trim))
        logits = attribute_logits(found.opacities / shares.clamp_min(_LEAST), edges)
    change = found.colors - small.images[0, view].flatten(1)[:, place].T
    columns = 1 / depth[:, None], logits[:, None], found.scales / depth[:, None], found.quaternions, change
    values = torch.cat(columns, dim=1)
    maps = values.new_zeros(values.shape[1], height * width)
    maps[:, place] = values.T
    return maps.unflatten(1, (height, width))


def _interpolated(
    maps: Float[Tensor, "c hs ws"], small: StereoPair, large: StereoPair, view: int
) -> Iterator[tuple[Int[Tensor, "n"], Float[Tensor, "n c"]]]:
    """Some of the large image's pixels after the other, as indices, and the values of the maps there."""
    factor, width = _factor(small, large), large.images.shape[-1]
    centres = small.cameras.world_to_camera[0, :, 0, 3]
    disparity_scale = small.cameras.intrinsics[0, 0, 0, 0] * (centres[0] - centres[1]).abs()
    maps, guide = (F.pad(values, (1, 1, 1, 1)) for values in (maps, small.images[0, view]))
    colors, covered = large.images[0, view].flatten(1), large.masks[0, view].flatten() > 0
    for pixels in (covered | (colors > 0).any(0)).nonzero()[:, 0].split(_TILE):
        row, column = pixels // width, pixels % width
        down, across = (_quadratic((line % factor + 0.5) / factor - 0.5) for line in (row, column))
        cells = [(row // factor + i, column // factor + j) for i in range(3) for j in range(3)]
        around = torch.stack([maps[:, i, j] for i, j in cells])
        unlike = torch.stack([(guide[:, i, j] - colors[:, pixels]).square().sum(0) for i, j in cells])
        weights = (down[:, None] * across[None]).flatten(0, 1) * (around[:, 0] > 0)
        chosen = (weights * (torch.exp(-unlike / (2 * _ALIKE**2)) + _LEAST)).argmax(0)
        apart = disparity_scale * (around[:, 0] - around[:, 0].gather(0, chosen[None])) / _SAME_SURFACE
        weights = weights * torch.exp(-0.5 * apart.square())
        total, kept = weights.sum(0), weights.sum(0) > 0
        values = (weights[:, None] * around).sum(0) / total
        yield pixels[kept], values.T[kept]


def _gaussians(
    values: Float[Tensor, "n c"], pixels: Int[Tensor, "n"], large: StereoPair, view: int, factor: int, exact: bool
) -> Gaussians:
    """The Gaussians of some pixels of the large image, from the interpolated maps."""
    inverse, logits, scales, rotation, change = values.split((1, 1, 3, 4, 3), dim=1)
    width, masks = large.images.shape[-1], large.masks[:, :, 0]
    depth, opacities = 1 / inverse[:, 0], logits[:, 0].sigmoid()
    if exact:
        share, trim = (plane[0, view].flatten()[pixels] for plane in (masks, trimmed(masks)))
        opacities = trimmed_opacities(logits[:, 0], trim) * share
    places = torch.stack([pixels % width, pixels // width], dim=1) + 0.5
    return Gaussians(
        means=unproject_pixels(places, depth, large.cameras[0, view]),
        quaternions=F.normalize(rotation, dim=1),
        scales=scales * depth[:, None] / factor,
        opacities=opacities,
        colors=(large.images[0, view].flatten(1)[:, pixels].T + change).clamp(0, 1),
    )


def _factor(small: StereoPair, large: StereoPair) -> int:
    """How many large pixels are as wide as a small one."""
    return round(float(large.cameras.intrinsics[0, 0, 0, 0] / small.cameras.intrinsics[0, 0, 0, 0]))


def _quadratic(place: Float[Tensor, "n"]) -> Float[Tensor, "3 n"]:
    """Weights of a quadratic B-spline, which reproduces lines, for the cells before, at and after a place.

    Args:
        place: relative to the centre of the middle cell, -0.5 to 0.5 cells.
    """
    return torch.stack([(0.5 - place).square() / 2, 0.75 - place.square(), (0.5 + place).square() / 2])
