"""Where in a view a model errs: where both cameras see the person, one or none, or at the outline."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int8, UInt8
from scipy.ndimage import binary_dilation, binary_erosion
from torch import Tensor

from posegaussian.data.rectified import read_pair, read_target
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.projection import project, unproject
from posegaussian.types import Camera

REGIONS = ("both", "one", "none", "outline")
_NEAR = 0.015
"""Points this much behind what a camera sees are still seen, metres."""
_OUTLINE = 2
"""Pixels on either side of the mask's border that are the outline."""


def seen_by(truth: Any, target: int, frame: int) -> Int8[np.ndarray, "h w"]:
    """How many of the two sources see what a held-back view shows; -1 off the person.

    Args:
        truth: an open rectified file, with true depths.
        target: index of the held-back camera.
        frame: index of the frame.
    """
    _, mask, camera = read_target(truth, target, frame)
    depth = torch.from_numpy(truth["targets/depth"][target, frame])
    pair = int(truth["targets/pair"][target])
    sources = read_pair(truth, None, pair, frame)
    disparity = torch.from_numpy(truth["sources/disparity"][pair, frame])[None]
    surfaces = disparity_to_depth(disparity, sources.cameras)[0]
    points = unproject(depth, camera[0]).reshape(-1, 3)
    left, right = (_sees(surface, sources.cameras[0, view], points) for view, surface in enumerate(surfaces))
    shown = (mask[0, 0] >= 0.5) & (depth > 0)
    return torch.where(shown, (left + right).reshape(depth.shape), -1).to(torch.int8).numpy()


def _sees(surface: Float[Tensor, "h w"], camera: Camera, points: Float[Tensor, "n 3"]) -> Int[Tensor, "n"]:
    """1 for each point that lies on or before the surface that a camera sees."""
    pixels, depth = project(points, camera)
    x, y = pixels.floor().long().unbind(-1)
    inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
    found = surface[y.clamp(0, camera.height - 1), x.clamp(0, camera.width - 1)]
    return (inside & (found > 0) & (depth < found + _NEAR)).int()


def regions(truth: Any, target: int, frame: int) -> dict[str, Bool[np.ndarray, "h w"]]:
    """The pixels of each region; arguments as for `seen_by`."""
    count = seen_by(truth, target, frame)
    person = is_person(truth["targets/masks"][target, frame])
    wide, narrow = (np.asarray(f(person, iterations=_OUTLINE), bool) for f in (binary_dilation, binary_erosion))
    outline = wide & ~narrow
    return {
        name: region & ~outline for name, region in (("both", count == 2), ("one", count == 1), ("none", count == 0))
    } | {"outline": outline}


def shares(
    image: UInt8[np.ndarray, "h w 3"], truth: UInt8[np.ndarray, "h w 3"], where: dict[str, Bool[np.ndarray, "h w"]]
) -> dict[str, tuple[float, float]]:
    """The share of the regions' pixels, and of the whole picture's squared error, that each region has."""
    error = ((image.astype(np.float64) - truth) ** 2).sum(-1)
    pixels = sum(int(region.sum()) for region in where.values())
    return {
        name: (float(region.sum() / max(pixels, 1)), float(error[region].sum() / max(error.sum(), 1e-12)))
        for name, region in where.items()
    }
