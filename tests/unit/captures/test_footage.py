"""Footage of calibrated cameras on disk: which files are frames, and whose."""

import shutil
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
from layouts import RIG, pictures, save, write_toml, write_video

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange, background_images, image_sequence
from posegaussian.errors import CalibrationError, CaptureError

GREY = np.full((4, 4), 90, np.uint8)


@pytest.fixture
def capture(tmp_path) -> Path:
    """Without rig.json: no camera is asked for."""
    root = tmp_path / "capture"
    helpers.write_sphere_capture(root, size=(40, 32), samples=1, depths=False)
    (root / "rig.json").unlink()
    return root


@pytest.mark.parametrize("names", [("000001.jpg", "000001.png"), ("1.jpg", "0001.jpg"), ("a_1.png", "a_01.png")])
def test_two_files_of_one_frame(names, tmp_path):
    for name in names:
        save(tmp_path / name, GREY)
    with helpers.refuses(CaptureError, "repeated-frame", file=tmp_path, camera="c", frame=1) as error:
        image_sequence(tmp_path, "c")
    assert all(name in error.value.what for name in names)


def test_two_backgrounds_of_one_camera(tmp_path):
    save(tmp_path / "backgrounds/a.png", GREY)
    save(tmp_path / "backgrounds/b.jpg", GREY)
    assert list(background_images(tmp_path, ["a", "b", "c"])) == ["a", "b"]
    save(tmp_path / "backgrounds/a.jpg", GREY)
    with helpers.refuses(CaptureError, "several-backgrounds", camera="a"):
        background_images(tmp_path, ["a", "b"])


@pytest.mark.parametrize("pattern", ["frame_{:06d}.png", "chara1.{:06d}.png", "{:04d}_cam2.png", "IMG_{}.PNG"])
def test_numbers_within_the_names_of_images(pattern, capture):
    expected = read_capture(capture)
    images = {camera: expected.image(camera, 1) for camera in expected.cameras}
    masks = {camera: expected.mask(camera, 1) for camera in expected.cameras}
    for path in [*capture.glob("images/*/*.png"), *capture.glob("masks/t00/*.png")]:
        path.rename(path.with_name(pattern.format(int(path.stem))))
    found = read_capture(capture)
    assert found.frames == expected.frames == (0, 1)
    for camera in images:
        np.testing.assert_array_equal(found.image(camera, 1), images[camera])
        np.testing.assert_array_equal(found.mask(camera, 1), masks[camera])


def test_images_that_are_no_frames_are_named(capture):
    save(capture / "images/00/thumbnail.png", GREY)
    save(capture / "images/00/title.png", GREY)
    with helpers.warns("unnumbered-image", file="images/00/thumbnail.png", camera="00"):
        assert read_capture(capture).frames == (0, 1)
    for path in capture.glob("images/00/0*.png"):
        path.unlink()
    with helpers.refuses(CaptureError, "no-images", file="images/00", camera="00") as error:
        read_capture(capture)
    assert "number" in error.value.what


def test_what_systems_leave_behind_is_no_footage(capture, recwarn):
    for path in (".ipynb_checkpoints", "@eaDir", "00/.ipynb_checkpoints"):
        (capture / "images" / path).mkdir()
    for path in ("images/.DS_Store", "images/00/._000000.png", "images/00/Thumbs.db", "masks/00/._000000.png"):
        (capture / path).write_bytes(b"nothing")
    assert read_capture(capture).sources == ("00", "01", "t00")
    assert recwarn.list == []


def test_folders_named_a_little_differently(capture, recwarn):
    for kind in ("images", "masks"):
        for name in ("00", "01", "t00"):
            (capture / kind / name).rename(capture / kind / f"Cam_{name.removeprefix('0')}")
    found = read_capture(capture)
    assert found.sources == ("00", "01", "t00")
    assert found.images["01"][0].path.parent.name == found.masks["01"][0].path.parent.name == "Cam_1"
    assert recwarn.list == []


