"""The reader of EasyMocap's layout."""

import re
import shutil

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.formats import easymocap
from posegaussian.errors import CaptureError


@pytest.mark.parametrize("header", ["%YAML:1.0", "%YAML 1.2"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_everything_is_read(tmp_path, header, suffix):
    rig = helpers.default_rig((40, 32)) | {"01": helpers.lens(11, size=(36, 40), distortion=(-0.1, 0.02, 0, 0, 0))}
    helpers.write_sphere_capture(tmp_path / "walk", cameras=rig, header=header, suffix=suffix, samples=1)
    capture = easymocap.read(tmp_path / "walk")
    assert capture.name == "walk"
    assert capture.frames == (0, 1)
    assert (capture.sources, capture.held_out, capture.pairs) == (("00", "01"), ("t00",), (("00", "01"),))
    for name, lens in rig.items():
        camera = capture.cameras[name]
        assert (camera.width, camera.height) == lens.size
        np.testing.assert_allclose(camera.intrinsics, helpers.source_camera(lens).intrinsics, atol=1e-12)
        np.testing.assert_allclose(camera.world_to_camera, helpers.source_camera(lens).world_to_camera, atol=1e-12)
        np.testing.assert_allclose(camera.distortion, lens.distortion)
        image, mask, depth = helpers.render(lens, 1, samples=1)
        assert abs(capture.image(name, 1) - image.astype(float)).mean() <= (0 if suffix == ".png" else 12)
        np.testing.assert_array_equal(capture.mask(name, 1), mask)
        np.testing.assert_allclose(capture.depth(name, 1), depth / 1e4, atol=1e-7)
    np.testing.assert_allclose(capture.joints(), np.stack([helpers.joints(0), helpers.joints(1)]))


def test_true_joints_lie_where_plain_opencv_projects_them(tmp_path):
    lens = helpers.lens(15, elevation=10, roll=20, distortion=(-0.2, 0.05, 0.001, -0.001, 0.01))
    helpers.write_calibration(tmp_path, {"a": lens})
    (tmp_path / "images/a").mkdir(parents=True)
    (tmp_path / "masks/a").mkdir(parents=True)
    for kind in ("images", "masks"):
        cv2.imwrite(str(tmp_path / kind / "a/000000.png"), np.full((128, 160), 255, np.uint8))
    camera = easymocap.read(tmp_path).cameras["a"]
    pixels = lens.project(helpers.JOINTS) + 0.5
    rays = camera.directions(pixels)
    expected = helpers.JOINTS - camera.centre
    expected /= (expected @ camera.rotation.T)[:, 2:]
    np.testing.assert_allclose(rays, expected, atol=2e-5)


def test_without_rig_and_truth(tmp_path):
    helpers.write_sphere_capture(tmp_path, frames=1, size=(40, 32), depths=False, samples=1)
    (tmp_path / "rig.json").unlink()
    capture = easymocap.read(tmp_path)
    assert capture.sources == ("00", "01", "t00")
    assert (capture.held_out, capture.pairs) == ((), ())
    assert capture.depth("00", 0) is None
    assert capture.joints() is None


def test_rodrigues_alone_and_four_coefficients(tmp_path):
    rig = helpers.write_sphere_capture(tmp_path, frames=1, size=(40, 32), samples=1)
    extri = tmp_path / "extri.yml"
    extri.write_text(extri.read_text().replace("Rot_", "Ignored_"))
    intri = tmp_path / "intri.yml"
    text = intri.read_text().replace("[0.0, 0.0, 0.0, 0.0, 0.0]", "[-0.1, 0.02, 0.001, 0.002]")
    intri.write_text(text.replace("cols: 5", "cols: 4"))
    camera = easymocap.read(tmp_path).cameras["00"]
    np.testing.assert_allclose(camera.rotation, rig["00"].rotation, atol=1e-12)
    assert camera.distortion.tolist() == [-0.1, 0.02, 0.001, 0.002, 0]


def test_masks_of_zero_and_one_are_stretched(tmp_path):
    helpers.write_sphere_capture(tmp_path, frames=1, size=(40, 32), samples=1)
    path = tmp_path / "masks/00/000000.png"
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(path), (mask > 0).astype(np.uint8))
    np.testing.assert_array_equal(easymocap.read(tmp_path).mask("00", 0), mask)


def test_names_choose_the_cameras(tmp_path):
    """A calibration may hold more cameras than were filmed with; `names` says which count."""
    helpers.write_sphere_capture(tmp_path, frames=1)
    (tmp_path / "rig.json").unlink()
    shutil.rmtree(tmp_path / "images" / "t00")
    with helpers.refuses(CaptureError, "no-images", camera="t00"):
        easymocap.read(tmp_path)
    for name in ("intri.yml", "extri.yml"):
        path = tmp_path / name
        path.write_text(re.sub(r'(?m)^\s*- *"?t00"?\n', "", path.read_text()))
    assert easymocap.read(tmp_path).sources == ("00", "01")
