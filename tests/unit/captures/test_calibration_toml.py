"""Calibrations in TOML: Pose2Sim's flavour is in layouts.py, the others here, after files that the programs wrote."""

from collections.abc import Callable
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
from layouts import RIG, write_toml

from posegaussian.captures.reading import read_capture
from posegaussian.errors import CalibrationError, CaptureError


def _rows(matrix: np.ndarray) -> str:
    """As the `toml` package writes nested lists."""
    return "[ " + " ".join(f"[ {', '.join(map(repr, map(float, row)))},]," for row in matrix) + "]"


def freemocap(name: str, lens: helpers.Lens, number: int) -> str:
    vector = cv2.Rodrigues(lens.rotation)[0].ravel().tolist()
    return f"""[cam_{number}]
name = "Camera_{name}_synchronized"
size = [ {lens.size[0]}, {lens.size[1]},]
matrix = {_rows(lens.matrix)}
distortions = {lens.distortion.tolist()}
rotation = {vector}
translation = {lens.translation.tolist()}
world_orientation = {_rows(lens.rotation.T)}
world_position = {lens.centre.tolist()}

"""


def caliscope(name: str, lens: helpers.Lens, number: int) -> str:
    return f"""[cameras.{number}]
cam_id = {number}
rotation_count = -1
error = 0.469
exposure = -6
grid_count = 34
ignore = false
size = [{lens.size[0]}, {lens.size[1]}]
matrix = {lens.matrix.tolist()}
distortions = {lens.distortion.tolist()}
translation = {lens.translation.tolist()}
rotation = {lens.rotation.tolist()}
verified_resolutions = [[640, 480], [1280, 720]]

"""


def pyxy3d(name: str, lens: helpers.Lens, number: int) -> str:
    """caliscope's older config.toml."""
    return caliscope(name, lens, number).replace("[cameras.", "[cam_").replace("cam_id", "port")


FREEMOCAP_END = '[metadata]\ncharuco_square_size = 58.0\npath_to_recorded_videos = "C:\\\\Users\\\\x"\n'
CALISCOPE_END = "[charuco]\ncolumns = 4\nrows = 5\n\n[capture_volume]\nstage = 2\n"
FLAVOURS: dict[str, tuple[Callable[[str, helpers.Lens, int], str], str, str, str, str]] = {
    "FreeMoCap": (
        freemocap,
        FREEMOCAP_END,
        "walk_camera_calibration.toml",
        "synchronized_videos",
        "Camera_{}_sync.mp4",
    ),
    "caliscope": (caliscope, "", "camera_array.toml", ".", "cam_{}.mp4"),
    "pyxy3d": (pyxy3d, CALISCOPE_END, "config.toml", ".", "port_{}.mp4"),
}
"""Writer of a camera, end of the file, its name, folder of the videos, names of the videos by place."""


def write(root: Path, flavour: str) -> Path:
    """The capture; returns the calibration file."""
    section, end, name, folder, video = FLAVOURS[flavour]
    root.mkdir()
    write_toml(root)
    (root / "calibration/Calib_scene.toml").unlink()
    (root / folder).mkdir(exist_ok=True)
    for number, camera in enumerate(RIG):
        place = camera if flavour == "FreeMoCap" else number
        (root / f"videos/{camera}.mp4").rename(root / folder / video.format(place))
    (root / "videos").rmdir()
    path = root / name
    path.write_text("".join(section(camera, lens, n) for n, (camera, lens) in enumerate(RIG.items())) + end)
    return path


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_flavours(flavour, tmp_path, recwarn):
    path = write(tmp_path / "walk", flavour)
    capture = read_capture(path if flavour == "pyxy3d" else tmp_path / "walk")
    assert (capture.name, capture.format, capture.calibration_files) == ("walk", "pose2sim", (path,))
    names = [f"Camera_{name}_synchronized" for name in RIG] if flavour == "FreeMoCap" else capture.sources
    assert (len(capture.sources), list(capture.sources)) == (2, list(names))
    for camera, lens in zip(names, RIG.values(), strict=True):
        found, expected = capture.cameras[camera], helpers.source_camera(lens)
        np.testing.assert_allclose(found.intrinsics, expected.intrinsics, rtol=1e-12)
        np.testing.assert_allclose(found.world_to_camera, expected.world_to_camera, atol=1e-12)
        np.testing.assert_allclose(found.distortion[:5], lens.distortion)
    in_order = ["videos-in-order"] if flavour == "pyxy3d" else []  # cam_0 and port_0 have no word in common
    assert [each.message.code for each in recwarn.list] == in_order


