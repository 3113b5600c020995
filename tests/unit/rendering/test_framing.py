"""Framing of a view: all of it, or the person as large as the image allows."""

import helpers
import pytest
import torch

from posegaussian.config import RectifySettings
from posegaussian.geometry.projection import project
from posegaussian.io import store
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.rendering.camera_path import PathStep, camera_between, pivot_between, source_cameras
from posegaussian.rendering.framing import (
    MARGIN,
    _centres,
    centred_cameras,
    fitted_camera,
    person_centred_cameras,
    person_outlines,
)
from posegaussian.types import Camera


def camera(distance=3.0):
    world_to_camera = torch.eye(4, dtype=torch.float64)
    world_to_camera[2, 3] = distance
    intrinsics = torch.tensor([[500, 0, 210], [0, 520, 140], [0, 0, 1]], dtype=torch.float64)
    return Camera(intrinsics, world_to_camera, 400, 300)


def test_framed_shows_the_whole_view_with_square_pixels():
    shown = fitted_camera(camera(), 200, 200)
    assert (shown.intrinsics[0, 0], shown.intrinsics[1, 1]) == (250, 260)
    assert tuple(shown.intrinsics[:2, 2]) == (105, 70 + 25)
    assert (shown.width, shown.height) == (200, 200)


@pytest.mark.parametrize(("size", "touched"), [((200, 100), 1), ((60, 300), 0)])
def test_followed_holds_every_outline_at_one_scale(size, touched):
    """Three places, one of them twice as far; the point in the middle moves."""
    centres = torch.tensor([[0.0, 0.0, 0.0], [0.1, -0.2, 0.3], [0.4, 0.1, 0.0]], dtype=torch.float64)
    around = torch.tensor([[-0.2, -0.9, 0.0], [0.2, 0.9, 0.0], [0.3, 0.1, 0.0]], dtype=torch.float64)
    outlines = [centre + around for centre in centres]
    cameras = [camera(3.0), camera(6.0), camera(3.0)]
    shown = centred_cameras(cameras, outlines, list(centres), *size)
    middle = torch.tensor(size, dtype=torch.float64) / 2
    shares = []
    for view, points, centre, place in zip(shown, outlines, centres, cameras, strict=True):
        pixels, _ = project(torch.cat([centre[None], points]), view)
        torch.testing.assert_close(pixels[0], middle)
        shares.append((pixels - middle).abs().amax(0) / (2 * middle))
        assert view.intrinsics[0, 0] == view.intrinsics[1, 1] and (view.width, view.height) == size
        assert torch.equal(view.world_to_camera, place.world_to_camera)
    shares = torch.stack(shares)
    torch.testing.assert_close(shares, shares[:1].expand_as(shares))  # all at one scale
    assert shares[0, touched] == pytest.approx(0.5 - MARGIN) and shares[0, 1 - touched] < shares[0, touched]


@pytest.fixture
def small_person(tmp_path):
    """Filmed small and off the middle by two cameras, in three frames; measured on the true joints."""
    size = (240, 200)
    cameras = {name: helpers.lens(a, size=size, zoom=0.5, offset=(30, -20)) for name, a in (("00", -20), ("01", 20))}
    helpers.write_sphere_capture(tmp_path / "capture", frames=3, cameras=cameras)
    rectify_capture(tmp_path / "capture", tmp_path / "small.h5", RectifySettings(size=(128, 128)))
    with store.open_checked(tmp_path / "small.h5", store.RECTIFIED) as rectified:
        yield rectified


def test_a_small_person_fills_every_image_of_the_path(small_person):
    path = [PathStep(0, 0, 0.0), PathStep(0, 1, 0.3), PathStep(0, 2, 0.5), PathStep(0, 1, 1.0)]
    ends = source_cameras(small_person, 0)
    for step, view in zip(path, person_centred_cameras(small_person, path, 100, 100), strict=True):
        person = torch.from_numpy(helpers.joints(step.frame))
        pixels, _ = project(person, view)
        share = (pixels.amax(0) - pixels.amin(0)).max() / 100
        assert 0.7 < share < 1 - 2 * MARGIN and pixels.min() > 0 and pixels.max() < 100
        before = fitted_camera(camera_between(*ends, step.ratio, pivot_between(*ends)), 100, 100)
        flat, _ = project(person, before)
        assert share > 1.5 * (flat.amax(0) - flat.amin(0)).max() / 100


def test_outlines_lie_where_the_person_is(small_person):
    for frame, points in enumerate(person_outlines(small_person)):
        distance = points.mean(0) - torch.from_numpy(helpers.joints(frame)).mean(0)
        assert distance[:2].norm() < 0.15, "metres, on the floor"


def test_the_framing_follows_the_person_slowly():
    jump = [torch.tensor([[x, 0.0, 0.0]], dtype=torch.float64) for x in [0.0] * 12 + [1.0] * 12]
    jump[3] = jump[3][:0]  # the person is not seen in one frame
    path = _centres(jump)[:, 0]
    assert path[0] < 0.01 and path[-1] > 0.99 and (path.diff() > -1e-9).all()
    assert path.diff().max() < 0.2


def test_without_a_visible_person_the_whole_view_is_shown(small_person, monkeypatch):
    monkeypatch.setattr("posegaussian.rendering.framing.is_person", lambda mask: mask > 255)
    (shown,) = person_centred_cameras(small_person, [PathStep(0, 0, 0.0)], 200, 200)
    assert torch.equal(shown.intrinsics, fitted_camera(source_cameras(small_person, 0)[0], 200, 200).intrinsics)
