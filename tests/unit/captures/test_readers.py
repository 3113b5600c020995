"""The readers of other layouts: each reads a sample of tests/layouts.py."""

import json
import pickle
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
from layouts import (
    FLAT,
    RIG,
    WRITERS,
    centred,
    pictures,
    save,
    to_world,
    write_colmap,
    write_gps,
    write_qca,
    write_toml,
    write_video,
    write_zju,
)

from posegaussian.captures.reading import detect_format, load_format, read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError, ConfigError, collected_warnings
from posegaussian.registry import CAPTURE_FORMATS


@pytest.mark.parametrize("kind", WRITERS)
def test_cameras_pictures_masks_and_depths(kind, tmp_path):
    write, name, lenses = WRITERS[kind]
    if name == "colmap":
        pytest.importorskip("pycolmap")
    root = tmp_path / "walk"
    root.mkdir()
    write(root)
    assert detect_format(root) == (name, root)
    capture = read_capture(root)
    assert capture.format == name
    assert set(capture.cameras) == set(lenses)
    last = capture.frames[-1]
    for camera, lens in lenses.items():
        found, expected = capture.cameras[camera], helpers.source_camera(lens)
        assert (found.width, found.height) == lens.size
        np.testing.assert_allclose(found.intrinsics, expected.intrinsics, rtol=1e-6)
        np.testing.assert_allclose(found.world_to_camera, expected.world_to_camera, atol=1e-6)
        bent = np.zeros(14)
        bent[:5] = lens.distortion
        np.testing.assert_allclose(np.pad(found.distortion, (0, 14 - len(found.distortion))), bent, atol=1e-12)
        image, mask, depth = pictures(lens, last)
        assert abs(capture.image(camera, last) - image.astype(float)).mean() < (12 if name == "gps_gaussian" else 1e-9)
        if capture.masks:
            np.testing.assert_array_equal(capture.mask(camera, last), mask)
        if capture.depths:
            metres = capture.depth(camera, last)
            np.testing.assert_allclose(metres, depth / 1e4, atol=6e-4)
    for path in capture.files():
        assert path.is_file()


def test_frames_of_each_layout(tmp_path):
    for name in ("zju", "nerfstudio", "toml"):
        (tmp_path / name).mkdir()
        WRITERS[name][0](tmp_path / name)
    assert read_capture(tmp_path / "zju").frames == (0, 1, 2)
    assert read_capture(tmp_path / "nerfstudio").frames == (0, 1)
    film = read_capture(tmp_path / "toml", frames=FrameRange.parse("2:11:4"))
    assert film.frames == (2, 6, 10)
    assert film.fps == 25
    for frame in (10, 2, 6, 2):  # any order, across key frames
        np.testing.assert_array_equal(film.image("a", frame), pictures(RIG["a"], frame)[0])


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        *[("", [3, 4, 5, 6, 7]), ("4:6", [4, 5]), ("::2", [3, 5, 7]), ("4::2", [4, 6]), (":5", [3, 4]), ("6", [6])],
        *[("-3:", [5, 6, 7]), ("-3::2", [5, 7]), (":-3", [3, 4]), ("-3:-1", [5, 6]), ("4:-2", [4, 5])],
        *[("-2", [6]), ("-1", [7]), ("-9:", [3, 4, 5, 6, 7]), (":-9", []), ("-3:6", [5])],
    ],
)
def test_frame_ranges(text, chosen):
    assert FrameRange.parse(text).choose([7, 3, 4, 5, 6]) == chosen


@pytest.mark.parametrize("text", ["a", "1:2:3:4", "5:5", "1:9:0", "5:2", "-1:-3", ":0", "-", "--3:", "::-1"])
def test_no_frame_range(text):
    with helpers.refuses(ConfigError, "invalid-range"):
        FrameRange.parse(text)


def test_gps_samples_of_one_rig_are_frames(tmp_path):
    capture = read_capture(write_gps(tmp_path, frames=2))
    assert capture.frames == (0, 1)
    assert (capture.sources, capture.held_out, capture.pairs) == (("0", "1"), ("3",), (("0", "1"),))
    one = read_capture(tmp_path / "img/0004_001")
    assert (one.name, one.format, one.frames) == ("0004_001", "gps_gaussian", (0,))
    path = tmp_path / "parm/0004_001/1_extrinsic.npy"
    np.save(path, np.load(path) + np.array([[0, 0, 0, 0.1]]))
    with helpers.refuses(CaptureError, "several-rigs", file=tmp_path):
        read_capture(tmp_path)


