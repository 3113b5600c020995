"""Images with a pose each: which are of one camera, which of one moment, and what is no fixed camera."""

import warnings
from dataclasses import replace
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.arrangement import PosedImage
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.grouping import group_by_camera
from posegaussian.captures.poses import check_lens, mean_pose
from posegaussian.errors import CalibrationError, CaptureError, CaptureWarning
from posegaussian.io.images import ImageFile

FILE = Path("poses.json")
RIG = {name: helpers.lens(azimuth) for name, azimuth in (("a", -20), ("b", 0), ("c", 20))}
"""Three cameras, 2.2 m from the person and about 0.8 m apart."""


def calibration(lens: helpers.Lens, shift=(0.0, 0.0, 0.0), turn: float = 0.0) -> Calibration:
    """Of a lens, moved by metres in its own axes and turned by degrees about its x axis."""
    rotation = cv2.Rodrigues(np.radians([turn, 0.0, 0.0]))[0] @ lens.rotation
    centre = lens.centre + np.asarray(shift) @ lens.rotation
    return Calibration(lens.matrix, lens.distortion, rotation, -rotation @ centre, FILE, lens.size)


def posed(name: str, camera: str, time: float | None = None, **moved) -> PosedImage:
    return PosedImage(name, ImageFile(Path(name)), calibration(RIG[camera], **moved), time=time)


def rig(pattern: str, frames: int = 2, first: int = 0) -> list[PosedImage]:
    """Images of the rig, moment after moment; i counts the cameras, n all images."""
    numbered = [(frame, i, camera) for frame in range(frames) for i, camera in enumerate(RIG)]
    return [
        posed(pattern.format(camera=camera, frame=frame + first, i=i, n=n), camera)
        for n, (frame, i, camera) in enumerate(numbered)
    ]


def names(cameras: dict[str, dict[int, PosedImage]]) -> dict[str, dict[int, str]]:
    return {camera: {frame: each.name for frame, each in by_frame.items()} for camera, by_frame in cameras.items()}


@pytest.mark.parametrize(
    ("pattern", "camera"),
    [
        ("{camera}/{frame:04d}.png", "{camera}"),
        ("images/{camera}/frame_{frame:04d}.png", "{camera}"),
        ("images/{camera}/{frame:04d}_cam1.png", "{camera}"),
        ("images/cam{camera}_{frame:04d}.png", "cam{camera}"),
        ("images/cam{i}_{frame:04d}.png", "cam{i}"),
        ("images/{frame:04d}_cam{i}.png", "cam{i}"),
        ("images/cam{i}-{frame}-rgb.png", "cam{i}_rgb"),
        ("{i}_{frame}.jpg", "{i}"),
        ("images/{frame:04d}/{camera}.png", "{camera}"),
        ("images/{frame:04d}/cam{i}.png", "cam{i}"),
        ("{frame}/cam{i}/rgb.png", "cam{i}_rgb"),
    ],
)
def test_cameras_and_frames_by_names_and_poses(pattern, camera):
    with warnings.catch_warnings(action="error", category=CaptureWarning):
        found = names(group_by_camera(rig(pattern, frames=3, first=7)))
    assert found == {
        camera.format(camera=name, i=i): {frame: pattern.format(camera=name, i=i, frame=frame) for frame in (7, 8, 9)}
        for i, name in enumerate(RIG)
    }


def test_one_image_of_each_camera():
    assert set(names(group_by_camera(rig("images/shot{i}.png", frames=1)))) == {"shot0", "shot1", "shot2"}
    beside = [posed("left.png", "a"), posed("01/right.png", "b"), posed("02/right.png", "c")]
    assert set(group_by_camera(beside)) == {"left", "01", "02"}
    rings = [posed("low/1.png", "a"), posed("low/2.png", "b"), posed("high/1.png", "c")]
    assert names(group_by_camera(rings)) == {
        "low_1": {0: "low/1.png"},
        "low_2": {0: "low/2.png"},
        "high_1": {0: "high/1.png"},
    }


