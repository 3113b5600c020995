"""Camera paths as other programs hold them, read back and by other programs, and smooth paths through keys."""

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from posegaussian.config import ExportSettings
from posegaussian.export.camera_files import write_cameras
from posegaussian.export.cameras import read_cameras
from posegaussian.rendering.camera_path import between_keys
from posegaussian.types import Camera


def camera(azimuth, focal=900.0):
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = torch.from_numpy(Rotation.from_euler("yxz", [azimuth, 10, 4], degrees=True).as_matrix())
    pose[:3, 3] = torch.tensor([0.1, -0.2, 2.5])
    intrinsics = torch.tensor([[focal, 0, 250.5], [0, focal, 190.25], [0, 0, 1]], dtype=torch.float64)
    return Camera(intrinsics, pose, 512, 384)


PATH = [camera(0), camera(20, 1000.0), camera(45, 950.0)]
SETTINGS = ExportSettings(size=(512, 384), up="z")


@pytest.fixture
def written(tmp_path):
    write_cameras(tmp_path, PATH, 25, "z")
    return tmp_path


@pytest.mark.parametrize("name", ["transforms.json", "colmap", "cameras.usda"])
def test_round_trips(written, name):
    if name.endswith("usda"):
        pytest.importorskip("pxr")
    found = read_cameras(written / name, SETTINGS)
    assert len(found) == 3
    atol = 2e-4 if name.endswith("usda") else 1e-9  # OpenUSD holds lenses as float32
    for read, true in zip(found, PATH, strict=True):
        assert (read.width, read.height) == (512, 384)
        torch.testing.assert_close(read.intrinsics, true.intrinsics, atol=atol, rtol=0)
        torch.testing.assert_close(read.world_to_camera, true.world_to_camera, atol=1e-9, rtol=0)


def test_pycolmap_reads_them(written):
    pycolmap = pytest.importorskip("pycolmap")
    model = pycolmap.Reconstruction(str(written / "colmap"))
    for image, true in zip(sorted(model.images.values(), key=lambda image: image.name), PATH, strict=True):
        np.testing.assert_allclose(image.cam_from_world().matrix(), true.world_to_camera[:3], atol=1e-9)
        np.testing.assert_allclose(image.camera.calibration_matrix(), true.intrinsics)


def test_a_point_lands_in_its_pixel_as_each_convention_says(written):
    """Projected by the formulas of nerfstudio's documentation and of OpenUSD's frustum, not by ours."""
    point = np.array([0.3, -0.1, 0.2, 1.0])
    local = (PATH[1].world_to_camera.numpy() @ point)[:3]
    x, y = (PATH[1].intrinsics.numpy() @ local)[:2] / local[2]
    frame = json.loads((written / "transforms.json").read_text())["frames"][1]
    seen = np.linalg.inv(frame["transform_matrix"]) @ point
    assert frame["cx"] + frame["fl_x"] * seen[0] / -seen[2] == pytest.approx(x)
    assert frame["cy"] - frame["fl_y"] * seen[1] / -seen[2] == pytest.approx(y)
    pytest.importorskip("pxr")
    from pxr import Gf, Usd, UsdGeom  # pyright: ignore[reportMissingImports]

    stage = Usd.Stage.Open(str(written / "cameras.usda"))
    frustum = UsdGeom.Camera(stage.GetPrimAtPath("/Camera")).GetCamera(1).frustum
    matrix = frustum.ComputeViewMatrix() * frustum.ComputeProjectionMatrix()
    up = matrix.Transform(Gf.Vec3d(point[0], point[2], -point[1]))  # z of the world is y in the file
    np.testing.assert_allclose([(up[0] + 1) / 2 * 512, (1 - up[1]) / 2 * 384], [x, y], atol=1e-3)


def test_a_smooth_path_goes_through_its_keys():
    path = between_keys(PATH, 9)
    assert len(path) == 21
    for key, index in zip(PATH, (0, 10, 20), strict=True):
        torch.testing.assert_close(path[index].world_to_camera, key.world_to_camera)
        torch.testing.assert_close(path[index].intrinsics, key.intrinsics)
    centres = torch.stack([each.centre for each in path]).numpy()
    speeds = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    assert speeds[0] < 0.3 * speeds.max() and speeds[-1] < 0.3 * speeds.max()
    assert np.abs(np.diff(speeds)).max() < 0.35 * speeds.max()  # no jolt at a key
    for each in path:
        rotation = each.world_to_camera[:3, :3]
        torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).double())
    assert between_keys(PATH, 0) == PATH and len(between_keys(PATH[:2], 3)) == 5
