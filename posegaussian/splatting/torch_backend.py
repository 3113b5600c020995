"""The pure-torch back-end: any device, any precision, gradients for all arguments."""

import torch
from torch import Tensor

from posegaussian.splatting.background import finish
from posegaussian.splatting.projection import project_gaussians
from posegaussian.splatting.semantics import Semantics
from posegaussian.splatting.tiled import composite
from posegaussian.types import Camera, Gaussians, Rendering


def refusal(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> None:
    """None: it can render all arguments."""


def render(gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics) -> Rendering:
    """The rendering of each set with its camera, over its background (views, 3) or black."""
    view, entry = torch.nonzero(gaussians.opacities >= semantics.alpha_min, as_tuple=True)
    picked = gaussians[view, entry]
    splats = project_gaussians(picked, cameras[view], semantics)
    features = torch.cat([picked.colors, splats.depths[:, None], torch.ones_like(splats.depths[:, None])], -1)
    blended = composite(splats, features, view, len(cameras.intrinsics), (cameras.width, cameras.height), semantics)
    return finish(blended, background)
