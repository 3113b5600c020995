"""Resampling: positions are kept, planes stay planes, edges are known."""

import cv2
import helpers
import numpy as np
import pytest
import torch

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.resampling import (
    resample,
    resample_depth_at,
    resample_levels,
    resample_where,
    sampling_map,
)
from posegaussian.types import Camera

BENT = (-0.28, 0.09, 0.001, -0.002, 0.0)


def resample_everywhere(depth, where):
    return resample_depth_at(depth, where, np.ones(where.x.shape, bool))


def reference_depth(depth, where):
    """The same as `resample_depth_at` everywhere, in NumPy: the nearest four samples and their weights."""
    height, width = depth.shape
    left, top = np.floor(where.x), np.floor(where.y)
    samples, weights = [], []
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x, y = left + column, top + row
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        index = np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)
        samples.append(np.where(inside, depth[index], 0))
        weights.append((1 - abs(where.x - x)) * (1 - abs(where.y - y)))
    values, shares = np.stack(samples), np.stack(weights)
    nearest = np.take_along_axis(values, shares.argmax(0)[None], 0)[0]
    values = np.where(shares > 1e-3, values, nearest)  # a sample without weight must not make an edge
    lowest, highest = values.min(0), values.max(0)
    smooth = (lowest > 0) & (highest - lowest <= 8.0 * lowest / where.focal)
    inverse = (shares / np.where(values > 0, values, 1)).sum(0)
    found = np.where(smooth, 1 / np.where(smooth, inverse, 1), nearest)
    return (found * where.slant).astype(np.float32), smooth


def blob(x: float, y: float, sigma: float, width: int, height: int) -> np.ndarray:
    """A Gaussian spot at (x, y), pixel centres at +0.5."""
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2)).astype(np.float32)


def centroid(picture: np.ndarray) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(picture.shape[1]) + 0.5, np.arange(picture.shape[0]) + 0.5)
    return np.array([(picture * columns).sum(), (picture * rows).sum()]) / picture.sum()


def test_the_identity_changes_nothing():
    camera = helpers.source_camera(helpers.lens(0, size=(40, 30)))
    where = sampling_map(camera, camera.pinhole())
    picture = np.random.default_rng(0).random((30, 40, 4)).astype(np.float32)
    np.testing.assert_allclose(resample(picture, where), picture, atol=1e-4)
    depth = (1 + 3 * picture[..., 0]) * (picture[..., 1] > 0.3)
    np.testing.assert_allclose(resample_everywhere(depth, where)[0], depth, atol=1e-4)
    assert where.scale == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("left", "top", "width", "height"), [(0, 12, 40, 1), (17, 0, 1, 30), (17, 12, 1, 1)])
def test_views_of_one_row_or_column_show_it(left, top, width, height):
    camera = helpers.source_camera(helpers.lens(0, size=(40, 30)))
    shift = torch.zeros(3, 3, dtype=torch.float64)
    shift[0, 2], shift[1, 2] = left, top
    whole = camera.pinhole()
    where = sampling_map(camera, Camera(whole.intrinsics - shift, whole.world_to_camera, width, height))
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    part = picture[top : top + height, left : left + width]
    np.testing.assert_allclose(resample(picture / np.float32(255), where), part / 255, atol=1e-4)
    assert (resample_where(picture, where, np.ones((height, width), bool)) == part).all()


@pytest.mark.parametrize("size", [(30, 23), (49, 35), (101, 75), (120, 90), (143, 111), (240, 180)])
def test_spots_stay_where_they_are(size):
    camera = helpers.source_camera(helpers.lens(0, size=(120, 90)))
    where = sampling_map(camera, camera.pinhole().resized(*size))
    sigma = 2 * max(1, 120 / size[0])
    for x, y in np.random.default_rng(1).uniform(40, 50, (10, 2)):
        found = centroid(resample(blob(x, y, sigma, 120, 90)[..., None], where)[..., 0])
        np.testing.assert_allclose(found, [x * size[0] / 120, y * size[1] / 90], atol=1e-2)


def test_what_is_too_fine_becomes_grey():
    camera = helpers.source_camera(helpers.lens(0, size=(400, 300)))
    where = sampling_map(camera, camera.pinhole().resized(100, 75))
    stripes = np.zeros((300, 400, 1), np.float32)
    stripes[:, ::2] = 1
    assert abs(resample(stripes, where)[3:-3, 3:-3] - 0.5).max() < 0.15


def plane_depth(camera: SourceCamera, view: Camera) -> np.ndarray:
    """Depth of the plane x = 0.2 as seen by a pinhole camera."""
    columns, rows = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
    pixels = np.stack([columns, rows, np.ones_like(rows)], -1)
    rays = pixels @ np.linalg.inv(view.intrinsics.numpy()).T @ view.world_to_camera[:3, :3].numpy()
    return (0.2 - camera.centre[0]) / rays[..., 0]


