"""Which cameras a capture has: those that were asked for, or else those with a calibration and images."""

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import helpers
import numpy as np
import pytest
from layouts import RIG, WRITERS, centred, write_colmap, write_nerfstudio, write_toml

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError, CaptureWarning


def test_a_camera_without_footage_is_left_out_unless_it_is_asked_for(tmp_path):
    write_toml(tmp_path)
    path = tmp_path / "calibration/Calib_scene.toml"
    spare = path.read_text().partition("[cam_b]")[0].replace("cam_a", "cam_c").replace('name = "a"', 'name = "c"')
    path.write_text(spare + path.read_text())
    with helpers.warns("camera-without-footage", camera="c"):
        capture = read_capture(tmp_path)
    assert sorted(capture.sources) == sorted(RIG)
    with helpers.refuses(CaptureError, "no-images", camera="c"):
        read_capture(tmp_path, cameras=("a", "c"))


def test_no_file_of_another_camera_is_looked_for(tmp_path):
    helpers.write_sphere_capture(tmp_path, size=(40, 32), samples=1)
    shutil.rmtree(tmp_path / "images/01")
    with helpers.refuses(CaptureError, "no-images", camera="01"):
        read_capture(tmp_path)
    capture = read_capture(tmp_path, cameras=("00", "t00"))
    assert (capture.sources, capture.held_out, capture.pairs) == (("00",), ("t00",), ())


def test_roles_of_the_user(tmp_path):
    helpers.write_sphere_capture(tmp_path, size=(40, 32), samples=1)
    capture = read_capture(tmp_path, cameras=("00", "01"), held_out=("t00",))
    assert (capture.sources, capture.held_out) == (("00", "01"), ("t00",))
    capture = read_capture(tmp_path, cameras=("t00", "00"), held_out=("01",))
    assert (capture.sources, capture.held_out) == (("00", "t00"), ("01",))
    (tmp_path / "rig.json").write_text(json.dumps({"sources": ["00"]}))
    assert read_capture(tmp_path, cameras=("00", "01")).sources == ("00", "01")


@pytest.mark.parametrize("kind", WRITERS)
def test_an_unknown_camera(kind, tmp_path):
    write, name, lenses = WRITERS[kind]
    if name == "colmap":
        pytest.importorskip("pycolmap")
    write(tmp_path)
    known = next(iter(lenses))
    with helpers.refuses(CaptureError, "unknown-camera", camera="x") as error:
        read_capture(tmp_path, cameras=(known, "x"))
    assert known in error.value.what


def test_import_takes_the_cameras_that_are_named(tmp_path, capfd):
    helpers.write_sphere_capture(tmp_path / "c", size=(40, 32), samples=1)
    shutil.rmtree(tmp_path / "c/images/01")
    cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "o"), "--cameras", "00", "--targets", "t00"])
    assert "2 cameras x 2 frames" in capfd.readouterr().out


def transforms(root: Path, change: Callable[[dict, int], dict], *, file: str = "transforms.json") -> Path:
    """A capture of nerfstudio's layout, two cameras x two frames, with each entry changed."""
    write_nerfstudio(root)
    content = json.loads((root / "transforms.json").read_text())
    content["frames"] = [change(entry, number) for number, entry in enumerate(content["frames"])]
    (root / "transforms.json").unlink()
    (root / file).write_text(json.dumps(content))
    return root


def moved(entry: dict, x: float) -> dict:
    pose = np.array(entry["transform_matrix"])
    pose[0, 3] += x
    return entry | {"transform_matrix": pose.tolist()}


def test_a_moving_camera_is_refused_unless_it_is_left_out(tmp_path):
    transforms(tmp_path, lambda entry, number: moved(entry, 0.1 * (number == 1)))
    with helpers.refuses(CalibrationError, "moving-camera", file="transforms.json", camera="a"):
        read_capture(tmp_path)
    assert read_capture(tmp_path, cameras=["b"]).frames == (0, 1)
    assert read_capture(tmp_path, frames=FrameRange.parse("1")).frames == (1,)


def test_poses_with_noise_are_averaged(tmp_path):
    with helpers.warns("averaged-poses", file="transforms.json"):
        capture = read_capture(transforms(tmp_path, lambda entry, number: moved(entry, 0.002 * (number % 2))))
    for name, lens in RIG.items():
        np.testing.assert_allclose(capture.cameras[name].centre, lens.centre + np.array([0.001, 0, 0]), atol=1e-9)


