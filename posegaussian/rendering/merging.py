"""More than two views: a pair's reconstruction filled up by its neighbours', where it shows nothing."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.geometry.projection import project
from posegaussian.rendering.reconstruct import Moment, render
from posegaussian.types import Camera, Gaussians


@torch.inference_mode()
def merged(near: Moment, others: Sequence[Moment], camera: Camera, backend: str = "auto") -> Gaussians:
    """What a novel view should show, from the pair around it and from others, nearest first.

    A Gaussian of another pair counts as much as it is needed and believed: its opacity is multiplied by the
    transparency of what stands already at its place in the picture, and by its coverage in the masks of the nearer
    pairs (a point outside one silhouette is not on the person).

    Args:
        near: of the pair around the view.
        others: of the same frame.
        camera: the novel view.
        backend: the rasteriser.
    """
    gaussians, trusted = near.gaussians, [near]
    camera = camera.to(gaussians.means)
    for other in others:
        empty = 1 - render(gaussians, camera, backend=backend).alphas
        weight = _at(empty, other.gaussians.means, camera, beyond=1.0)
        for moment in trusted:
            for view in range(2):
                weight = weight * _at(moment.masks[view], other.gaussians.means, moment.cameras[view], beyond=0.0)
        more = Gaussians(**(vars(other.gaussians) | {"opacities": other.gaussians.opacities * weight})).compact()
        gaussians = Gaussians(
            **{name: torch.cat([value, getattr(more, name)]) for name, value in vars(gaussians).items()}
        )
        trusted.append(other)
    return gaussians


def by_nearness(moments: Sequence[Moment], camera: Camera) -> list[Moment]:
    """The moments in the order of the angle between what their pairs' middle and the camera see of the person."""
    toward = [_direction(moment.gaussians, moment.cameras.centre.mean(0)) for moment in moments]
    novel = [_direction(moment.gaussians, camera.to(moment.gaussians.means).centre) for moment in moments]
    angles = [float((a * b).sum().clamp(-1, 1).arccos()) for a, b in zip(toward, novel, strict=True)]
    return [moments[i] for i in sorted(range(len(moments)), key=angles.__getitem__)]


def _direction(gaussians: Gaussians, place: Float[Tensor, "3"]) -> Float[Tensor, "3"]:
    middle = gaussians.means.mean(0) if len(gaussians.means) else torch.zeros_like(place)
    return F.normalize(place - middle, dim=0)


def _at(
    image: Float[Tensor, "1 h w"], points: Float[Tensor, "n 3"], camera: Camera, beyond: float
) -> Float[Tensor, "n"]:
    """The image's values where it sees points of the world; `beyond` outside of it and behind the camera."""
    pixels, depth = project(points, camera)
    places = 2 * pixels / pixels.new_tensor([camera.width, camera.height]) - 1
    inside = (depth > 0) & (places.abs() <= 1).all(-1)
    values = F.grid_sample(image[None], places[None, None], align_corners=False, padding_mode="border")[0, 0, 0]
    return values.where(inside, torch.full_like(values, beyond))