def test_ten_cameras_in_natural_order(tmp_path):
    lenses = {f"c{n}": helpers.lens(3 * n, size=(40, 32)) for n in (10, 9, 2, 1)}
    helpers.write_calibration(tmp_path, lenses)
    for name in lenses:
        save(tmp_path / f"images/{name}/000000.png", pictures(lenses[name], 0)[0])
    assert read_capture(tmp_path).sources == ("c1", "c2", "c9", "c10")


def test_footage_and_calibration_that_miss_each_other(capture):
    (capture / "images/01").rename(capture / "images/phone")
    with (
        helpers.warns("camera-without-footage", camera="01"),
        helpers.warns("uncalibrated-footage", file="images/phone"),
    ):
        assert read_capture(capture).sources == ("00", "t00")
    with helpers.refuses(CaptureError, "no-images", file="images/01", camera="01"):
        read_capture(capture, cameras=["00", "01"])


def test_images_numbered_from_another_start(tmp_path):
    helpers.write_calibration(tmp_path, {str(n): helpers.lens(12 * n, size=(40, 32)) for n in range(3)})
    for n in (1, 2, 3):
        save(tmp_path / f"images/{n}/000000.png", GREY)
    with helpers.refuses(CaptureError, "shifted-numbers", file="images") as error:
        read_capture(tmp_path)
    assert "0, 1, 2" in error.value.what and "1, 2, 3" in error.value.what


@pytest.mark.parametrize(
    ("moved", "folder", "frame", "remedy"),
    [("*/01/*", "images/01", 0, "--frames 1:2"), ("masks/*/*", "masks/00", 0, "one start")],
    ids=["a camera", "all masks"],
)
def test_frames_numbered_from_another_start(moved, folder, frame, remedy, capture):
    """One by one later: 0 and 1 here, 1 and 2 there."""
    for path in sorted(capture.glob(moved), reverse=True):
        path.rename(path.with_name(f"{int(path.stem) + 1:06d}.png"))
    place = {"file": folder, "camera": folder[-2:], "frame": frame}
    with helpers.refuses(CaptureError, "shifted-frames", **place) as error:
        read_capture(capture)
    assert (error.value.hint or "").endswith(remedy)
    with helpers.warns("maybe-shifted-frames", camera=folder[-2:]):
        assert read_capture(capture, frames=FrameRange(1, 2)).frames == (1,)


def test_a_frame_that_one_camera_lacks_is_no_shift(capture):
    (capture / "images/01/000000.png").unlink()
    with helpers.refuses(CaptureError, "missing-frame", file="images/01/000000.png", camera="01", frame=0):
        read_capture(capture)


def test_folders_of_masks_are_matched_by_name(capture, recwarn):
    expected = read_capture(capture).mask("01", 1)
    (capture / "masks/01").rename(capture / "masks/Cam_1")
    (capture / "masks/00").rename(capture / "masks/Cam_0")
    np.testing.assert_array_equal(read_capture(capture).mask("01", 1), expected)
    assert not recwarn.list


def test_cameras_without_masks_are_named(capture, tmp_path, capfd):
    shutil.rmtree(capture / "masks/01")
    with helpers.warns("cameras-without-masks", file=capture):
        assert set(read_capture(capture).masks) == {"00", "t00"}
    cli.main(["import", str(capture), "-o", str(tmp_path / "out")])
    assert set(read_capture(tmp_path / "out").masks) == {"00", "t00"}
    with helpers.exits(capfd, camera="01", names=["no masks of this camera"]):
        cli.main(["rectify", str(capture), "-o", str(tmp_path / "x.h5"), "--settings", "{masks: given}"])
    for path in capture.glob("masks/*"):
        path.rename(path.with_name(f"x{path.name}x"))
    with helpers.warns("unmatched-masks", file="masks"):
        assert not read_capture(capture).masks


def test_alpha_of_images_is_the_mask_where_there_are_no_others(capture):
    expected = read_capture(capture)
    masks = {camera: expected.mask(camera, 0) for camera in expected.cameras}
    for path in capture.glob("images/*/000000.png"):
        rgb, alpha = cv2.imread(str(path)), masks[path.parent.name]
        assert rgb is not None and cv2.imwrite(str(path), np.dstack([rgb, alpha]))
    shutil.rmtree(capture / "masks")
    found = read_capture(capture, frames=FrameRange(0, 1))
    for camera, mask in masks.items():
        np.testing.assert_array_equal(found.mask(camera, 0), mask)


