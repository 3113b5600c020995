"""Projection against OpenCV, and its inverse."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posegaussian.geometry.projection import pixel_grid, project, unproject
from posegaussian.types import Camera


def random_camera(seed: int, batch: tuple[int, ...] = (), width: int = 9, height: int = 7) -> Camera:
    random = np.random.default_rng(seed)
    intrinsics = np.zeros((*batch, 3, 3))
    pose = np.zeros((*batch, 4, 4))
    for index in np.ndindex(*batch):
        fx, fy = random.uniform(5, 20, 2)
        intrinsics[index] = [[fx, 0, random.uniform(2, 7)], [0, fy, random.uniform(2, 7)], [0, 0, 1]]
        pose[index] = np.eye(4)
        pose[index][:3, :3] = cv2.Rodrigues(random.normal(size=3))[0]
        pose[index][:3, 3] = random.normal(size=3)
    return Camera(torch.from_numpy(intrinsics), torch.from_numpy(pose), width, height)


def test_pixel_centres_lie_at_half():
    grid = pixel_grid(2, 3, like=torch.zeros(1, dtype=torch.float64))
    assert grid.shape == (2, 3, 2)
    assert grid[0, 0].tolist() == [0.5, 0.5]
    assert grid[1, 2].tolist() == [2.5, 1.5]


def test_project_agrees_with_opencv():
    camera = random_camera(1)
    points = np.random.default_rng(2).normal(size=(50, 3))
    local = points @ camera.world_to_camera.numpy()[:3, :3].T + camera.world_to_camera.numpy()[:3, 3]
    points = points[local[:, 2] > 0.1]
    rotation, translation = camera.world_to_camera[:3, :3].numpy(), camera.world_to_camera[:3, 3].numpy()
    expected, _ = cv2.projectPoints(points, cv2.Rodrigues(rotation)[0], translation, camera.intrinsics.numpy(), None)
    pixels, depth = project(torch.from_numpy(points), camera)
    assert len(points) > 5
    np.testing.assert_allclose(pixels, expected[:, 0], atol=1e-9)
    np.testing.assert_allclose(depth, local[local[:, 2] > 0.1, 2], atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31), batch=st.sampled_from([(), (2,), (2, 2)]))
def test_unproject_inverts_project(seed, batch):
    camera = random_camera(seed, batch)
    depth = 0.5 + 3 * torch.rand(*batch, 7, 9, dtype=torch.float64)
    pixels, found = project(unproject(depth, camera).flatten(-3, -2), camera)
    torch.testing.assert_close(found.reshape(depth.shape), depth, atol=1e-10, rtol=0)
    expected = pixel_grid(7, 9, depth).expand(*batch, 7, 9, 2)
    torch.testing.assert_close(pixels.reshape(expected.shape), expected, atol=1e-8, rtol=0)


def test_unproject_of_nothing_is_the_centre():
    camera = random_camera(3)
    points = unproject(torch.zeros(2, 2, dtype=torch.float64), camera)
    torch.testing.assert_close(points, camera.centre.expand(2, 2, 3))


def test_skewed_intrinsics_are_inverted():
    camera = random_camera(4)
    camera.intrinsics[0, 1] = 0.7
    depth = torch.full((7, 9), 2.0, dtype=torch.float64)
    pixels, _ = project(unproject(depth, camera).flatten(0, 1), camera)
    torch.testing.assert_close(pixels, pixel_grid(7, 9, depth).flatten(0, 1))


@pytest.mark.parametrize("precision", ["high", "highest"])
def test_low_precision_settings_do_not_reach_coordinates(precision):
    camera = random_camera(5, (2,)).to(torch.float32)
    depth = torch.full((2, 7, 9), 2.0)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pixels, _ = project(unproject(depth, camera).flatten(1, 2), camera)
    torch.set_float32_matmul_precision(before)
    expected = pixel_grid(7, 9, depth).flatten(0, 1).expand(2, -1, 2)
    torch.testing.assert_close(pixels, expected, atol=1e-4, rtol=0)


def test_gradients():
    camera = random_camera(6)
    depth = (1 + torch.rand(7, 9, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: unproject(z, camera), depth)
    points = unproject(depth.detach(), camera).flatten(0, 1)[:5].requires_grad_()
    assert torch.autograd.gradcheck(lambda p: project(p, camera), points)
