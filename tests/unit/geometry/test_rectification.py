"""Rectification proved on points: rows match, and disparity leads back to the pixels, for every kind of rig."""

from dataclasses import replace

import helpers
import numpy as np
import pytest
import torch

from posegaussian.geometry.disparity import depth_to_disparity, disparity_to_depth
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.projection import pixel_grid, project, unproject
from posegaussian.geometry.rectification import (
    fit_intrinsics,
    mask_outline,
    ray_bounds,
    rectified_cameras,
    rectifying_rotation,
)
from posegaussian.types import Camera

SIZE, MARGIN = (96, 64), 0.1
RIGS = {
    "level": [helpers.lens(-11), helpers.lens(11)],
    "swapped": [helpers.lens(11), helpers.lens(-11)],
    "wide": [helpers.lens(-30), helpers.lens(30)],
    "upright": [helpers.lens(0, elevation=20), helpers.lens(0, elevation=0)],
    "upright swapped": [helpers.lens(0, elevation=0), helpers.lens(0, elevation=20)],
    "slanted": [helpers.lens(-10, elevation=8), helpers.lens(10, elevation=-5)],
    "other sizes and lenses": [
        helpers.lens(-11, size=(200, 90), zoom=1.3, offset=(9, -4)),
        helpers.lens(11, size=(77, 130), radius=3),
    ],
    "rolled": [helpers.lens(-11, roll=25), helpers.lens(11, roll=-15)],
    "on the head": [helpers.lens(-11, roll=180), helpers.lens(11, roll=180)],
    "portrait": [helpers.lens(-11, roll=90), helpers.lens(11, roll=90)],
}
TURNED = ("upright", "upright swapped", "portrait")


def rectify(rig: str) -> tuple[list[SourceCamera], Camera, torch.Tensor]:
    """Left and right original, the rectified cameras, and points on the person."""
    cameras = [helpers.source_camera(lens) for lens in RIGS[rig]]
    points = np.concatenate([helpers.JOINTS, helpers.JOINTS + np.array([0.1, 0.03, -0.07])])
    rotation, swapped = rectifying_rotation(*cameras)
    cameras = cameras[::-1] if swapped else cameras
    boxes = np.array([ray_bounds(points - camera.centre, rotation) for camera in cameras])
    intrinsics = fit_intrinsics(boxes, SIZE, MARGIN)
    centres = np.stack([camera.centre for camera in cameras])
    return cameras, rectified_cameras(centres, rotation, intrinsics, SIZE), torch.from_numpy(points)


@pytest.mark.parametrize("rig", RIGS)
def test_rows_match_and_left_is_left(rig):
    originals, views, points = rectify(rig)
    for camera, view in zip(originals, (views[0], views[1]), strict=True):
        torch.testing.assert_close(view.centre, torch.from_numpy(camera.centre), atol=1e-12, rtol=0)
        rotation = view.world_to_camera[:3, :3]
        torch.testing.assert_close(rotation @ rotation.T, torch.eye(3).double(), atol=1e-12, rtol=0)
        assert torch.linalg.det(rotation) > 0
    pixels, depth = project(points.expand(2, -1, 3), views)
    assert (depth > 0).all()
    assert (pixels[0, :, 1] - pixels[1, :, 1]).abs().max() < 1e-9
    shift = views.world_to_camera[0, :3, 3] - views.world_to_camera[1, :3, 3]
    assert shift[0] > 0.1
    assert shift[1:].abs().max() < 1e-9


@pytest.mark.parametrize("rig", RIGS)
def test_disparity_to_depth_to_point_and_back(rig):
    _, views, points = rectify(rig)
    pixels, depth = project(points.expand(2, -1, 3), views)
    match = pixels[0, :, 0] - pixels[1, :, 0]
    planes = depth[None, :, :, None].expand(-1, -1, -1, 3).contiguous()
    disparity = depth_to_disparity(planes, views[None])[0, :, :, 0]
    torch.testing.assert_close(disparity, match.expand(2, -1), atol=1e-8, rtol=0)
    torch.testing.assert_close(disparity_to_depth(disparity[None, :, :, None], views[None])[0, ..., 0], depth)