@pytest.mark.parametrize(
    ("pattern", "said"), [("frame_{n:05d}.png", True), ("IMG_{n}.jpg", True), ("{n:02d}.png", False)]
)
def test_a_series_of_poses_may_be_a_camera_that_moves(pattern, said):
    images = [posed(pattern.format(n=n), "a", shift=(0.1 * n, 0, 0)) for n in range(8)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(group_by_camera(images)) == 8
    assert [each.message.code for each in caught if isinstance(each.message, CaptureWarning)] == said * [
        "numbered-cameras"
    ]


def test_frames_beside_folders():
    images = [posed(f"left_{frame}.png", "a") for frame in range(2)]
    images += [posed(f"{camera}/{frame}.png", camera) for camera in "bc" for frame in range(2)]
    assert {name: set(by_frame) for name, by_frame in group_by_camera(images).items()} == {
        "left": {0, 1},
        "b": {0, 1},
        "c": {0, 1},
    }


def test_images_numbered_through_are_told_apart_by_pose():
    with helpers.warns("cameras-by-pose", file=FILE):
        found = names(group_by_camera(rig("images/img_{n:02d}.png")))
    assert list(found.values()) == [{0: f"images/img_{n:02d}.png", 1: f"images/img_{n + 3:02d}.png"} for n in range(3)]


def test_times_tell_frames_apart():
    shuffled = [posed("images/x.png", "a", 0.5), posed("images/y.png", "a", 0.0)]
    shuffled += [posed("images/z.png", "b", 0.0), posed("images/w.png", "b", 0.5)]
    with helpers.warns("cameras-by-pose", file=FILE):
        found = names(group_by_camera(shuffled))
    assert list(found.values()) == [
        {1: "images/x.png", 0: "images/y.png"},
        {0: "images/z.png", 1: "images/w.png"},
    ]


def test_times_that_contradict_the_numbers():
    pairs = [(camera, frame) for camera in "ab" for frame in range(2)]
    late = [posed(f"{camera}/{frame}.png", camera, float(frame + (camera == "b"))) for camera, frame in pairs]
    with helpers.warns("frames-by-time", file=FILE):
        found = names(group_by_camera(late))
    assert found == {"a": {0: "a/0.png", 1: "a/1.png"}, "b": {1: "b/0.png", 2: "b/1.png"}}
    clocks = [posed(f"{camera}/{frame}.png", camera, frame + 0.3 * (camera == "b")) for camera, frame in pairs]
    assert names(group_by_camera(clocks))["b"] == {0: "b/0.png", 1: "b/1.png"}


@pytest.mark.parametrize("pattern", ["{camera}/{frame:03d}.png", "images/{camera}_{frame:03d}.png"])
def test_noise_of_poses(pattern):
    """Up to 3 mm and 0.03 degrees: still one camera, with the mean pose."""
    random = np.random.default_rng(0)
    images = []
    for camera in RIG:
        for frame in range(20):
            shift, turn = random.uniform(-2, 2, 3) / 1000, random.uniform(-0.03, 0.03)
            images.append(posed(pattern.format(camera=camera, frame=frame), camera, shift=shift, turn=turn))
    cameras = group_by_camera(images)
    assert {name: len(by_frame) for name, by_frame in cameras.items()} == dict.fromkeys("abc", 20)
    found, spread = mean_pose([each.calibration for each in cameras["a"].values()])
    centre = -found.rotation.T @ found.translation
    assert np.linalg.norm(centre - RIG["a"].centre) < 0.001 < spread.distance < 0.004
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(3), atol=1e-12)
    assert 0.01 < spread.angle < 0.06
    same, none = mean_pose([calibration(RIG["a"])] * 3)
    assert (none.distance, none.angle) == (0, 0)
    np.testing.assert_array_equal(same.translation, calibration(RIG["a"]).translation)


@pytest.mark.parametrize("pattern", ["{camera}/{frame:03d}.png", "images/{camera}_{frame:03d}.png"])
@pytest.mark.parametrize("moved", [{"shift": (0.1, 0, 0)}, {"turn": 2.0}], ids=["moves", "turns"])
@pytest.mark.parametrize("who", ["c", "abc"])
def test_moving_cameras_stay_whole(pattern, moved, who):
    """They keep their frames, so that the error names the camera."""
    images = []
    for camera in RIG:
        for frame in range(4):
            by = {key: np.multiply(value, frame) for key, value in moved.items()} if camera in who else {}
            images.append(posed(pattern.format(camera=camera, frame=frame), camera, **by))
    assert {name: len(by_frame) for name, by_frame in group_by_camera(images).items()} == dict.fromkeys("abc", 4)


def test_one_camera_that_moves_in_time():
    images = [posed(f"r_{frame:03d}.png", "a", time=frame / 9, shift=(0.2 * frame, 0, 0)) for frame in range(10)]
    with helpers.refuses(CalibrationError, "moving-camera", file=FILE):
        group_by_camera(images)


