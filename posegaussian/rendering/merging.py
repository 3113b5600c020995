"""Novel views from several pairs: the Gaussians of the nearest pair, and those of other pairs where it has holes."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.geometry.projection import project
from posegaussian.rendering.reconstruct import FrameReconstruction, render
from posegaussian.types import Camera, Gaussians

REACH = 75.0
"""Pairs further from a view than this, degrees, fill none of its holes: they see other sides of the person, and lowered
a view of photographs by 0.3 dB (docs/results/quality.md). In a ring of six cameras the neighbours are nearer."""

EDGE = 3
"""Side of a window, pixels: what lies within half of it of something shown is an edge and no hole. On rings of built-in
people (docs/results/quality.md) 3 and 5 gained 0.3 dB against 1, and 9 gained 0.2; wider windows leave a dark seam."""


@torch.inference_mode()
def merge_pairs(
    nearest: FrameReconstruction, others: Sequence[FrameReconstruction], camera: Camera, backend: str = "auto"
) -> Gaussians:
    """The Gaussians to render for a novel view: those of the nearest pair and, where they leave holes, of other pairs.

    The opacity of a Gaussian of another pair is multiplied by two weights. The first is the transparency of what is
    already there around its pixel of the novel view, so that it only fills holes, and not the soft edges of the person.
    The second is the coverage of its projections in the masks of all nearer pairs: a point outside one silhouette is
    not on the person.

    Args:
        nearest: of the pair around the view.
        others: of the same frame, the nearest first.
        camera: the novel view.
        backend: the rasteriser.
    """
    gaussians, used = nearest.gaussians, [nearest]
    camera = camera.to(gaussians.means)
    for other in others:
        points = other.gaussians.means
        empty = 1 - F.max_pool2d(render(gaussians, camera, backend=backend).alphas[None], EDGE, 1, EDGE // 2)[0]
        weight = _sampled(empty, points, camera, outside=1.0)
        for pair in used:
            for view in range(2):
                weight = weight * _sampled(pair.masks[view], points, pair.cameras[view], outside=0.0)
        more = Gaussians(**(vars(other.gaussians) | {"opacities": other.gaussians.opacities * weight})).compact()
        gaussians = Gaussians(
            **{name: torch.cat([value, getattr(more, name)]) for name, value in vars(gaussians).items()}
        )
        used.append(other)
    return gaussians


def within_reach(reconstructions: Sequence[FrameReconstruction], camera: Camera) -> list[FrameReconstruction]:
    """Reconstructions whose pairs see what a camera sees, the nearest first.

    The angle counts that is, at the person, between the middle of the pair and the camera: at most `REACH`.
    """
    pairs = [_direction(each.gaussians, each.cameras.centre.mean(0)) for each in reconstructions]
    novel = [_direction(each.gaussians, camera.to(each.gaussians.means).centre) for each in reconstructions]
    angles = [float((a * b).sum().clamp(-1, 1).arccos()) for a, b in zip(pairs, novel, strict=True)]
    near = [i for i, angle in enumerate(angles) if angle <= math.radians(REACH)]
    return [reconstructions[i] for i in sorted(near, key=angles.__getitem__)]


def _direction(gaussians: Gaussians, place: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    """The unit vector from the middle of the Gaussians to a place; from the origin without Gaussians."""
    middle = gaussians.means.mean(0) if len(gaussians.means) else torch.zeros_like(place)
    return F.normalize(place - middle, dim=0)


def _sampled(
    image: Float[Tensor, "1 h w"], points: Float[Tensor, "n 3"], camera: Camera, outside: float
) -> Float[Tensor, "n"]:
    """The image's values at the projections of points; `outside` for those beyond its border or behind the camera."""
    pixels, depth = project(points, camera)
    grid = 2 * pixels / pixels.new_tensor([camera.width, camera.height]) - 1
    inside = (depth > 0) & (grid.abs() <= 1).all(-1)
    values = F.grid_sample(image[None], grid[None, None], align_corners=False, padding_mode="border")[0, 0, 0]
    return values.where(inside, torch.full_like(values, outside))
