"""Mattes with the errors of real ones: offset, ragged and soft edges, holes, leaks, lost hands and feet.

Strengths are drawn on the host, and noise is a hash of pixels and seeds, so that all devices make the same mattes.
Edges move by a level set: the coverage is a ramp across a signed distance, to which offset and smooth noise are added.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from posegaussian.config import MatteErrorSettings
from posegaussian.geometry.distance import signed_distance
from posegaussian.synthetic.people.bake import PARTS
from posegaussian.synthetic.sensors.sensor import gaussian_noise

REFERENCE = 1024
"""The longer side of the images for which lengths are given, pixels."""
_GRAIN = 6
"""Distance between the values of the noise along edges, pixels. Chosen by hand, as are all constants below."""
_CELL = 8
"""Patches are centred on cells of this many pixels, in images of any size."""
_HOLE_RADII, _LEAK_RADII = (4.0, 20.0), (8.0, 40.0)
"""Of holes and leaks, pixels."""
_SAME_COLOUR = 0.15
"""A leak ends where the background's colour differs from that at its centre by this much in one channel, of 1."""
_MARGIN = 3
"""Pixels around a lost hand or foot that are lost with it: their coverage is partial, or cloth hides them."""
_LIMBS = tuple((PARTS.index(f"left_{limb}"), PARTS.index(f"right_{limb}")) for limb in ("hand", "foot"))
_SPREADS = 2.5
"""Standard deviations of noise that an edge may move; the reach of the distances."""


@dataclass(frozen=True)
class MatteErrors:
    """Errors of n mattes, on their device; lengths in pixels of these mattes."""

    edges: Float[Tensor, "n 3"]  # offset, standard deviation of the noise along the edge, and width of the ramp
    holes: Float[Tensor, "n k"]  # radii of the holes; 0: none
    leaks: Float[Tensor, "n l"]  # radii of the leaks; 0: none
    lost: Float[Tensor, "n 4"]  # which hands and feet are missing
    seeds: Int[Tensor, "n"]  # of the noise
    reach: int  # how far an edge moves at most


def draw_matte_errors(
    random: np.random.Generator,
    settings: MatteErrorSettings,
    clips: int,
    frames: int,
    longer: int,
    device: torch.device,
) -> MatteErrors:
    """Errors of the mattes of two views of each frame, clip by clip."""
    shape, scale = (clips, frames, 2), longer / REFERENCE
    good = random.random(clips) < settings.exact
    changing = random.random(clips) < settings.changing

    def each(values: np.ndarray) -> np.ndarray:
        """The first frame's values in all frames of a clip whose errors are constant."""
        axes = (slice(None), *[None] * (values.ndim - 1))
        return np.where(changing[axes], values, values[:, :1])

    def drawn(limits: tuple[float, float], *more: int) -> np.ndarray:
        """Values of clips that have this kind of error; 0 in all others."""
        on = (random.random(clips) < settings.share) & ~good
        return on[(slice(None), *[None] * (2 + len(more)))] * each(random.uniform(*limits, size=(*shape, *more)))

    def patches(limits: tuple[float, float], radii: tuple[float, float]) -> np.ndarray:
        most = max(math.ceil(limits[1]), 1)
        wanted = drawn(limits)[..., None] > np.arange(most) + 0.5
        return wanted * each(random.uniform(*radii, size=(*shape, most)))

    ramp = 1 / scale + math.sqrt(12) * drawn(settings.soft)  # A box has this width for a standard deviation of 1.
    edges = np.stack([drawn(settings.offset), drawn(settings.ragged), ramp], axis=-1)
    holes, leaks = patches(settings.holes, _HOLE_RADII), patches(settings.leaks, _LEAK_RADII)
    lost = (drawn((0.0, 1.0), 4) > 1 - settings.lost).astype(np.float64)
    seeds = each(random.integers(0, 1 << 31, shape))
    farthest = max(map(abs, settings.offset)) + _SPREADS * settings.ragged[1] + math.sqrt(3) * settings.soft[1]
    values = np.concatenate([scale * edges, scale * holes, scale * leaks, lost], axis=-1).astype(np.float32)
    sizes = 3, holes.shape[-1], leaks.shape[-1], 4
    flat = torch.from_numpy(values).flatten(0, 2).to(device, non_blocking=True)
    edge, hole, leak, limbs = flat.split(sizes, dim=1)
    where = torch.from_numpy(seeds).flatten().to(device, non_blocking=True)
    return MatteErrors(edge, hole, leak, limbs, where, math.ceil(scale * farthest) + 1)