def test_gps_large_targets(tmp_path):
    write_gps(tmp_path)
    lens = FLAT["3"]
    matrix = np.diag([2, 2, 1]) @ centred(lens) - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    large = helpers.Lens(matrix, lens.rotation, lens.translation, (96, 96), lens.distortion)
    save(tmp_path / "img/0004_000/3_hr.jpg", pictures(large, 0)[0])
    with helpers.warns("scaled-intrinsics", camera="3"):
        capture = read_capture(tmp_path)
    np.testing.assert_allclose(capture.cameras["3"].intrinsics, centred(large), rtol=1e-6)
    truth, found = pictures(large, 0)[1], capture.mask("3", 0)
    assert ((found > 127) == (truth > 127)).mean() > 0.97
    assert set(capture.depths) == {"0", "1"}


def test_zju_unpickles_arrays_only(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("never",))

    write_zju(tmp_path)
    np.save(tmp_path / "annots.npy", np.array({"cams": Evil()}, dtype=object), allow_pickle=True)
    with helpers.refuses(CalibrationError, "unreadable-calibration", file="annots.npy"):
        read_capture(tmp_path)
    assert pickle.loads(pickle.dumps(1)) == 1


def test_nerfstudio_shared_intrinsics_alpha_and_one_picture_a_camera(tmp_path):
    frames = []
    for name, lens in FLAT.items():
        image, mask, _ = pictures(lens, 0)
        save(tmp_path / f"images/shot{name}.png", image)
        cv2.imwrite(str(tmp_path / f"images/shot{name}.png"), np.dstack([image[..., ::-1], mask]))
        pose = (to_world(lens) @ np.diag([1, -1, -1, 1])).tolist()
        frames.append({"file_path": f"images/shot{name}", "transform_matrix": pose})
    k = centred(FLAT["0"])
    shared = {"fl_x": k[0, 0], "fl_y": k[1, 1], "cx": k[0, 2], "cy": k[1, 2], "w": 48, "h": 48, "frames": frames}
    (tmp_path / "transforms.json").write_text(json.dumps(shared))
    capture = read_capture(tmp_path)
    assert (capture.sources, capture.frames) == (("shot0", "shot1", "shot3"), (0,))
    image, mask, _ = pictures(FLAT["3"], 0)
    np.testing.assert_allclose(capture.cameras["shot3"].intrinsics, k)
    np.testing.assert_array_equal(capture.mask("shot3", 0), mask)
    np.testing.assert_array_equal(capture.image("shot3", 0), image * (mask[..., None] > 0))
    shared["camera_model"] = "OPENCV_FISHEYE"
    (tmp_path / "transforms.json").write_text(json.dumps(shared))
    with helpers.refuses(CalibrationError, "unsupported-lens", file="transforms.json", camera="shot0"):
        read_capture(tmp_path)


def test_colmap_binary_and_other_models(tmp_path):
    pycolmap = pytest.importorskip("pycolmap")
    write_colmap(tmp_path)
    text = read_capture(tmp_path)
    sparse = tmp_path / "sparse/0"
    pycolmap.Reconstruction(sparse).write_binary(sparse)
    for path in sparse.glob("*.txt"):
        path.unlink()
    binary = read_capture(tmp_path)
    for name in RIG:
        np.testing.assert_allclose(binary.cameras[name].intrinsics, text.cameras[name].intrinsics)
        np.testing.assert_allclose(binary.cameras[name].world_to_camera, text.cameras[name].world_to_camera)
    for path in sparse.glob("*.bin"):
        path.unlink()
    (sparse / "cameras.txt").write_text("1 OPENCV_FISHEYE 64 48 50 50 32 24 0 0 0 0\n")
    (sparse / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n")
    (sparse / "points3D.txt").write_text("")
    with helpers.refuses(CalibrationError, "unsupported-lens", file="sparse/0", camera="a.png"):
        read_capture(tmp_path)


def test_videos_are_matched_in_order_and_cut_to_one_length(tmp_path):
    write_toml(tmp_path)
    (tmp_path / "videos/a.mp4").rename(tmp_path / "videos/left.mp4")
    (tmp_path / "videos/b.mp4").unlink()
    write_video(tmp_path / "videos/right.mp4", RIG["b"], frames=9)
    with helpers.warns("videos-in-order", file="videos"), helpers.warns("unequal-videos", file=tmp_path):
        capture = read_capture(tmp_path)
    assert len(capture.frames) == 9
    with collected_warnings() as caught:
        assert read_capture(tmp_path, frames=FrameRange.parse("2:9:3")).frames == (2, 5, 8)
    assert [each.message.code for each in caught] == ["videos-in-order"]  # all videos have the chosen frames


def test_padding_of_a_codec(tmp_path):
    """Pose2Sim's own demo: calibrated at 1088 x 1920, filmed at 1080 x 1920."""
    write_qca(tmp_path)
    path = tmp_path / "calibration/Calib.qca.txt"
    path.write_text(path.read_text().replace('right="63"', 'right="71"'))
    with helpers.warns("padded-images", file="Calib.qca.txt", camera="a"):
        camera = read_capture(tmp_path).cameras["a"]
    np.testing.assert_allclose(camera.intrinsics, helpers.source_camera(RIG["a"]).intrinsics, rtol=1e-6)


def test_qca_with_a_serial_twice_and_a_number_that_is_none(tmp_path):
    path = write_qca(tmp_path) / "calibration/Calib.qca.txt"
    text = path.read_text()
    path.write_text(text.replace('serial="b"', 'serial="a"'))
    with helpers.refuses(CaptureError, "repeated-camera", file=path, camera="a"):
        read_capture(tmp_path)
    path.write_text(text.replace('left="0"', 'left="zero"', 1))
    with helpers.refuses(CalibrationError, "invalid-calibration", file=path, camera="a"):
        read_capture(tmp_path)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("colmap", "sparse/0"),
        ("colmap", "sparse"),
        ("colmap", "sparse/0/images.txt"),
        ("toml", "calibration"),
        ("gps", "parm/0004_000"),
    ],
)
def test_a_part_that_holds_the_calibration_instead_of_the_folder(kind, part, tmp_path, monkeypatch):
    if kind == "colmap":
        pytest.importorskip("pycolmap")
    WRITERS[kind][0](tmp_path)
    expected = read_capture(tmp_path)
    found = read_capture(tmp_path / part)
    assert (found.name, found.cameras.keys(), found.frames) == (expected.name, expected.cameras.keys(), expected.frames)
    monkeypatch.chdir(tmp_path / part if (tmp_path / part).is_dir() else tmp_path)
    assert read_capture("." if (tmp_path / part).is_dir() else part).cameras.keys() == expected.cameras.keys()


