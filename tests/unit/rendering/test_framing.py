"""How a view is put into a picture: all of it, or the person as large as it allows."""

import helpers
import pytest
import torch

from posegaussian import store
from posegaussian.captures.rectify import rectify_capture
from posegaussian.config import RectifySettings
from posegaussian.geometry.projection import project
from posegaussian.rendering.framing import MARGIN, extent, focused, framed
from posegaussian.rendering.path import camera_between, pivot_between, source_cameras
from posegaussian.types import Camera


def camera(distance=3.0):
    world_to_camera = torch.eye(4, dtype=torch.float64)
    world_to_camera[2, 3] = distance
    intrinsics = torch.tensor([[500, 0, 210], [0, 520, 140], [0, 0, 1]], dtype=torch.float64)
    return Camera(intrinsics, world_to_camera, 400, 300)


def test_framed_shows_the_whole_view_with_square_pixels():
    shown = framed(camera(), 200, 200)
    assert (shown.intrinsics[0, 0], shown.intrinsics[1, 1]) == (250, 260)
    assert tuple(shown.intrinsics[:2, 2]) == (105, 70 + 25)
    assert (shown.width, shown.height) == (200, 200)


@pytest.mark.parametrize(("size", "touched"), [((200, 100), 1), ((60, 300), 0)])
def test_focused_fills_the_picture_up_to_the_margin(size, touched):
    points = torch.tensor([[-0.2, -1.0, 0.1], [0.5, 0.8, 0.0], [0.1, 0.2, -0.3]], dtype=torch.float64)
    shown = focused(camera(), points, *size)
    pixels, _ = project(points, shown)
    low, high = pixels.amin(0), pixels.amax(0)
    torch.testing.assert_close(low + high, torch.tensor(size, dtype=torch.float64))
    share = (high - low) / torch.tensor(size)
    assert share[touched] == pytest.approx(1 - 2 * MARGIN) and share[1 - touched] < share[touched]
    assert shown.intrinsics[0, 0] == shown.intrinsics[1, 1] and (shown.width, shown.height) == size
    assert torch.equal(shown.world_to_camera, camera().world_to_camera)


def test_without_points_before_the_camera_all_of_the_view_is_shown():
    for points in (torch.zeros(0, 3), torch.tensor([[0.0, 0.0, -9.0]])):
        shown = focused(camera(), points.double(), 200, 200)
        assert torch.equal(shown.intrinsics, framed(camera(), 200, 200).intrinsics)


def test_a_small_person_fills_every_view_of_the_path(tmp_path):
    """Filmed small and off the middle by two cameras; measured on the person's true outline."""
    size = (240, 200)
    cameras = {name: helpers.lens(a, size=size, zoom=0.5, offset=(30, -20)) for name, a in (("00", -20), ("01", 20))}
    helpers.write_sphere_capture(tmp_path / "capture", cameras=cameras)
    rectify_capture(tmp_path / "capture", tmp_path / "small.h5", RectifySettings(size=(128, 128)))
    with store.open_checked(tmp_path / "small.h5", store.RECTIFIED) as rectified:
        points, ends = extent(rectified), source_cameras(rectified, 0)
    person = torch.cat([torch.from_numpy(helpers.joints(frame)) for frame in range(2)])
    for ratio in (0.0, 0.3, 0.5, 1.0):
        view = camera_between(*ends, ratio, pivot_between(*ends))
        pixels, _ = project(person, focused(view, points, 100, 100))
        share = (pixels.amax(0) - pixels.amin(0)).max() / 100
        assert 0.8 < share < 1 - MARGIN and pixels.min() > 0 and pixels.max() < 100
        before, _ = project(person, framed(view, 100, 100))
        assert share > 1.5 * (before.amax(0) - before.amin(0)).max() / 100