def test_a_lens_that_zooms(tmp_path):
    transforms(tmp_path, lambda entry, number: entry | {"fl_x": entry["fl_x"] * (1 + 0.2 * (number == 3))})
    with helpers.refuses(CalibrationError, "changing-lens", file="transforms.json", camera="b", frame=1):
        read_capture(tmp_path)
    assert read_capture(tmp_path, cameras=["a"]).sources == ("a",)


def test_images_that_are_not_listed_and_listed_ones_that_are_not_there(tmp_path):
    write_nerfstudio(tmp_path)
    (tmp_path / "images/c").mkdir()
    (tmp_path / "images/b/frame_00000.png").rename(tmp_path / "images/c/frame_00000.png")
    missing = {"file": "b/frame_00000.png", "camera": "b", "frame": 0}
    with helpers.warns("unlisted-images", file=tmp_path), helpers.refuses(CaptureError, "missing-image", **missing):
        read_capture(tmp_path)
    (tmp_path / "images/b/frame_00001.png").unlink()
    with helpers.warns("camera-without-footage", camera="b"), helpers.warns("unlisted-images", file=tmp_path):
        assert read_capture(tmp_path).sources == ("a",)
    shutil.rmtree(tmp_path / "images")
    with helpers.refuses(CaptureError, "missing-image", file="images/a/frame_00000.png"):
        read_capture(tmp_path)


@pytest.mark.parametrize("given", ["folder", "file"])
def test_files_of_a_split(given, tmp_path):
    """As Blender's scenes: a field of view only, no suffixes."""

    def blender(entry: dict, number: int) -> dict:
        kept = {key: entry[key] for key in ("transform_matrix", "mask_path")}
        width, focal = entry["w"], entry["fl_x"]
        path = entry["file_path"].replace("/", "\\").removesuffix(".png")
        return kept | {"file_path": f".\\{path}", "camera_angle_x": 2 * np.arctan(width / 2 / focal)}

    transforms(tmp_path, blender, file="transforms_train.json")
    root = tmp_path / ("transforms_train.json" if given == "file" else "")
    capture = read_capture(root)
    assert (capture.sources, capture.held_out, capture.frames) == (("a", "b"), (), (0, 1))
    assert abs(capture.cameras["a"].intrinsics[0, 0] - centred(RIG["a"])[0, 0]) < 1e-6
    content = json.loads((tmp_path / "transforms_train.json").read_text())
    split = {"train": content["frames"][:2], "test": content["frames"]}
    for name, entries in split.items():
        (tmp_path / f"transforms_{name}.json").write_text(json.dumps({"frames": entries}))
    with warnings.catch_warnings(action="ignore", category=CaptureWarning):
        capture = read_capture(root)
    assert capture.held_out == (() if given == "file" else ("b",)) and len(capture.sources) == 1


def test_a_file_that_lists_no_images(tmp_path):
    (tmp_path / "transforms.json").write_text('{"frames": []}')
    with helpers.refuses(CaptureError, "no-images", file="transforms.json"):
        read_capture(tmp_path)


def test_keys_of_nerfstudio(tmp_path):
    capture = read_capture(
        transforms(tmp_path, lambda entry, _: entry | {"w": float(entry["w"]), "h": f"{entry['h']}.0", "time": "x"})
    )
    assert (capture.cameras["a"].width, capture.cameras["a"].height) == RIG["a"].size
    for change, code in (
        ({"camera_model": "OPENCV_FISHEYE"}, "unsupported-lens"),
        ({"w": 0}, "invalid-calibration"),
        ({"w": 1e999}, "invalid-calibration"),
        ({"file_path": None}, "invalid-calibration"),
        ({"transform_matrix": [[1, 2], [3, 4]]}, "invalid-calibration"),
    ):
        with helpers.refuses(CalibrationError, code, file="transforms.json"):
            read_capture(transforms(tmp_path, lambda entry, number, change=change: entry | change if number else entry))