def test_caliscope_keeps_recordings_beside_its_calibration(tmp_path):
    path = write(tmp_path / "project", "caliscope")
    folder = tmp_path / "project/recordings/walk"
    folder.mkdir(parents=True)
    for video in (tmp_path / "project").glob("*.mp4"):
        video.rename(folder / video.name)
    capture = read_capture(folder)
    assert (capture.name, capture.calibration_files) == ("walk", (path,))


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def test_cameras_that_do_not_count(tmp_path):
    path = write(tmp_path / "walk", "caliscope")
    text = path.read_text()
    third = text[text.index("[cameras.1]") :].replace("[cameras.1]", "[cameras.2]").replace("cam_id = 1", "cam_id = 2")
    path.write_text(text + third.replace("ignore = false", "ignore = true"))
    assert len(read_capture(path).sources) == 2
    path.write_text(text + third[: third.index("translation")])
    with helpers.warns("camera-without-pose", file=path, camera="2"):
        assert len(read_capture(path).sources) == 2
    path.write_text(text + third.replace("cam_id", 'name = "1"\ncam_id'))
    with helpers.refuses(CaptureError, "repeated-camera", file=path, camera="1"):
        read_capture(path)


def test_a_fisheye_lens_is_refused_where_its_camera_is_wanted(tmp_path):
    path = edited(write(tmp_path / "walk", "caliscope"), "cam_id = 1", "cam_id = 1\nfisheye = true")
    with helpers.refuses(CalibrationError, "unsupported-lens", file=path, camera="1") as error:
        read_capture(path)
    assert "fisheye" in error.value.what
    assert read_capture(path, cameras=["0"]).sources == ("0",)


def test_width_and_height_exchanged(tmp_path):
    path = edited(write(tmp_path / "walk", "caliscope"), "size = [64, 48]", "size = [48, 64]")
    with helpers.warns("exchanged-size", file=path, camera="0"):
        camera = read_capture(path).cameras["0"]
    assert (camera.width, camera.height) == (64, 48)
    np.testing.assert_allclose(camera.intrinsics, helpers.source_camera(RIG["a"]).intrinsics)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rotation = [[", "rotation = [1.0, 0.0, 0.0, 0.0] # [["),
        ("rotation = [[", 'rotation = "none" # [['),
        ("translation = [", "other = ["),
        ("matrix = [[", "matrix = [1.0] # [["),
        ("size = [64, 48]", "size = 64"),
        ("size = [64, 48]", 'size = ["w", "h"]'),
        ("size = [64, 48]", "size = [inf, 48]"),
        ("size = [64, 48]", "size = [0, 48]"),
    ],
)
def test_broken_values(old, new, tmp_path):
    path = edited(write(tmp_path / "walk", "caliscope"), old, new)
    with helpers.refuses(CalibrationError, "invalid-calibration", file=path, camera="0"):
        read_capture(path)


def test_several_calibrations_and_the_one_that_is_given(tmp_path):
    path = write(tmp_path / "walk", "FreeMoCap")
    other = path.with_name("sit_camera_calibration.toml")
    other.write_text(path.read_text())
    with helpers.refuses(CaptureError, "several-calibrations", file=tmp_path / "walk"):
        read_capture(tmp_path / "walk")
    assert read_capture(other).calibration_files == (other,)