@pytest.mark.parametrize("rig", RIGS)
def test_pixels_come_back_through_the_other_view(rig):
    _, views, _ = rectify(rig)
    depth = 2 + 0.5 * torch.rand(2, SIZE[1], SIZE[0], dtype=torch.float64)
    disparity = depth_to_disparity(depth[None], views[None])
    points = unproject(disparity_to_depth(disparity, views[None])[0], views).flatten(1, 2)
    here, _ = project(points, views)
    there, _ = project(points, views[[1, 0]])
    grid = pixel_grid(SIZE[1], SIZE[0], depth).flatten(0, 1)
    assert (here - grid).abs().max() < 1e-3
    step = disparity[0].flatten(1) * torch.tensor([[-1.0], [1.0]])
    assert (there[..., 0] - grid[:, 0] - step).abs().max() < 1e-3
    assert (there[..., 1] - grid[:, 1]).abs().max() < 1e-3


@pytest.mark.parametrize("rig", RIGS)
def test_the_person_fills_the_picture(rig):
    _, views, points = rectify(rig)
    assert (views.intrinsics[0, :2, :2] == views.intrinsics[1, :2, :2]).all()
    assert views.intrinsics[0, 1, 2] == views.intrinsics[1, 1, 2]
    pixels, _ = project(points.expand(2, -1, 3), views)
    size = torch.tensor(SIZE).double()
    border = MARGIN * size
    assert (pixels > border - 1e-9).all()
    assert (pixels < size - border + 1e-9).all()
    low, high = pixels.amin(1), pixels.amax(1)
    share_x = ((high - low)[:, 0] / size[0]).max()
    share_y = (high.amax(0) - low.amin(0))[1] / size[1]
    assert max(share_x, share_y) == pytest.approx(1 - 2 * MARGIN)


@pytest.mark.parametrize("rig", RIGS)
def test_no_picture_is_turned_more_than_it_must(rig):
    originals, views, _ = rectify(rig)
    for camera in originals:
        turn = views.world_to_camera[0, :3, :3].numpy() @ camera.rotation.T
        down = turn @ [0, 1, 0]
        assert (down[0] > 0.7) if rig in TURNED else (down[1] > 0.7), (rig, down)


def test_a_pair_along_the_viewing_direction_is_refused():
    far, near = (helpers.source_camera(helpers.lens(0, radius=radius)) for radius in (3.0, 1.5))
    rotation, _ = rectifying_rotation(far, near)
    assert ray_bounds(helpers.JOINTS - far.centre, rotation) is None


def test_outline_has_the_corners_of_the_mask():
    mask = np.zeros((6, 8), bool)
    mask[2, 3:5] = mask[3, 1] = True
    corners = mask_outline(mask)
    assert corners.min(0).tolist() == [1, 2]
    assert corners.max(0).tolist() == [5, 4]
    assert {(3, 2), (5, 2), (3, 3), (5, 3), (1, 3), (1, 4), (2, 4)} <= {tuple(c) for c in corners.astype(int)}


@pytest.mark.parametrize("rig", RIGS)
def test_pixels_of_the_original_lie_where_the_view_shows_their_points(rig):
    originals, views, points = rectify(rig)
    for camera, view in zip(originals, (views[0], views[1]), strict=True):
        bent = replace(camera, distortion=np.array([-0.1, 0.02, 1e-3, -1e-3, 0]))
        found = bent.seen_from_here(bent.project(points.numpy()), view)
        np.testing.assert_allclose(found, project(points, view)[0].numpy(), atol=0.01)


def test_what_lies_behind_the_view_is_not_seen():
    camera = helpers.source_camera(helpers.lens(0))
    backwards = replace(camera, world_to_camera=np.diag([-1.0, 1, -1, 1]) @ camera.world_to_camera).pinhole()
    assert np.isnan(camera.seen_from_here(np.array([[80.0, 64]]), backwards)).all()