@pytest.mark.parametrize(("kind", "part"), [("colmap", "images"), ("toml", "videos"), ("toml", "videos/a.mp4")])
def test_a_part_without_the_calibration_names_the_folder(kind, part, tmp_path):
    WRITERS[kind][0](tmp_path)
    with helpers.refuses(CaptureError, "unknown-layout", file=part) as error:
        if kind == "colmap":
            pytest.importorskip("pycolmap")
        read_capture(tmp_path / part)
    assert str(error.value.hint).endswith(f", {tmp_path}")


def test_a_backslash_in_the_name_of_a_camera(tmp_path):
    file = WRITERS["nerfstudio"][0](tmp_path) / "transforms.json"
    content = json.loads(file.read_text())
    names = [Path(entry["file_path"]) for entry in content["frames"]]
    camera = names[0].parent.name
    for entry in content["frames"]:
        entry["file_path"] = entry["file_path"].replace(f"/{camera}/", f"/left\\{camera}/")
    (tmp_path / names[0].parent).rename(tmp_path / names[0].parent.with_name(f"left\\{camera}"))
    file.write_text(json.dumps(content))
    assert f"left\\{camera}" in read_capture(tmp_path).cameras


def test_unknown_folders_and_names(tmp_path):
    with helpers.refuses(CaptureError, "missing-folder", file=tmp_path / "gone"):
        read_capture(tmp_path / "gone")
    (tmp_path / "x").mkdir()
    with helpers.refuses(CaptureError, "unknown-layout", file=tmp_path / "x"):
        read_capture(tmp_path / "x")
    with helpers.refuses(ConfigError, "unknown-format") as error:
        read_capture(tmp_path / "x", format="avi")
    assert "'avi'" in error.value.what
    for name, entry in CAPTURE_FORMATS.items():
        with pytest.raises((CaptureError, CalibrationError)):
            load_format(entry).read(tmp_path / "x", None)
        assert not load_format(entry).recognizes(tmp_path / "x"), name


@pytest.mark.parametrize(
    ("name", "place"),
    [("cameras", 0), ("images", 0), ("images", 78), ("frames", 0), ("frames", 72), ("rigs", 0), ("rigs", 12)],
)
def test_counts_of_a_colmap_binary_that_promise_too_much_are_refused(tmp_path, name, place):
    pycolmap = pytest.importorskip("pycolmap")
    sparse = write_colmap(tmp_path) / "sparse/0"
    model = pycolmap.Reconstruction(sparse)
    for path in sparse.iterdir():
        path.unlink()
    model.write_binary(sparse)
    data = (sparse / f"{name}.bin").read_bytes()
    (sparse / f"{name}.bin").write_bytes(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])
    with helpers.refuses(CalibrationError, "unreadable-calibration", file="sparse/0"):
        read_capture(tmp_path)