@pytest.mark.parametrize("bent", [False, True])
def test_a_plane_stays_a_plane(bent):
    lens = helpers.lens(20, elevation=10, size=(200, 160), zoom=2, distortion=BENT if bent else (0.0,) * 5)
    camera = helpers.source_camera(lens)
    columns, rows = np.meshgrid(np.arange(200.0), np.arange(160.0))
    rays = lens.rays(np.stack([columns.ravel(), rows.ravel()], 1))
    depth = ((0.2 - lens.centre[0]) / rays[:, 0]).reshape(160, 200).astype(np.float32)
    other = helpers.source_camera(helpers.lens(15, elevation=5, roll=10, size=(90, 80), zoom=2.5))
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = torch.from_numpy(other.rotation.copy())
    pose[:3, 3] = torch.from_numpy(-other.rotation @ camera.centre)
    view = Camera(torch.from_numpy(other.intrinsics), pose, 90, 80)
    found, smooth = resample_everywhere(depth, sampling_map(camera, view))
    assert smooth.mean() > 0.5
    tolerance = 2e-5 if bent else 5e-6
    np.testing.assert_allclose(found[smooth], plane_depth(camera, view)[smooth], atol=tolerance)


def test_edges_are_not_smooth_and_take_the_nearest_sample():
    camera = helpers.source_camera(helpers.lens(0, size=(40, 30)))
    depth = np.full((30, 40), 2.0, np.float32)
    depth[:, 20:] = 3
    depth[:10] = 0
    found, smooth = resample_everywhere(depth, sampling_map(camera, camera.pinhole().resized(76, 57)))
    assert set(np.unique(found.round(4))) == {0, 2, 3}
    assert not smooth[:19].any()
    assert not smooth[20:, 37:39].any()
    assert smooth[22:-2, 2:35].all()
    assert smooth[22:-2, 41:-2].all()


def test_a_lens_that_folds_back_shows_nothing_there():
    camera = helpers.source_camera(helpers.lens(0, size=(60, 60), distortion=(-0.35, 0.0, 0.0, 0.0, 0.0)))
    wide = camera.pinhole()
    wide.intrinsics[:2, :2] *= 0.25
    shown = resample(np.ones((60, 60, 1), np.float32), sampling_map(camera, wide))[..., 0]
    assert abs(shown[30, 30] - 1) < 1e-4
    assert abs(shown[:8]).max() == 0


@pytest.mark.parametrize("size", [(150, 110), (60, 50), (40, 30)])
def test_compiled_pixels_are_those_of_the_reference(size):
    """Also where the image is averaged first."""
    random = np.random.default_rng(2)
    camera = helpers.source_camera(helpers.lens(0, size=(120, 90), distortion=BENT))
    where = sampling_map(camera, camera.pinhole().resized(*size))
    image = cv2.GaussianBlur(random.integers(0, 256, (90, 120, 3)).astype(np.uint8), (0, 0), 0.7)
    expected = np.rint(255 * np.clip(resample(image / np.float32(255), where), 0, 1)).astype(int)
    wanted = random.random(expected.shape[:2]) < 0.5
    for kind in (image, image / np.float32(255)):
        found = resample_where(kind, where, wanted)
        difference = abs(found[wanted] - expected[wanted])
        assert not found[~wanted].any() and difference.max() <= 1 and (difference == 0).mean() > 0.99
    boxed = np.zeros((90, 120, 3), np.float32)
    boxed[20:70, 30:85] = image[20:70, 30:85] / np.float32(255)
    expected = np.rint(255 * np.clip(resample(boxed, where), 0, 1)).astype(int)
    difference = abs(resample_levels(boxed, where, (30, 20, 85, 70)) - expected)
    assert difference.max() <= 1 and (difference == 0).mean() > 0.99


@pytest.mark.parametrize("bent", [(0.0,) * 5, BENT])
def test_compiled_depths_are_those_of_the_reference(bent):
    """Steps, slopes, and unknown samples, at the border too."""
    random = np.random.default_rng(3)
    camera = helpers.source_camera(helpers.lens(0, size=(120, 90), distortion=bent))
    where = sampling_map(camera, camera.pinhole().resized(130, 97))
    columns, rows = np.meshgrid(np.arange(120), np.arange(90))
    depth = (2 + 0.003 * columns + (rows > 40)).astype(np.float32) * (random.random((90, 120)) > 0.1)
    expected, smooth = reference_depth(depth, where)
    wanted = random.random(expected.shape) < 0.7
    found, surface = resample_depth_at(depth, where, wanted)
    assert 0.3 < smooth[wanted].mean() < 0.9
    assert (surface == (smooth & wanted)).mean() > 0.9999
    same = surface == (smooth & wanted)
    np.testing.assert_allclose(found[same], np.where(wanted, expected, 0)[same], rtol=1e-6)


def test_a_black_image_stays_black():
    camera = helpers.source_camera(helpers.lens(0, size=(40, 30)))
    black = np.zeros((30, 40, 4), np.float32)
    assert not resample_levels(black, sampling_map(camera, camera.pinhole()), None).any()
