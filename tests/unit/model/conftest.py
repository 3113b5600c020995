import numpy as np
import pytest
import torch

from posegaussian.types import Camera, StereoPair


def cameras(height: int, width: int, offset: float = 0.0, batch: int = 1) -> Camera:
    """A rectified rig 0.5 m wide, turned 90 degrees about the vertical; `offset` is cx_left - cx_right in pixels."""
    focal = 1.5 * height
    intrinsics = torch.tensor([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]).repeat(
        batch, 2, 1, 1
    )
    intrinsics[:, 0, 0, 2] += offset
    rotation = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    poses = torch.eye(4).repeat(batch, 2, 1, 1)
    poses[..., :3, :3] = rotation
    poses[:, 0, :3, 3] = torch.tensor([0.25, 0.0, 2.0])
    poses[:, 1, :3, 3] = torch.tensor([-0.25, 0.0, 2.0])
    return Camera(intrinsics, poses, width, height)


def plane(height: int, width: int, disparity: int, offset: float = 0.0, seed: int = 0) -> StereoPair:
    """A textured plane parallel to the images, with joints on it: every pixel has the same whole disparity."""
    random = np.random.default_rng(seed)
    noise = torch.from_numpy(random.random((1, 3, height, width), dtype=np.float32))
    left = torch.nn.functional.avg_pool2d(noise, 3, 1, 1)
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    mask = (((x - width / 2) / (0.25 * width)) ** 2 + ((y - height / 2) / (0.42 * height)) ** 2 < 1).float()[None, None]
    views = [(left * mask), torch.roll(left * mask, -disparity, -1)]
    joints = torch.from_numpy(random.uniform([0.35, 0.2], [0.65, 0.8], (17, 2)).astype(np.float32))
    joints = joints * torch.tensor([width, height])
    keypoints = torch.stack([joints, joints - torch.tensor([float(disparity), 0.0])])[None]
    cells = 4 * torch.stack(torch.meshgrid(torch.arange(width // 4), torch.arange(height // 4), indexing="xy"), -1) + 2
    distance = (cells - keypoints[..., None, None, :]).square().sum(-1)
    return StereoPair(
        images=torch.stack(views, dim=1),
        masks=torch.stack([mask, torch.roll(mask, -disparity, -1)], dim=1),
        cameras=cameras(height, width, offset),
        heatmaps=torch.exp(-0.5 * distance / 8**2),
        keypoints=keypoints,
        scores=torch.full((1, 2, 17), 0.9),
    )


@pytest.fixture
def make_plane():
    return plane


@pytest.fixture
def make_cameras():
    return cameras
