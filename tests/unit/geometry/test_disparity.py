"""The relation of disparity and depth, against projected points."""

import cv2
import pytest
import torch

from posegaussian.geometry.disparity import depth_to_disparity, disparity_to_depth
from posegaussian.geometry.projection import pixel_grid, project, unproject
from posegaussian.types import Camera

HEIGHT, WIDTH = 6, 8


def rectified_cameras(cx_left: float, cx_right: float, dtype=torch.float64) -> Camera:
    """One pair with a baseline of 0.3 m, turned somehow in the world."""
    intrinsics = torch.tensor([[[100.0, 0, cx], [0, 100, 2.5], [0, 0, 1]] for cx in (cx_left, cx_right)], dtype=dtype)
    pose = torch.eye(4, dtype=dtype).repeat(2, 1, 1)
    pose[:, :3, :3] = torch.from_numpy(cv2.Rodrigues(torch.tensor([0.3, -1.0, 0.2]).double().numpy())[0]).to(dtype)
    pose[:, :3, 3] = torch.tensor([[0.1, 0.2, 0.5], [0.1 - 0.3, 0.2, 0.5]], dtype=dtype)
    return Camera(intrinsics[None], pose[None], WIDTH, HEIGHT)


@pytest.mark.parametrize(("cx_left", "cx_right"), [(4.0, 4.0), (4.0, 60.0), (-20.0, 3.0)])
def test_disparity_matches_projected_points(cx_left, cx_right):
    cameras = rectified_cameras(cx_left, cx_right)
    depth = 1.5 + torch.rand(1, 2, HEIGHT, WIDTH, dtype=torch.float64)
    disparity = depth_to_disparity(depth, cameras)
    points = unproject(depth, cameras).flatten(2, 3)
    grid = pixel_grid(HEIGHT, WIDTH, depth).flatten(0, 1)
    in_right, _ = project(points[:, 0], cameras[:, 1])
    in_left, _ = project(points[:, 1], cameras[:, 0])
    step = torch.zeros(1, HEIGHT * WIDTH, 2, dtype=torch.float64)
    step[..., 0] = disparity[:, 0].flatten(1)
    torch.testing.assert_close(in_right, grid - step, atol=1e-9, rtol=0)
    step[..., 0] = disparity[:, 1].flatten(1)
    torch.testing.assert_close(in_left, grid + step, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_round_trip(dtype, tolerance):
    cameras = rectified_cameras(3.0, 17.0, dtype)
    depth = 0.5 + 3 * torch.rand(1, 2, HEIGHT, WIDTH, dtype=dtype)
    depth[..., 0] = 0
    back = disparity_to_depth(depth_to_disparity(depth, cameras), cameras)
    torch.testing.assert_close(back, depth, atol=tolerance, rtol=0)
    assert (back[..., 0] == 0).all()


def test_beyond_infinity_there_is_no_depth_and_no_bad_gradient():
    cameras = rectified_cameras(3.0, 3.0)
    disparity = torch.linspace(-1, 1, 2 * HEIGHT * WIDTH, dtype=torch.float64).reshape(1, 2, HEIGHT, WIDTH)
    disparity[0, 0, 0, 0] = 0
    disparity.requires_grad_()
    depth = disparity_to_depth(disparity, cameras)
    assert (depth[disparity <= 0] == 0).all()
    depth.sum().backward()
    assert disparity.grad.isfinite().all()
    unknown = torch.zeros(1, 2, HEIGHT, WIDTH, dtype=torch.float64, requires_grad=True)
    depth_to_disparity(unknown, cameras).sum().backward()
    assert unknown.grad.isfinite().all()
