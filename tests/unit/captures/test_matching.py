"""Which footage belongs to which camera."""

import warnings
from pathlib import Path

import helpers
import pytest

from posegaussian.captures.matching import entries, frame_numbers, match_footage, media, named_alike
from posegaussian.errors import CaptureError, CaptureWarning

FOLDER = Path("videos")


def match(cameras: list[str], footage: list[str], asked: tuple[str, ...] = ()) -> dict[str, str]:
    found, _ = match_footage(cameras, {name: FOLDER / f"{name}.mp4" for name in footage}, folder=FOLDER, asked=asked)
    return {camera: path.stem for camera, path in found.items()}


@pytest.mark.parametrize(
    ("cameras", "footage"),
    [
        (["a", "b"], ["a", "b"]),
        (["cam1", "cam2"], ["Cam_01", "Cam_02"]),
        (["1", "2", "3"], ["cam1", "cam2", "cam3"]),
        (["cam_1", "cam_2"], ["1", "2"]),
        (["int_cam1_img", "int_cam2_img"], ["cam1", "cam2"]),
        (["1", "2"], ["cam1_take2", "cam2_take2"]),
        (["1", "2"], ["take2_cam1", "take2_cam2"]),
        (["1", "2", "3"], ["cam1_take2", "cam2_take2", "cam3_take2"]),
        (["a.b", "a-b"], ["a.b", "a-b"]),  # the same words: only the same text tells them apart
        (["00", "01", "t00"], ["Cam_0", "Cam_1", "Cam_t00"]),
        (["friday_cam1", "friday_cam2"], ["monday_cam1", "monday_cam2"]),
        (["Camera_000_synchronized", "Camera_001_synchronized"], ["Camera_0_sync", "Camera_1_sync"]),
        (["1", "10", "100"], ["video 1", "video 10", "video 100"]),
    ],
)
def test_names_decide_whatever_the_order(cameras, footage):
    expected = dict(zip(cameras, footage, strict=True))
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        assert match(cameras, footage[::-1]) == expected
        assert match(cameras[::-1], footage) == expected


def test_ten_cameras_in_natural_order():
    cameras, footage = [f"c{n}" for n in range(1, 11)], [f"GX{n:04d}" for n in range(97, 107)]
    expected = dict(zip(cameras, footage, strict=True))
    with helpers.warns("videos-in-order", file=FOLDER):
        assert match(sorted(cameras), sorted(footage)) == expected


@pytest.mark.parametrize(
    ("cameras", "footage", "code", "named"),
    [
        (["0", "1", "2"], ["1", "2", "3"], "shifted-numbers", "from 0"),
        (["cam1", "cam2", "cam3"], ["cam0", "cam1", "cam2"], "shifted-numbers", "from 1"),
        (["cam_0", "cam_1", "cam_2"], ["cam01", "cam02", "cam03"], "shifted-numbers", "cam01, cam02, cam03"),
        (["cam_0", "cam_1", "cam_2"], ["VID_1", "VID_2", "VID_3"], "shifted-numbers", "VID_1, VID_2, VID_3"),
        (["cam_0", "cam_2"], ["VID_0", "VID_1"], "shifted-numbers", "cam_0, cam_2"),
        (["fri_cam0", "fri_cam1"], ["mon_cam1", "mon_cam2"], "shifted-numbers", "from 0"),
        (["left", "middle", "right"], ["left", "middle", "rigth"], "misspelt-name", "right, which has no footage"),
        (["front", "left", "right"], ["a_rihgt", "b_fornt", "c_letf"], "doubtful-name", "camera right"),
        (["a", "b"], ["x", "y", "z"], "unmatched-footage", "x, y, z"),
        (["1", "2"], ["1", "01", "2"], "several-videos", "1 and 01"),
        (["cam1", "cam2"], ["cam1_t1", "cam1_t2", "cam2_t1"], "several-videos", "cam1_t1, cam1_t2"),
        (["cam1", "cam2"], ["cam2_t1", "cam2_t2", "cam1_t1", "cam1_t2"], "several-videos", "cam1_t1, cam1_t2"),
        (["cam1", "cam2"], ["cam1_t1", "cam1_t2"], "several-videos", "cam1_t1, cam1_t2"),
        (["a", "b"], [], "no-images", "no footage"),
    ],
)
def test_doubtful_names_are_refused(cameras, footage, code, named):
    with helpers.refuses(CaptureError, code) as error:
        match(cameras, footage)
    assert named in error.value.what


def test_what_has_no_partner_is_left_out_and_named():
    with helpers.warns("camera-without-footage", camera="c"):
        assert match(["a", "b", "c"], ["a", "b"]) == {"a": "a", "b": "b"}
    with helpers.warns("uncalibrated-footage", file="videos/phone.mp4"):
        assert match(["a", "b"], ["a", "b", "phone"]) == {"a": "a", "b": "b"}
    with helpers.warns("camera-without-footage", camera="cam3"), helpers.warns("uncalibrated-footage"):
        assert match(["cam1", "cam2", "cam3"], ["cam1", "cam2", "cam4"]) == {"cam1": "cam1", "cam2": "cam2"}


def test_cameras_that_were_asked_for():
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        assert match(["0", "1", "2"], ["1", "2", "3"], asked=("1", "2")) == {"1": "1", "2": "2"}
        assert match(["a", "b", "c"], ["a", "b"], asked=("b", "a")) == {"a": "a", "b": "b"}
    with helpers.refuses(CaptureError, "no-images", camera="c") as error:
        match(["a", "b", "c"], ["a", "x"], asked=("a", "c"))
    assert error.value.hint.startswith("x: ")


def test_ambiguous_names_are_not_taken():
    assert named_alike(["1", "2"], ["cam1_2", "cam2_1"]) == {}
    assert named_alike(["a"], ["a_1", "a_2"]) == {}


def test_entries_without_what_systems_leave(tmp_path):
    for name in (".DS_Store", "Thumbs.db", "._1.png", "10.png", "2.PNG", "note.txt"):
        (tmp_path / name).write_bytes(b"")
    for name in (".ipynb_checkpoints", "@eaDir", "__MACOSX", "cam.png"):
        (tmp_path / name).mkdir()
    assert [path.name for path in entries(tmp_path)] == ["2.PNG", "10.png", "cam.png", "note.txt"]
    assert [path.name for path in media(tmp_path, (".png",))] == ["2.PNG", "10.png"]
    assert entries(tmp_path / "gone") == []


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["000000", "000007", "thumbnail"], {"000000": 0, "000007": 7}),
        (["frame_000000", "frame_000001"], {"frame_000000": 0, "frame_000001": 1}),
        (["chara1.000001", "chara1.000002"], {"chara1.000001": 1, "chara1.000002": 2}),
        (["000001_cam2", "000002_cam2"], {"000001_cam2": 1, "000002_cam2": 2}),
        (["a1", "a_1_2"], {"a1": 1, "a_1_2": 2}),
        (["1", "0001"], {"1": 1, "0001": 1}),
        (["x_1", "x_01"], {"x_1": 1, "x_01": 1}),
        (["background"], {}),
    ],
)
def test_frame_numbers(names, numbers):
    assert frame_numbers(names) == numbers
