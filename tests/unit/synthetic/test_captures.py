"""The files of a built-in capture, read with plain OpenCV: integer pixel centres, and true to the pixel."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
from ray_casting import posed_vertices

from posegaussian.captures.formats import easymocap
from posegaussian.config import BuiltinSettings
from posegaussian.errors import CaptureWarning, StoreError
from posegaussian.geometry.rig import nearest_point, view_angles
from posegaussian.pipeline.captures import write_capture
from posegaussian.synthetic.dataset.capture_scene import CaptureScene
from posegaussian.synthetic.people.person import make_person

SETTINGS = BuiltinSettings(frames=2, size=(256, 240), sources=2)
CAMERAS = ("00", "01", "t00")


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("captures") / "person"
    write_capture(2, root, SETTINGS)
    return root


def calibration(root: Path, camera: str):
    """K, R (Rodrigues), T and distortion as OpenCV reads them."""
    inner = cv2.FileStorage(str(root / "intri.yml"), cv2.FILE_STORAGE_READ)
    outer = cv2.FileStorage(str(root / "extri.yml"), cv2.FILE_STORAGE_READ)
    return (
        inner.getNode(f"K_{camera}").mat(),
        outer.getNode(f"R_{camera}").mat(),
        outer.getNode(f"T_{camera}").mat(),
        inner.getNode(f"dist_{camera}").mat(),
    )


def project(root: Path, camera: str, points: np.ndarray) -> np.ndarray:
    """Pixels with integer centres, by OpenCV alone."""
    matrix, rotation, translation, distortion = calibration(root, camera)
    return cv2.projectPoints(points, rotation, translation, matrix, distortion)[0][:, 0]


def read_depth(root: Path, camera: str, frame: int) -> np.ndarray:
    return cv2.imread(str(root / f"depths/{camera}/{frame:06d}.png"), cv2.IMREAD_UNCHANGED) * 1e-4


def test_layout(capture):
    rig = json.loads((capture / "rig.json").read_text())
    assert rig == {"sources": ["00", "01"], "targets": ["t00"], "pairs": [["00", "01"]]}
    joints = json.loads((capture / "joints.json").read_text())
    assert joints["convention"] == "COCO-17, metres, world" and list(joints["frames"]) == ["000000", "000001"]
    assert np.shape(list(joints["frames"].values())) == (2, 17, 3)
    inner = cv2.FileStorage(str(capture / "intri.yml"), cv2.FILE_STORAGE_READ)
    names = inner.getNode("names")
    assert tuple(names.at(i).string() for i in range(names.size())) == CAMERAS
    for camera in CAMERAS:
        for frame in range(2):
            assert cv2.imread(str(capture / f"images/{camera}/{frame:06d}.jpg")).shape == (240, 256, 3)
            mask = cv2.imread(str(capture / f"masks/{camera}/{frame:06d}.png"), cv2.IMREAD_UNCHANGED)
            depth = cv2.imread(str(capture / f"depths/{camera}/{frame:06d}.png"), cv2.IMREAD_UNCHANGED)
            assert mask.dtype == np.uint8 and mask.shape == (240, 256)
            assert depth.dtype == np.uint16 and depth.shape == (240, 256)
            assert (depth[mask == 255] > 0).mean() > 0.999 and (depth[mask == 0] == 0).mean() > 0.999
            assert not mask[:5].any() and not mask[-5:].any() and not mask[:, :5].any() and not mask[:, -5:].any()


def test_both_spellings_of_the_rotation_agree_and_the_rig_is_exact(capture):
    outer = cv2.FileStorage(str(capture / "extri.yml"), cv2.FILE_STORAGE_READ)
    centres, axes = [], []
    for camera in CAMERAS:
        _, rotation, translation, _ = calibration(capture, camera)
        matrix = cv2.Rodrigues(rotation)[0]
        np.testing.assert_allclose(matrix, outer.getNode(f"Rot_{camera}").mat(), atol=1e-12)
        centres.append((-matrix.T @ translation).ravel())
        axes.append(matrix[2])
    person = nearest_point(np.array(centres), np.array(axes))
    np.testing.assert_allclose(np.linalg.norm(centres - person, axis=1), SETTINGS.rig.radius[0])
    between = view_angles(person, np.array(centres))
    assert between[0, 1] == pytest.approx(SETTINGS.rig.baseline[0])
    assert between[[0, 1], 2] == pytest.approx(SETTINGS.rig.baseline[0] / 2)


def test_true_joints_project_onto_the_person(capture):
    joints = json.loads((capture / "joints.json").read_text())["frames"]
    for camera in CAMERAS:
        for frame in range(2):
            mask = cv2.imread(str(capture / f"masks/{camera}/{frame:06d}.png"), cv2.IMREAD_UNCHANGED)
            for x, y in project(capture, camera, np.array(joints[f"{frame:06d}"])).round().astype(int):
                assert mask[y - 2 : y + 3, x - 2 : x + 3].max() > 127


@pytest.mark.parametrize("camera", CAMERAS)
def test_depth_pixels_are_where_opencv_projects_the_surface(capture, camera):
    """The shift of the image that explains the errors of depth best is under 0.05 px (least squares)."""
    person = make_person(2)
    _, rotation, translation, _ = calibration(capture, camera)
    depth = read_depth(capture, camera, 1)
    middles = posed_vertices(person, 1 / 30)[person.surface.faces].mean(1)
    own = (middles @ cv2.Rodrigues(rotation)[0].T + translation.T)[:, 2]
    pixels = project(capture, camera, middles)

    def residual(shift):
        column, row = np.floor(pixels + shift).astype(int).T
        a, b = (pixels + shift - [*zip(column, row, strict=True)]).T
        corners = np.array(
            [depth[row, column], depth[row, column + 1], depth[row + 1, column], depth[row + 1, column + 1]]
        )
        seen = (np.array([(1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b]) * corners).sum(0)
        return np.where((corners > 0).all(0), seen - own, np.nan)

    error = residual(np.zeros(2))
    slopes = np.stack([residual(0.25 * axis) - residual(-0.25 * axis) for axis in np.eye(2)], axis=1) / 0.5
    surface = (abs(error) < 0.004) & (abs(slopes) < 0.02).all(1)
    assert surface.sum() > 1000
    shift = np.linalg.lstsq(slopes[surface], error[surface], rcond=None)[0]
    assert abs(shift).max() < 0.05


def test_silhouette_is_where_opencv_projects_the_outermost_points(capture):
    vertices = posed_vertices(make_person(2), 0.0)
    for camera in CAMERAS:
        mask = cv2.imread(str(capture / f"masks/{camera}/000000.png"), cv2.IMREAD_UNCHANGED) / 255
        pixels = project(capture, camera, vertices)
        rows, columns = np.nonzero(mask.max(1))[0], np.nonzero(mask.max(0))[0]
        # A pixel with integer centre c covers c - 0.5 .. c + 0.5.
        assert columns[0] - 0.5 <= pixels[:, 0].min() + 0.5 and pixels[:, 0].min() < columns[0] + 0.5
        assert columns[-1] + 0.5 >= pixels[:, 0].max() - 0.5 and pixels[:, 0].max() > columns[-1] - 0.5
        assert rows[0] - 0.5 <= pixels[:, 1].min() + 0.5 and pixels[:, 1].min() < rows[0] + 0.5
        assert rows[-1] + 0.5 >= pixels[:, 1].max() - 0.5 and pixels[:, 1].max() > rows[-1] - 0.5


def test_the_library_reads_what_it_writes(capture):
    read = easymocap.read(capture)
    joints = np.array(list(json.loads((capture / "joints.json").read_text())["frames"].values()))
    np.testing.assert_allclose(read.joints(), joints)
    matrix = calibration(capture, "t00")[0]
    np.testing.assert_allclose(read.cameras["t00"].intrinsics[:2, 2], matrix[:2, 2] + 0.5)
    np.testing.assert_allclose(read.depth("00", 1), read_depth(capture, "00", 1), atol=1e-6)


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path):
    small = BuiltinSettings(frames=1, size=(96, 96), sources=2)
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        write_capture(seed, tmp_path / name, small)
    a, b, c = (files(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys() and all(a[name] != c[name] for name in a if name.startswith("images"))


def test_a_capture_replaces_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/rig.json").write_text("{}")
    with helpers.refuses(StoreError, "output-exists", file=tmp_path / "mine"):
        write_capture(1, tmp_path / "mine", BuiltinSettings(frames=1, size=(64, 64), sources=2))
    assert files(tmp_path / "mine") == {"rig.json": b"{}"}


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no film")

    monkeypatch.setattr(CaptureScene, "render", fail)
    with pytest.raises(RuntimeError, match="no film"):
        write_capture(1, tmp_path / "person", BuiltinSettings(frames=1, size=(64, 64), sources=2))
    assert not list(tmp_path.iterdir())


def test_a_person_farther_than_depth_files_reach_has_unknown_depths(tmp_path):
    settings = replace(SETTINGS, frames=1, size=(64, 64), rig=replace(SETTINGS.rig, radius=8.0, focal=4.0))
    with pytest.warns(CaptureWarning, match=r"camera 00: depths beyond 6\.55 m become unknown"):
        write_capture(2, tmp_path / "far", settings)
    mask = cv2.imread(str(tmp_path / "far/masks/00/000000.png"), cv2.IMREAD_UNCHANGED)
    assert (mask > 0).sum() > 100 and not read_depth(tmp_path / "far", "00", 0).any()