def erroneous_mattes(
    masks: Float[Tensor, "n h w"],
    images: Float[Tensor, "n 3 h w"],
    parts: Int[Tensor, "n h w"],
    errors: MatteErrors,
) -> Float[Tensor, "n h w"]:
    """The mattes with their errors.

    Args:
        masks: exact ones.
        images: as filmed, RGB in [0, 1].
        parts: of the body, index into `bake.PARTS`.
        errors: to make.
    """
    offset, ragged, ramp = (values[:, None, None] for values in errors.edges.unbind(1))
    noise = _smooth_noise(masks, errors.seeds)
    distance = signed_distance(masks, errors.reach) + offset + ragged * noise.clamp(-_SPREADS, _SPREADS)
    mattes = (0.5 + distance / ramp).clamp(0, 1)
    mattes = _with_leaks(mattes, masks, images, errors)
    mattes = _with_holes(mattes, masks, noise, errors)
    lost = torch.zeros_like(masks)
    for column, label in enumerate(label for pair in _LIMBS for label in pair):
        lost = torch.maximum(lost, (parts == label) * errors.lost[:, column, None, None])
    margin = math.ceil(_MARGIN * max(masks.shape[-2:]) / REFERENCE)
    return mattes * (1 - F.max_pool2d(lost[:, None], 2 * margin + 1, 1, margin)[:, 0])


def _smooth_noise(masks: Float[Tensor, "n h w"], seeds: Int[Tensor, "n"]) -> Float[Tensor, "n h w"]:
    """Noise of variance 1 that is smooth over a few pixels."""
    height, width = masks.shape[-2:]
    grain = max(round(_GRAIN * max(height, width) / REFERENCE), 2)
    coarse = gaussian_noise((len(masks), 1, -(-height // grain) + 1, -(-width // grain) + 1), seeds)
    fine = F.interpolate(coarse, scale_factor=float(grain), mode="bilinear")[:, 0, :height, :width]
    return 1.5 * fine  # Bilinear interpolation leaves 2/3 of the variance along either axis, on average.


def _with_holes(
    mattes: Float[Tensor, "n h w"], masks: Float[Tensor, "n h w"], noise: Float[Tensor, "n h w"], errors: MatteErrors
) -> Float[Tensor, "n h w"]:
    """Mattes with round holes whose edges are ragged, centred anywhere inside of the person."""
    inside = F.avg_pool2d(masks[:, None], _CELL)[:, 0] > 0.99
    for x, y, radius in _places(inside.float().log(), errors.seeds + 1, errors.holes):
        hole = (radius - _away(mattes, x, y) + 0.1 * radius * noise + 0.5).clamp(0, 1)
        mattes = mattes * (1 - hole * (radius > 0))
    return mattes


def _with_leaks(
    mattes: Float[Tensor, "n h w"], masks: Float[Tensor, "n h w"], images: Float[Tensor, "n 3 h w"], errors: MatteErrors
) -> Float[Tensor, "n h w"]:
    """Mattes with discs of the background, each as far as its colour is that of its centre.

    Centres lie in the cells beside the person, where the background has edges, above all.
    """
    covered = F.max_pool2d(masks[:, None], _CELL)
    beside = (covered == 0) & (F.max_pool2d(covered, 3, 1, 1) > 0)
    steps = F.pad((images[..., 1:] - images[..., :-1]).abs().sum(1), (0, 1))
    contrast = F.avg_pool2d(steps[:, None], _CELL)[:, 0]
    colours = images[..., _CELL // 2 :: _CELL, _CELL // 2 :: _CELL]
    likely = (contrast + 1e-3).log().masked_fill(~beside[:, 0], -torch.inf)
    for x, y, radius in _places(likely, errors.seeds + 2, errors.leaks):
        cell = ((y // _CELL) * colours.shape[-1] + x // _CELL).long().flatten(1)
        centre = colours.flatten(2).gather(2, cell[:, None].expand(-1, 3, -1))[..., None]
        alike = (images - centre).abs().amax(1) < _SAME_COLOUR
        leak = (radius - _away(mattes, x, y) + 0.5).clamp(0, 1) * alike * (radius > 0)
        mattes = torch.maximum(mattes, leak)
    return mattes


def _places(likely: Float[Tensor, "n hc wc"], seeds: Int[Tensor, "n"], radii: Float[Tensor, "n k"]):
    """Centres x and y of patches, in pixels, and their radii; each (n, 1, 1), patch by patch.

    Args:
        likely: log of the relative probability of each cell; minus infinity excludes it.
        seeds: of the choice.
        radii: of the patches; 0 where no cell is left.
    """
    keys = likely + gaussian_noise((len(likely), 1, *likely.shape[-2:]), seeds)[:, 0]
    best, index = keys.flatten(1).topk(min(radii.shape[1], keys[0].numel()), dim=1)
    radii = radii[:, : index.shape[1]] * best.isfinite()
    columns = likely.shape[-1]
    for x, y, radius in zip((index % columns).unbind(1), (index // columns).unbind(1), radii.unbind(1), strict=True):
        yield *(_CELL * (value + 0.5)[:, None, None] for value in (x, y)), radius[:, None, None]


def _away(like: Float[Tensor, "n h w"], x: Float[Tensor, "n 1 1"], y: Float[Tensor, "n 1 1"]) -> Tensor:
    """Distance of every pixel's centre to a place."""
    height, width = like.shape[-2:]
    columns = torch.arange(width, device=like.device) + 0.5
    rows = torch.arange(height, device=like.device)[:, None] + 0.5
    return ((columns - x).square() + (rows - y).square()).sqrt()
