"""Scenes that a rasteriser can get wrong."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from posegaussian.types import Camera, Gaussians

F64 = torch.float64


def look(width=37, height=29, focal=30.0, centre=None) -> Camera:
    """A camera two metres from the origin, a little turned, its principal point off the middle."""
    cx, cy = centre or (0.47 * width, 0.55 * height)
    intrinsics = torch.tensor([[focal, 0, cx], [0, 1.1 * focal, cy], [0, 0, 1]], dtype=F64)
    a, b = 0.3, -0.2
    turn = torch.tensor([[math.cos(a), 0, math.sin(a)], [0, 1, 0], [-math.sin(a), 0, math.cos(a)]], dtype=F64)
    nod = torch.tensor([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]], dtype=F64)
    pose = torch.eye(4, dtype=F64)
    pose[:3, :3] = nod @ turn
    pose[:3, 3] = torch.tensor([0.05, -0.03, 2.0])
    return Camera(intrinsics, pose, width, height)


def cloud(count: int, spread=1.0, scale=(0.02, 0.2), opacity=(0.05, 0.95)) -> Gaussians:
    return Gaussians(
        means=(torch.rand(count, 3, dtype=F64) - 0.5) * 2 * spread,
        quaternions=torch.randn(count, 4, dtype=F64),
        scales=torch.rand(count, 3, dtype=F64) * (scale[1] - scale[0]) + scale[0],
        opacities=torch.rand(count, dtype=F64) * (opacity[1] - opacity[0]) + opacity[0],
        colors=torch.rand(count, 3, dtype=F64),
    )


def ties() -> tuple[Gaussians, Camera]:
    """All in one plane parallel to the image, overlapping: the order is the index."""
    gaussians, camera = cloud(40, spread=0.5), look()
    pose = torch.eye(4, dtype=F64)
    pose[2, 3] = 2.0
    flat = gaussians.means.clone()
    flat[:, 2] = 0.0
    return replace(gaussians, means=flat), replace(camera, world_to_camera=pose)


def behind() -> tuple[Gaussians, Camera]:
    """Some behind the camera, some right at it, one at its centre."""
    camera = look()
    gaussians = cloud(60, spread=4.0)
    means = gaussians.means.clone()
    means[0] = camera.centre
    return replace(gaussians, means=means), camera


def frustum_edge() -> tuple[Gaussians, Camera]:
    """Near the camera and far off the axis: where the Jacobian is held."""
    camera = look()
    z = torch.rand(50, dtype=F64) * 0.5 + 0.05
    slopes = (torch.rand(50, 2, dtype=F64) - 0.5) * 4
    local = torch.cat([slopes * z[:, None], z[:, None]], -1)
    rotation, translation = camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3]
    return replace(cloud(50), means=(local - translation) @ rotation), camera


def needles() -> tuple[Gaussians, Camera]:
    gaussians = cloud(60)
    scales = gaussians.scales.clone()
    scales[:, 1:] *= 1e-3
    return replace(gaussians, scales=scales * torch.tensor([8.0, 1.0, 1.0])), look()


def discs() -> tuple[Gaussians, Camera]:
    """No thickness at all."""
    gaussians = cloud(60)
    return replace(gaussians, scales=gaussians.scales * torch.tensor([1.0, 1.0, 0.0])), look()


def odd_quaternions() -> tuple[Gaussians, Camera]:
    gaussians = cloud(60)
    factors = torch.logspace(-3, 3, 60, dtype=F64)
    factors[:3] = 0.0
    return replace(gaussians, quaternions=gaussians.quaternions * factors[:, None]), look()


def mirrored() -> tuple[Gaussians, Camera]:
    """Pixels counted from the right: a negative focal length."""
    camera = look()
    flip = torch.tensor([[-1, 0, camera.width], [0, 1, 0], [0, 0, 1]], dtype=F64)
    return cloud(80), replace(camera, intrinsics=flip @ camera.intrinsics)


SCENES: dict[str, Callable[[], tuple[Gaussians, Camera]]] = {
    "plain": lambda: (cloud(80), look()),
    "ties": ties,
    "behind": behind,
    "frustum edge": frustum_edge,
    "huge": lambda: (cloud(20, scale=(2.0, 30.0)), look()),
    "tiny": lambda: (cloud(80, scale=(1e-5, 1e-3)), look()),
    "needles": needles,
    "discs": discs,
    "transparent": lambda: (cloud(80, opacity=(0.0, 0.02)), look()),
    "opaque": lambda: (cloud(150, scale=(0.1, 0.5), opacity=(0.99, 1.0)), look()),
    "quaternions": odd_quaternions,
    "one pixel": lambda: (cloud(30), look(1, 1)),
    "one row": lambda: (cloud(30), look(41, 1)),
    "exact tiles": lambda: (cloud(80), look(32, 16)),
    "portrait": lambda: (cloud(80), look(19, 67, focal=40.0)),
    "far principal point": lambda: (cloud(80), look(centre=(60.0, -20.0))),
    "long strip": lambda: (cloud(80), look(131, 9)),
    "crowd": lambda: (cloud(300, spread=0.2), look()),
    "mirrored axis": mirrored,
    "none": lambda: (cloud(0), look()),
    "one": lambda: (cloud(1, spread=0.1, opacity=(0.5, 0.9)), look()),
}


@pytest.fixture(params=SCENES)
def scene(request) -> tuple[Gaussians, Camera]:
    return SCENES[request.param]()


@pytest.fixture
def plain() -> tuple[Gaussians, Camera]:
    return SCENES["plain"]()