def test_colmap_images_by_hand(tmp_path):
    """Without the lines of points, with blanks in names, without points3D.txt, without a last end of line."""
    pytest.importorskip("pycolmap")
    write_colmap(tmp_path)
    expected = read_capture(tmp_path)
    path = tmp_path / "sparse/0/images.txt"
    lines = [line for line in path.read_text().splitlines() if line]
    (tmp_path / "images/b.png").rename(tmp_path / "images/b c.png")
    (tmp_path / "masks/b.png.png").rename(tmp_path / "masks/b c.png.png")
    path.write_text("\n".join(lines).replace("b.png", "b c.png"))
    (tmp_path / "sparse/0/points3D.txt").unlink()
    capture = read_capture(tmp_path)
    assert capture.sources == ("a", "b_c")
    for found, name in zip(capture.cameras.values(), RIG, strict=True):
        np.testing.assert_array_equal(found.world_to_camera, expected.cameras[name].world_to_camera)
        np.testing.assert_array_equal(found.intrinsics, expected.cameras[name].intrinsics)
    for broken in ("1 1 0 0 0 0 0\n", "1 0 0 0 0 0 0 0 1 a.png\n", "x 1 0 0 0 0 0 0 1 a.png\n"):
        path.write_text(broken)
        with helpers.refuses(CalibrationError, "unreadable-calibration", file="sparse/0"):
            read_capture(tmp_path)


@pytest.mark.parametrize("kind", ["txt", "bin"])
def test_colmap_rigs_and_frames_without_points(kind, tmp_path):
    """As COLMAP 3.12 writes them, which have files for rigs and frames."""
    pycolmap = pytest.importorskip("pycolmap")
    write_colmap(tmp_path)
    expected = read_capture(tmp_path)
    sparse = tmp_path / "sparse/0"
    model = pycolmap.Reconstruction(sparse)
    for path in sparse.iterdir():
        path.unlink()
    (model.write_text if kind == "txt" else model.write_binary)(sparse)
    assert (sparse / f"rigs.{kind}").is_file() and (sparse / f"frames.{kind}").is_file()
    (sparse / f"points3D.{kind}").unlink()
    found = read_capture(tmp_path)
    for name in RIG:
        np.testing.assert_allclose(found.cameras[name].world_to_camera, expected.cameras[name].world_to_camera)


def test_colmap_further_models_and_images_that_are_not_registered(tmp_path):
    pytest.importorskip("pycolmap")
    write_colmap(tmp_path)
    shutil.copytree(tmp_path / "sparse/0", tmp_path / "sparse/10")
    shutil.copy(tmp_path / "images/a.png", tmp_path / "images/c.png")
    with helpers.warns("further-models", file="sparse"), helpers.warns("unlisted-images", file=tmp_path):
        assert read_capture(tmp_path).sources == ("a", "b")
    (tmp_path / "sparse/0").rename(tmp_path / "sparse/2")
    with helpers.warns("further-models", file="sparse"), helpers.warns("unlisted-images", file=tmp_path):
        assert read_capture(tmp_path).calibration_files[0].parent.name == "2"


@pytest.mark.parametrize("given", ["sparse/2", "sparse/2/cameras.txt"])
def test_a_colmap_model_instead_of_its_folder(given, tmp_path, monkeypatch):
    pytest.importorskip("pycolmap")
    write_colmap(tmp_path / "c")
    expected = read_capture(tmp_path / "c")
    (tmp_path / "c/sparse/0").rename(tmp_path / "c/sparse/2")
    for root in (tmp_path / "c" / given, Path(given)):
        monkeypatch.chdir(tmp_path / "c")
        found = read_capture(root)
        assert (found.name, found.cameras.keys(), found.frames) == ("c", expected.cameras.keys(), expected.frames)
        np.testing.assert_array_equal(found.mask("a", 0), expected.mask("a", 0))


def test_a_frame_that_is_there_and_not_listed(tmp_path):
    write_nerfstudio(tmp_path)
    content = json.loads((tmp_path / "transforms.json").read_text())
    content["frames"].pop()
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    missing = {"file": "images/b/frame_00001.png", "camera": "b", "frame": 1}
    with helpers.warns("unlisted-images"), helpers.refuses(CaptureError, "missing-frame", **missing) as error:
        read_capture(tmp_path)
    assert "does not list it" in error.value.what


def test_colmap_without_pycolmap(tmp_path, monkeypatch):
    write_colmap(tmp_path)
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    with helpers.refuses(CaptureError, "missing-pycolmap", file=tmp_path) as error:
        read_capture(tmp_path)
    assert "posegaussian[colmap]" in str(error.value.hint)