def test_a_video_beside_images_that_is_of_no_camera_is_named(capture, recwarn):
    for name in ("00", "Cam 1"):
        write_video(capture / f"videos/{name}.mp4", RIG["a"], frames=1)
    (capture / "images/01").rename(capture / "images/cam1")
    read_capture(capture)
    assert not recwarn.list
    write_video(capture / "videos/07.mp4", RIG["a"], frames=1)
    with helpers.warns("uncalibrated-footage", file="videos/07.mp4"):
        read_capture(capture)


def test_an_unknown_camera_is_named_with_the_likely_one(capture):
    with helpers.refuses(CaptureError, "unknown-camera", camera="0") as error:
        read_capture(capture, cameras=["0", "1"])
    assert (error.value.what, error.value.hint) == ("no such camera (there are 00, 01, t00)", "did you mean 00?")
    with helpers.refuses(CaptureError, "unknown-camera", camera="T00"):
        read_capture(capture, held_out=["T00"])
    (capture / "rig.json").write_text('{"sources": ["00", "1"]}')
    with helpers.refuses(CalibrationError, "uncalibrated-camera", camera="1") as error:
        read_capture(capture)
    assert error.value.hint == "did you mean 01?"


@pytest.fixture
def trial(tmp_path) -> Path:
    root = tmp_path / "trial"
    root.mkdir()
    write_toml(root)
    return root


def test_a_misspelt_video(trial):
    path = trial / "calibration/Calib_scene.toml"
    path.write_text(path.read_text().replace('name = "a"', 'name = "left"').replace('name = "b"', 'name = "right"'))
    (trial / "videos/a.mp4").rename(trial / "videos/left.mp4")
    (trial / "videos/b.mp4").rename(trial / "videos/rigth.mp4")
    with helpers.refuses(CaptureError, "misspelt-name", file="videos") as error:
        read_capture(trial)
    assert "rigth: right, which has no footage" in error.value.what
    assert read_capture(trial, cameras=["left"]).sources == ("left",)


def test_two_videos_of_one_camera(trial):
    (trial / "videos/a.avi").write_bytes((trial / "videos/a.mp4").read_bytes())
    with helpers.refuses(CaptureError, "several-videos", file="videos") as error:
        read_capture(trial)
    assert "a.avi" in error.value.what and "a.mp4" in error.value.what


def test_the_videos_of_freemocap(trial):
    (trial / "videos").rename(trial / "synchronized_videos")
    for name in RIG:
        (trial / f"synchronized_videos/{name}.mp4").rename(trial / f"synchronized_videos/Camera_{name}_sync.mp4")
    assert read_capture(trial).sources == ("a", "b")


def test_the_mapping_is_printed_as_a_table(trial, tmp_path, capsys):
    for name, other in (("a", "GX02"), ("b", "GX10")):
        (trial / f"videos/{name}.mp4").rename(trial / f"videos/{other}.mp4")
    cli.main(["import", str(trial), "-o", str(tmp_path / "out")])
    said = capsys.readouterr()
    assert said.out.splitlines()[:3] == ["camera  footage", "a       GX02.mp4", "b       GX10.mp4"]
    assert "matched in the order of names (a: GX02.mp4, b: GX10.mp4)" in said.err


def test_a_camera_without_a_video_is_left_out_with_a_line(trial):
    path = trial / "calibration/Calib_scene.toml"
    path.write_text(path.read_text().replace("[metadata]", path.read_text().split("[cam_b]")[0].replace("a", "c", 1)))
    text = path.read_text().replace('name = "a"', 'name = "c"')
    path.write_text(text.replace('name = "c"', 'name = "a"', 1))
    with helpers.warns("camera-without-footage", camera="c"):
        assert read_capture(trial).sources == ("a", "b")
    write_video(trial / "videos/phone.mp4", RIG["a"])
    with helpers.warns("uncalibrated-footage", file="videos/phone.mp4"):
        read_capture(trial)
