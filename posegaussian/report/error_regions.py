"""Error regions of a held-out view: where both sources see the person, where one or none does, and the outline."""

from typing import Any

import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, Int, Int8, UInt8
from torch import Tensor

from posegaussian.data.rectified import read_pair, read_target
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.projection import project, unproject
from posegaussian.types import Camera

_DEPTH_TOLERANCE = 0.015
"""Points up to this far behind the surface that a camera sees count as visible, metres; chosen by hand."""
_OUTLINE = 2
"""Pixels on either side of the mask's border that belong to the outline; chosen by hand."""


def visible_sources(rectified: Any, target: int, frame: int) -> Int8[np.ndarray, "h w"]:
    """The number of sources (0 to 2) that see each pixel's surface of a held-out view; -1 outside the person.

    Args:
        rectified: an open rectified file, with true depths.
        target: index of the held-out camera.
        frame: index of the frame.
    """
    _, mask, camera = read_target(rectified, target, frame)
    depth = torch.from_numpy(rectified["targets/depth"][target, frame])
    pair = int(rectified["targets/pair"][target])
    sources = read_pair(rectified, None, pair, frame)
    disparity = torch.from_numpy(rectified["sources/disparity"][pair, frame])[None]
    surfaces = disparity_to_depth(disparity, sources.cameras)[0]
    points = unproject(depth, camera[0]).reshape(-1, 3)
    left, right = (_visible(surface, sources.cameras[0, view], points) for view, surface in enumerate(surfaces))
    shown = (mask[0, 0] >= 0.5) & (depth > 0)
    return torch.where(shown, (left + right).reshape(depth.shape), -1).to(torch.int8).numpy()


def _visible(surface: Float[Tensor, "h w"], camera: Camera, points: Float[Tensor, "n 3"]) -> Int[Tensor, "n"]:
    """1 for each point inside the image that is not behind the surface that a camera sees, 0 for the others."""
    pixels, depth = project(points, camera)
    x, y = pixels.floor().long().unbind(-1)
    inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
    found = surface[y.clamp(0, camera.height - 1), x.clamp(0, camera.width - 1)]
    return (inside & (found > 0) & (depth < found + _DEPTH_TOLERANCE)).int()


def error_regions(rectified: Any, target: int, frame: int) -> dict[str, Bool[np.ndarray, "h w"]]:
    """The pixels of the regions `both`, `one`, `none` and `outline`. Arguments: see `visible_sources`."""
    count = visible_sources(rectified, target, frame)
    person = is_person(rectified["targets/masks"][target, frame])
    grown = scipy.ndimage.binary_dilation, scipy.ndimage.binary_erosion
    wide, narrow = (np.asarray(f(person, iterations=_OUTLINE), bool) for f in grown)
    outline = wide & ~narrow
    return {
        name: region & ~outline for name, region in (("both", count == 2), ("one", count == 1), ("none", count == 0))
    } | {"outline": outline}


def error_shares(
    image: UInt8[np.ndarray, "h w 3"], truth: UInt8[np.ndarray, "h w 3"], where: dict[str, Bool[np.ndarray, "h w"]]
) -> dict[str, tuple[float, float]]:
    """For each region: its share of the pixels of all regions, and its share of the whole image's squared error."""
    error = ((image.astype(np.float64) - truth) ** 2).sum(-1)
    pixels = sum(int(region.sum()) for region in where.values())
    return {
        name: (float(region.sum() / max(pixels, 1)), float(error[region].sum() / max(error.sum(), 1e-12)))
        for name, region in where.items()
    }