def test_cameras_that_move_far_have_lenses_of_their_own():
    images = []
    for camera, zoom in (("a", 1.0), ("b", 1.1)):
        for frame in range(3):
            moved = calibration(RIG[camera], shift=(0.5 * frame, 0, 0))
            moved = replace(moved, matrix=moved.matrix * [[zoom, 1, 1], [1, zoom, 1], [1, 1, 1]])
            images.append(PosedImage(f"images/{camera}_{frame}.png", ImageFile(Path("x")), moved))
    assert {name: len(by_frame) for name, by_frame in group_by_camera(images).items()} == {"a": 3, "b": 3}


def test_rings_of_cameras_are_not_moving_cameras():
    """Two rings of twelve cameras, a folder each, whose images are numbered alike, with lenses of one kind."""
    images = []
    for ring, elevation in (("low", 0), ("high", 30)):
        for n in range(12):
            lens = helpers.lens(30 * n, elevation=elevation)
            images.append(PosedImage(f"{ring}/{n:02d}.png", ImageFile(Path("x")), calibration(lens)))
    with helpers.warns("numbered-cameras", file=FILE):
        cameras = group_by_camera(images)
    assert len(cameras) == 24 and all(set(by_frame) == {0} for by_frame in cameras.values())


def test_names_that_collide():
    with helpers.refuses(CaptureError, "colliding-names", file=FILE) as error:
        group_by_camera([posed("cam 1/0.png", "a"), posed("cam_1/0.png", "b"), posed("c/0.png", "c")])
    assert "cam 1" in error.value.what and "cam_1" in error.value.what
    with helpers.refuses(CaptureError, "repeated-frame", file=FILE) as error:
        group_by_camera([posed("left.png", "a"), posed("left.jpg", "b")])
    assert "left.png, left.jpg" in error.value.what
    assert set(group_by_camera([posed("a/left.png", "a"), posed("b/left.png", "b")])) == {"a", "b"}
    with helpers.refuses(CaptureError, "repeated-frame", file=FILE, camera="a", frame=1):
        group_by_camera([posed("a/1.png", "a"), posed("a/1.jpg", "a"), posed("b/1.png", "b")])


def test_a_pose_that_is_not_finite():
    broken = posed("b/0.png", "b")
    broken.calibration.translation[0] = np.nan
    with helpers.refuses(CalibrationError, "not-finite", file=FILE):
        group_by_camera([posed("a/0.png", "a"), broken])


def test_lenses_that_change():
    first = calibration(RIG["a"])
    noise = replace(first, matrix=first.matrix * [[1 + 1e-4, 1, 1], [1, 1, 1], [1, 1, 1]])
    check_lens({0: first, 1: noise}, "a")
    for changed in (
        replace(first, matrix=first.matrix * [[1.2, 1, 1], [1, 1.2, 1], [1, 1, 1]]),
        replace(first, matrix=first.matrix + np.array([[0, 0, 3], [0, 0, 0], [0, 0, 0]])),
        replace(first, distortion=np.array([-0.1, 0, 0, 0, 0])),
        replace(first, size=(80, 64)),
    ):
        with helpers.refuses(CalibrationError, "changing-lens", file=FILE, camera="a", frame=8):
            check_lens({3: first, 5: noise, 8: changed}, "a")


@pytest.mark.parametrize("folder", ["", "images/"])
@pytest.mark.parametrize("count", [33, 300])
def test_a_long_series_along_a_path_is_one_camera_that_moves(folder, count):
    """One round about the person with a camera in the hand, without times; rigs of fixed cameras have other names."""
    lenses = [calibration(helpers.lens(360 / count * n, elevation=10 * np.sin(n / 5))) for n in range(count)]
    named = lambda pattern: [  # noqa: E731
        PosedImage(folder + pattern.format(n + 1), ImageFile(Path("x")), lens) for n, lens in enumerate(lenses)
    ]
    with helpers.refuses(CalibrationError, "moving-camera", file=FILE) as error:
        group_by_camera(named("frame_{:05d}.png"))
    assert f"{folder}frame_00001.png" in error.value.what
    assert len(group_by_camera(named("cam{:05d}.png"))) == count


def test_a_long_series_in_no_order_may_be_fixed_cameras():
    order = np.random.default_rng(0).permutation(40)
    lenses = [calibration(helpers.lens(9 * place)) for place in order]
    images = [PosedImage(f"frame_{n:05d}.png", ImageFile(Path("x")), lens) for n, lens in enumerate(lenses)]
    with helpers.warns("numbered-cameras", file=FILE):
        assert len(group_by_camera(images)) == 40
