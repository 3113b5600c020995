"""The stage `rectify`, against pictures and depths that are traced anew for the rectified cameras."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from posegaussian.config import RectifySettings
from posegaussian.data.rectified import read_person
from posegaussian.geometry.compositing import BAND
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.io import store
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.types import Camera

BENT = (-0.25, 0.08, 0.002, -0.001, 0.0)
BARREL = (-0.4, 0.15, 0.001, -0.001, -0.02)
TARGET = helpers.lens(2, elevation=4, size=(150, 120))
RIGS = {
    "level": helpers.default_rig(),
    "bent": {
        "00": helpers.lens(-11, distortion=BENT),
        "01": helpers.lens(11, distortion=(0.2, -0.1, 0.0, 0.001)),
        "t00": helpers.lens(0, distortion=BENT),
    },
    "barrel": {
        "00": helpers.lens(-11, distortion=BARREL),
        "01": helpers.lens(11, distortion=BARREL),
        "t00": helpers.lens(0, distortion=BARREL),
    },
    "wide": {"00": helpers.lens(-32.5), "01": helpers.lens(32.5), "t00": TARGET},
    "aside": {"00": helpers.lens(-11, offset=(38, 0)), "01": helpers.lens(11, offset=(-36, 4)), "t00": TARGET},
    "swapped": {"00": helpers.lens(11), "01": helpers.lens(-11), "t00": TARGET},
    "upright": {"00": helpers.lens(0, elevation=-5), "01": helpers.lens(0, elevation=17), "t00": TARGET},
    "unlike": {
        "00": helpers.lens(-12, size=(240, 210), offset=(14, -9), zoom=0.9, roll=8, distortion=BENT),
        "01": helpers.lens(10, elevation=6, size=(150, 170), radius=2.6, zoom=1.1),
        "t00": TARGET,
    },
}


def lens_of(intrinsics: np.ndarray, world_to_camera: np.ndarray, size: tuple[int, int]) -> helpers.Lens:
    """A camera of the file, told in integer pixel centres."""
    matrix = intrinsics - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    return helpers.Lens(matrix, world_to_camera[:3, :3], world_to_camera[:3, 3], size, np.zeros(5))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return -10 * np.log10(max(((a.astype(float) - b) ** 2).mean(), 1e-6) / 255**2)


@pytest.fixture(scope="module")
def captures(tmp_path_factory) -> Path:
    """A capture of each rig."""
    folder = tmp_path_factory.mktemp("captures")
    for name, rig in RIGS.items():
        helpers.write_sphere_capture(folder / name, cameras=rig, background=0)
    return folder


@pytest.fixture
def rectified(captures, tmp_path) -> Callable[..., store.Reader]:
    """Rectifies the capture of a rig."""

    def rectify(rig: str, size=(144, 128), **settings) -> store.Reader:
        rectify_capture(captures / rig, tmp_path / "c.h5", RectifySettings(size=size, **settings))
        return store.open_checked(tmp_path / "c.h5", store.RECTIFIED)

    return rectify


@pytest.mark.parametrize("rig", RIGS)
def test_sources_are_what_the_rectified_cameras_see(rectified, rig):
    with rectified(rig) as file:
        size = (144, 128)
        intrinsics, poses = file["sources/intrinsics"][0], file["sources/world_to_camera"][0]
        cameras = Camera(torch.from_numpy(intrinsics), torch.from_numpy(poses), *size)
        for frame in range(2):
            disparity = torch.from_numpy(file["sources/disparity"][0, frame]).double()
            depths = disparity_to_depth(disparity[None], cameras[None])[0].numpy()
            for view in range(2):
                lens = lens_of(intrinsics[view], poses[view], size)
                image, mask, _ = helpers.render(lens, frame, background=0)
                assert psnr(file["sources/images"][0, frame, view], image) > 24
                assert psnr(file["sources/masks"][0, frame, view], mask) > 24
                valid = file["sources/valid"][0, frame, view] > 0
                truth = helpers.trace(lens, frame)[1]
                assert (truth[valid] > 0).mean() > 0.995
                valid &= truth > 0
                scale = intrinsics[0, 0, 0] * (poses[0, 0, 3] - poses[1, 0, 3])
                error = abs(scale / depths[view][valid] - scale / truth[valid])
                worth = 3 if rig == "wide" else 1  # a depth's step is worth more pixels along a longer baseline
                assert np.median(error) < 0.03 * worth
                assert np.quantile(error, 0.95) < 0.15 * worth
                assert valid.sum() > 0.6 * (mask > 127).sum()
                assert not valid[file["sources/masks"][0, frame, view] < 128].any()


@pytest.mark.parametrize("rig", RIGS)
@pytest.mark.parametrize("size", [None, (130, 100)])
def test_targets_are_what_their_cameras_see(rectified, rig, size):
    with rectified(rig, target_size=size) as file:
        lens = RIGS[rig]["t00"]
        width, height = size or lens.size
        scale = np.diag([width / lens.size[0], height / lens.size[1], 1])
        expected = scale @ helpers.source_camera(lens).intrinsics
        np.testing.assert_allclose(file["targets/intrinsics"][0], expected, atol=1e-12)
        np.testing.assert_allclose(file["targets/world_to_camera"][0, :3, :3], lens.rotation, atol=1e-12)
        view = lens_of(expected, file["targets/world_to_camera"][0], (width, height))
        for frame in range(2):
            image, mask, _ = helpers.render(view, frame, background=0)
            assert psnr(file["targets/images"][0, frame], image) > 24
            assert psnr(file["targets/masks"][0, frame], mask) > 24
            depth, truth = file["targets/depth"][0, frame], helpers.trace(view, frame)[1]
            both = (depth > 0) & (truth > 0)
            assert both.sum() > 0.9 * (truth > 0).sum()
            assert np.median(abs(depth - truth)[both]) < 1e-3
            assert not depth[file["targets/masks"][0, frame] < 128].any()


def test_undistorted_unscaled_targets_are_the_picture_itself(rectified, captures):
    with rectified("level") as file:
        image = np.asarray(cv2.imread(str(captures / "level/images/t00/000001.png")))[..., ::-1]
        mask = np.asarray(cv2.imread(str(captures / "level/masks/t00/000001.png"), cv2.IMREAD_UNCHANGED))
        depth = np.asarray(cv2.imread(str(captures / "level/depths/t00/000001.png"), cv2.IMREAD_UNCHANGED))
        np.testing.assert_array_equal(file["targets/masks"][0, 1], mask)
        # The picture was taken before black: nothing is to be removed from it, soft edges included.
        difference = abs(file["targets/images"][0, 1].astype(int) - image)
        assert not difference[(mask == 255) | (mask == 0)].any()
        soft = (mask > 0) & (mask < 255)
        assert np.sqrt((difference[soft] ** 2).mean()) < 4
        assert np.sqrt(((image * (1 - mask[..., None] / 255))[soft] ** 2).mean()) > 20  # what `image * mask` loses
        person = mask > 127
        np.testing.assert_allclose(file["targets/depth"][0, 1][person], depth[person] / 1e4, atol=1e-6)


def test_left_is_left(rectified):
    with rectified("swapped") as file:
        assert store.strings(file["sources/pairs"])[0].tolist() == ["01", "00"]
        assert file["sources/world_to_camera"][0, 0, 0, 3] > file["sources/world_to_camera"][0, 1, 0, 3]
        centre = np.linalg.inv(file["sources/world_to_camera"][0, 0])[:3, 3]
        np.testing.assert_allclose(centre, RIGS["swapped"]["01"].centre, atol=1e-12)


def test_the_originals_are_kept(rectified):
    with rectified("unlike") as file:
        for view, name in enumerate(("00", "01")):
            camera = helpers.source_camera(RIGS["unlike"][name])
            original = file["sources/original"]
            np.testing.assert_allclose(original["intrinsics"][0, view], camera.intrinsics, atol=1e-12)
            np.testing.assert_allclose(original["world_to_camera"][0, view], camera.world_to_camera, atol=1e-12)
            np.testing.assert_allclose(original["distortion"][0, view], camera.distortion)
            assert original["size"][0, view].tolist() == [camera.width, camera.height]


@pytest.mark.parametrize("rig", ["level", "unlike", "upright", "barrel", "wide", "aside"])
def test_the_person_of_all_frames_fits(rectified, rig):
    with rectified(rig, size=(96, 128), margin=0.1) as file:
        person = file["sources/masks"][0].max(axis=0) > 127
        for view in range(2):
            rows, columns = np.flatnonzero(person[view].any(1)), np.flatnonzero(person[view].any(0))
            assert rows[0] >= 0.1 * 128 - 1
            assert rows[-1] <= 0.9 * 128
            assert columns[0] >= 0.1 * 96 - 1
            assert columns[-1] <= 0.9 * 96
        rows = np.flatnonzero(person.any((0, 2)))
        columns = max(np.ptp(np.flatnonzero(person[view].any(0))) for view in range(2))
        assert np.ptp(rows) > 0.8 * 128 - 4 or columns > 0.8 * 96 - 4


@pytest.mark.parametrize("background", [0, 110, 255])
def test_soft_edges_keep_the_colour_of_the_person(tmp_path, background):
    lenses = helpers.default_rig((320, 256))
    helpers.write_sphere_capture(tmp_path / "c", frames=1, cameras=lenses, background=background, depths=False)
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(32, 32), color="off"))
    truth, mask, _ = helpers.render(lenses["t00"], 0, background=0)
    with store.open_checked(tmp_path / "c.h5", store.RECTIFIED) as file:
        error = read_person(file, "targets", 0, 0).astype(float) - truth
    soft = (mask > 0) & (mask < 255)
    assert np.sqrt((error[soft] ** 2).mean()) < 3
    assert abs(error[mask == 255]).max() <= 0.5


@pytest.mark.parametrize("background", [0, 255])
def test_nothing_shines_beside_the_person(tmp_path, background):
    helpers.write_sphere_capture(tmp_path / "c", frames=1, background=background)
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(144, 128)))
    with store.open_checked(tmp_path / "c.h5", store.RECTIFIED) as file:
        for kind in ("sources", "targets"):
            images, masks = read_person(file, kind, 0, 0), file[f"{kind}/masks"][0, 0]
            assert (images <= masks[..., None]).all()
            assert (images[masks == 0] == 0).all()


@pytest.mark.parametrize("background", [70, 255])
def test_images_are_as_filmed_in_a_band_and_black_beyond(tmp_path, background):
    helpers.write_sphere_capture(tmp_path / "c", frames=1, background=background, depths=False)
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(144, 128), color="off"))
    with store.open_checked(tmp_path / "c.h5", store.RECTIFIED) as file:
        image, mask = file["targets/images"][0, 0], file["targets/masks"][0, 0]
        filmed = np.asarray(cv2.imread(str(tmp_path / "c/images/t00/000000.png")))[..., ::-1]
        distance = distance_transform_edt(mask == 0)
        rows = np.flatnonzero((mask > 127).any(1))
        width = max(BAND * (rows[-1] + 1 - rows[0]), 6)
        near, soft = distance <= width - 0.01, (mask > 0) & (mask < 255)
        np.testing.assert_array_equal(image[near & ~soft], filmed[near & ~soft])
        assert abs(image[soft].astype(int) - filmed[soft]).max() <= 4
        assert not image[distance > width + 0.01].any()
        assert (filmed[distance > width] > 0).any()


def test_same_bytes_twice_and_nothing_else_beside(tmp_path):
    helpers.write_sphere_capture(tmp_path / "c", size=(64, 48), samples=1)
    for name in ("a.h5", "b.h5"):
        rectify_capture(tmp_path / "c", tmp_path / "out" / name, RectifySettings(size=(48, 48)))
    assert (tmp_path / "out/a.h5").read_bytes() == (tmp_path / "out/b.h5").read_bytes()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.h5", "b.h5"]


def test_inputs_are_known_by_their_digests(tmp_path):
    helpers.write_sphere_capture(tmp_path / "c", size=(64, 48), samples=1)

    def inputs() -> dict[str, str]:
        rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(48, 48)))
        with store.Reader(tmp_path / "c.h5", "r") as file:
            return json.loads(str(file.attrs["inputs"]))

    before = inputs()
    assert set(before) == {"intri.yml", "extri.yml", "rig.json", "joints.json", "pictures"}
    assert before["intri.yml"] == store.digest(tmp_path / "c/intri.yml")
    mask = np.asarray(cv2.imread(str(tmp_path / "c/masks/t00/000001.png"), cv2.IMREAD_UNCHANGED))
    cv2.imwrite(str(tmp_path / "c/masks/t00/000001.png"), 255 - (255 - mask) // 2)
    assert {key for key, value in inputs().items() if value != before[key]} == {"pictures"}


def test_without_truth_rig_and_targets(tmp_path):
    cameras = {f"{i:02d}": helpers.lens(azimuth, size=(64, 48)) for i, azimuth in enumerate((-20, 20, 0))}
    helpers.write_sphere_capture(tmp_path / "c", cameras=cameras, depths=False, samples=1)
    (tmp_path / "c/rig.json").unlink()
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(48, 48)))
    with store.open_checked(tmp_path / "c.h5", store.RECTIFIED) as file:
        assert store.strings(file["sources/pairs"]).tolist() == [["00", "02"], ["02", "01"]]
        assert "disparity" not in file["sources"]
        assert "valid" not in file["sources"]
        assert "depth" not in file["targets"]
        assert "joints" not in file
        assert len(file["targets/cameras"]) == 0


def test_targets_belong_to_the_pair_they_lie_between_and_are_no_sources(tmp_path):
    degrees = {"00": -22, "01": 0, "02": 22, "t00": -11, "t01": 9, "t02": 14}
    cameras = {name: helpers.lens(azimuth, size=(64, 48)) for name, azimuth in degrees.items()}
    helpers.write_sphere_capture(tmp_path / "c", cameras=cameras, samples=1)
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(48, 48)))
    with store.Reader(tmp_path / "c.h5", "r") as file:
        assert store.strings(file["sources/pairs"]).tolist() == [["00", "01"], ["01", "02"]]
        assert store.strings(file["targets/cameras"]).tolist() == ["t00", "t01", "t02"]
        assert file["targets/pair"][()].tolist() == [0, 1, 1]
        np.testing.assert_allclose(file["joints"][1], helpers.joints(1))
    rectify_capture(
        tmp_path / "c", tmp_path / "c.h5", RectifySettings(size=(48, 48)), pairs=[("t01", "00")], frames=[1]
    )
    with store.Reader(tmp_path / "c.h5", "r") as file:
        assert store.strings(file["sources/pairs"]).tolist() == [["00", "t01"]]
        assert store.strings(file["targets/cameras"]).tolist() == ["t00", "t02"]
        assert file["frames"][()].tolist() == [1]
        np.testing.assert_allclose(file["joints"][0], helpers.joints(1))
