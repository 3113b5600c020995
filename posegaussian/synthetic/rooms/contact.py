"""Darkness under people: ambient light that a person keeps away from the floor, from their height above each spot.

A depth map from below gives the lowest height of the person above the floor. Soles darken a narrow seam around them,
legs and trunk a wide, faint area.
"""

from functools import cache

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional as F

from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import rasterize
from posegaussian.types import Camera

SIZE = 96
"""Width and height of the map of the floor, cells; chosen by hand."""
EXTENT = 1.5
"""The map covers this many metres around its middle, so cells are 3 cm wide."""
BELOW = 60.0
"""Distance of the camera below the floor, metres: its rays are nearly parallel."""
LAYERS = ((0.06, 1.0, 0.6), (0.45, 6.0, 0.4), (1.4, 13.0, 0.3))
"""Height at which a body part counts a third, standard deviation of the blur in cells, largest darkness. By hand."""
FADE = 0.25
"""Height above the floor at which the darkness falls to a third, metres: on things that stand there."""


def depth_from_below(posed: PosedMesh, middle: Float32[Tensor, "3"]) -> Float32[Tensor, "t s s"]:
    """Depth of the person from a camera far below the floor, metres; 0 where they are not.

    Args:
        posed: the person in t frames.
        middle: of the map, metres; only x and y count.
    """
    focal = 0.5 * SIZE * BELOW / EXTENT
    below = posed.vertices - middle * _level(posed.vertices.device)
    return rasterize(project_vertices(below, _below(focal, len(below), below.device)), posed.mesh.faces, SIZE, SIZE)[1]


def free_light(depth: Float32[Tensor, "t s s"]) -> Float32[Tensor, "t s s"]:
    """Share of the ambient light that reaches the floor, from the depth from below."""
    height = (depth - BELOW).clamp_min(0)
    free = torch.ones_like(depth)
    for reach, sigma, darkness in LAYERS:
        there = (depth > 0) * torch.exp(-height / reach)
        free = free * (1 - darkness * _blurred(there, sigma))
    return free


def contact_at(
    free: Float32[Tensor, "t s s"], middle: Float32[Tensor, "3"], points: Float32[Tensor, "t n 3"]
) -> Float32[Tensor, "t n"]:
    """The share of ambient light at points of each frame; things above the floor are darkened less."""
    place = (points[..., :2] - middle[:2]) / EXTENT
    place = torch.stack([place[..., 0], place[..., 1]], dim=2)[:, None]
    dark = F.grid_sample(1 - free[:, None], place, align_corners=False, padding_mode="zeros")[:, 0, 0]
    return 1 - dark * torch.exp(-points[..., 2].clamp_min(0) / FADE)


@cache
def _level(device: torch.device) -> Float32[Tensor, "3"]:
    """Keeps x and y of a vector."""
    return torch.tensor([1.0, 1.0, 0.0], device=device)


@cache
def _below(focal: float, count: int, device: torch.device) -> Camera:
    """Cameras below the floor that look up; x to the right and y down in the map."""
    intrinsics = torch.tensor([[focal, 0, SIZE / 2], [0, focal, SIZE / 2], [0, 0, 1]])
    pose = torch.eye(4)
    pose[2, 3] = BELOW
    return Camera(intrinsics.expand(count, 3, 3).to(device), pose.expand(count, 4, 4).to(device), SIZE, SIZE)


def _blurred(maps: Float32[Tensor, "t s s"], sigma: float) -> Float32[Tensor, "t s s"]:
    """Gaussian blur; no convolution, which on CUDA may round to TF32."""
    weights = blur_weights(sigma, maps.device)
    radius = len(weights) // 2
    for axis in (1, 2):
        padding = (radius, radius, 0, 0) if axis == 2 else (0, 0, radius, radius)
        maps = (F.pad(maps, padding).unfold(axis, 2 * radius + 1, 1) * weights).sum(-1)
    return maps


@cache
def blur_weights(sigma: float, device: torch.device) -> Float32[Tensor, "k"]:
    """Weights of a Gaussian of a standard deviation in cells, cut off at 2.5 of them."""
    radius = int(2.5 * sigma + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    return (weights / weights.sum()).to(device)
