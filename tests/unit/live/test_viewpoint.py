"""Views around a person: bounded, centred on the person, of one scale, and where the cameras stand."""

import math

import helpers
import numpy as np
import pytest
import torch

from posegaussian.geometry.projection import project
from posegaussian.live.viewpoint import ALONG, UP, ZOOM, PersonFraming, Viewpoint
from posegaussian.types import Gaussians

SIZE = 200


def cloud(centre=helpers.CENTRE, count=5000):
    """Gaussians in an upright ellipsoid 1.6 m high."""
    points = np.random.default_rng(0).normal(size=(count, 3))
    points *= np.array([0.3, 0.3, 0.8]) / np.linalg.norm(points, axis=1, keepdims=True)
    means = torch.from_numpy(points + centre).float()
    quaternions = torch.eye(4)[:1].repeat(count, 1)
    return Gaussians(means, quaternions, torch.full((count, 3), 0.01), torch.ones(count), torch.ones(count, 3))


def cameras():
    return [helpers.source_camera(helpers.lens(azimuth, size=(160, 128))).pinhole() for azimuth in (-15, 15)]


@pytest.fixture
def framing():
    found = PersonFraming(*cameras())
    found.update(cloud(), 0.0)
    return found


def camera(framing, **place):
    found = framing.camera(Viewpoint(**place), SIZE, SIZE)
    assert found is not None
    return found


def test_before_the_first_frame_there_is_no_view():
    assert PersonFraming(*cameras()).camera(Viewpoint(), SIZE, SIZE) is None


@pytest.mark.parametrize("along", [0.0, 1.0])
def test_at_the_ends_the_view_is_that_of_a_camera(framing, along):
    found, source = camera(framing, along=along), cameras()[int(along)]
    torch.testing.assert_close(found.world_to_camera, source.world_to_camera)


@pytest.mark.parametrize("along", [-0.1, 0.3, 1.1])
@pytest.mark.parametrize("up", [-10.0, 0.0, 10.0])
def test_the_person_is_in_the_middle_and_fills_every_view_alike(framing, along, up):
    pixels, depths = project(cloud().means.double(), camera(framing, along=along, up=up))
    low, high = np.percentile(pixels.numpy(), [0.5, 99.5], axis=0)
    assert (depths > 0).all()
    np.testing.assert_allclose((low + high) / 2, SIZE / 2, atol=8)  # perspective moves the middle of the ends
    assert 0.75 * SIZE < high[1] - low[1] < 0.95 * SIZE


def test_up_is_up_and_right_is_towards_the_second_camera(framing):
    middle, above, right = (camera(framing, **place).centre for place in ({}, {"up": 10.0}, {"along": 0.9}))
    second = cameras()[1].centre
    assert above[2] - middle[2] > 0.3  # sin 10 degrees x 2.2 m
    assert (right - second).norm() < (middle - second).norm()


def test_zoom_magnifies(framing):
    one, two = camera(framing), camera(framing, zoom=2.0)
    torch.testing.assert_close(2 * one.intrinsics[0, 0], two.intrinsics[0, 0])
    torch.testing.assert_close(one.intrinsics[:, 2], two.intrinsics[:, 2])


def test_places_are_bounded_and_nonsense_is_the_middle():
    far = Viewpoint(9.0, -90.0, 100.0).bounded()
    assert (far.along, far.up, far.zoom) == (ALONG[1], UP[0], ZOOM[1])
    assert Viewpoint(math.nan, math.inf, -math.inf).bounded() == Viewpoint()


def test_the_view_follows_a_walker_smoothly_and_keeps_them_in_the_image(framing):
    for step in range(1, 60):
        moved = cloud(helpers.CENTRE + np.array([0.0, 0.02 * step, 0.0]))  # 0.6 m/s at 30 frames per second
        framing.update(moved, step / 30)
        pixels, _ = project(moved.means.double(), camera(framing))
        low, high = np.percentile(pixels.numpy(), [0.5, 99.5], axis=0)
        assert (low > 0).all() and (high < SIZE).all()
    before = camera(framing).intrinsics
    framing.update(moved, 2.0)
    assert abs(float(camera(framing).intrinsics[0, 2] - before[0, 2])) < 10


def test_a_head_near_a_high_camera_is_in_the_image():
    high = [helpers.source_camera(helpers.lens(azimuth, elevation=50, radius=1.6)).pinhole() for azimuth in (-15, 15)]
    framing = PersonFraming(*high)
    framing.update(cloud(), 0.0)
    pixels, _ = project(cloud().means.double(), camera(framing))
    low, top = np.percentile(pixels.numpy(), [0.5, 99.5], axis=0)
    assert (low > 0.02 * SIZE).all() and (top < 0.98 * SIZE).all()
    np.testing.assert_allclose((low + top) / 2, SIZE / 2, atol=4)


def test_lowered_arms_bring_the_view_nearer_slowly(framing):
    wide, focal = cloud(), camera(framing).intrinsics[0, 0]
    small = Gaussians(
        wide.means * 0.5 + 0.5 * torch.from_numpy(helpers.CENTRE).float(),
        wide.quaternions,
        wide.scales,
        wide.opacities,
        wide.colors,
    )
    framing.update(small, 0.1)
    assert 1 < camera(framing).intrinsics[0, 0] / focal < 1.1
    for step in range(300):
        framing.update(small, 0.1 + step / 10)
    assert camera(framing).intrinsics[0, 0] / focal > 1.9


def test_an_empty_frame_changes_nothing(framing):
    before = camera(framing)
    framing.update(cloud()[:0], 1.0)
    assert torch.equal(camera(framing).intrinsics, before.intrinsics)
