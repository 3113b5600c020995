"""`posegaussian calibrate` on drawn images of a board."""

import json
import shutil

import cv2
import numpy as np
import pytest
from filmed_boards import TrueCamera, board_pose, floor_pose, photograph
from helpers import exits

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.preparation.calibration.board import TargetBoard

LINE = "charuco 9x6 60mm 45mm"
BOARD = TargetBoard.parse(LINE)
DOTS = 24
CAMERAS = {"left": TrueCamera(-15, lens=(0.0, 0, 0, 0)), "right": TrueCamera(15, lens=(0.0, 0, 0, 0))}
FRAMES = 14


@pytest.fixture(scope="module")
def footage(tmp_path_factory):
    """Two cameras with images of the board; in frame 0 it lies on the floor."""
    root, random = tmp_path_factory.mktemp("board"), np.random.default_rng(5)
    size = BOARD.columns * DOTS, BOARD.rows * DOTS
    pattern = np.pad(BOARD.charuco.generateImage(size, marginSize=0), DOTS, constant_values=255)
    pattern = (20 + pattern * (215 / 255)).astype(np.uint8)
    poses = [floor_pose(BOARD), *(board_pose(random, BOARD, 0) for _ in range(FRAMES - 1))]
    for name, camera in CAMERAS.items():
        (root / name).mkdir()
        for frame, pose in enumerate(poses):
            image = photograph(pattern, camera, pose, DOTS, DOTS / BOARD.side)
            cv2.imwrite(str(root / f"{name}/{frame:06d}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return root


def test_the_calibration_is_the_truth_and_can_be_read(footage, tmp_path, capsys):
    output = tmp_path / "capture"
    cli.main(["calibrate", str(footage), "--board", LINE, "--floor", "0", "-o", str(output)])
    printed = capsys.readouterr().out
    assert "left" in printed and "right" in printed and "median" in printed
    assert {path.name for path in output.iterdir()} == {
        "intri.yml", "extri.yml", "calibration.json", "calibration.html"
    }  # fmt: skip
    shutil.copytree(footage, output / "images")
    found = read_capture(output).cameras
    # 14 images of one board do not tell the principal point from a turn: what the pair shares is exact.
    relative, true = (
        b @ np.linalg.inv(a)
        for a, b in (
            (found["left"].world_to_camera, found["right"].world_to_camera),
            (CAMERAS["left"].pose, CAMERAS["right"].pose),
        )
    )
    turn = np.degrees(np.linalg.norm(cv2.Rodrigues(relative[:3, :3] @ true[:3, :3].T)[0]))
    base = [np.linalg.norm(np.linalg.inv(each)[:3, 3]) for each in (relative, true)]
    print(f"{turn:.3f} degrees, base {1e3 * (base[0] - base[1]):.2f} mm")
    assert turn < 0.2 and abs(base[0] - base[1]) < 0.004
    for name, camera in CAMERAS.items():
        assert found[name].intrinsics[0, 0] == pytest.approx(900, rel=0.01)
        assert np.linalg.norm(found[name].centre - camera.centre) < 0.03
    numbers = json.loads((output / "calibration.json").read_text())
    assert numbers["board"] == LINE + " 4x4_250" and all(row["median"] < 0.15 for row in numbers["cameras"].values())
    page = (output / "calibration.html").read_text()
    assert page.count("<img") == 4 and "What to film again" in page
    assert 0.2 < numbers["volume"] < 0.9 and f"{100 * numbers['volume']:.0f} % of the space" in page
    with exits(capsys, file=output):
        cli.main(["calibrate", str(footage), "--board", LINE, "-o", str(output)])


def test_mirrored_images_are_named(footage, tmp_path, capsys):
    shutil.copytree(footage / "left", tmp_path / "footage/left")
    for path in (tmp_path / "footage/left").iterdir():
        image = cv2.imread(str(path))
        assert image is not None
        cv2.imwrite(str(path), image[:, ::-1])
    with exits(capsys, camera="left", names=["mirrored"]):
        cli.main(["calibrate", str(tmp_path / "footage"), "--board", LINE, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_two_boards_in_sight_are_named(footage, tmp_path, capsys):
    (tmp_path / "footage/left").mkdir(parents=True)
    for path in sorted((footage / "left").iterdir()):
        image = cv2.imread(str(path))
        assert image is not None
        cv2.imwrite(str(tmp_path / "footage/left" / path.name), np.vstack([image, image]))
    with exits(capsys, camera="left", names=["two boards"]):
        cli.main(["calibrate", str(tmp_path / "footage"), "--board", LINE, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("board", "word"), [("charuco 9x6 60mm 45mm 6x6_250", "none"), ("tiles", "not understood")])
def test_another_board_is_refused(footage, tmp_path, capsys, board, word):
    (tmp_path / "footage").mkdir()
    shutil.copytree(footage / "left", tmp_path / "footage/left", ignore=lambda _, names: names[4:])
    with exits(capsys, names=[word]):
        cli.main(["calibrate", str(tmp_path / "footage"), "--board", board, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_mixed_sizes_are_named(footage, tmp_path, capsys):
    (tmp_path / "left").mkdir()
    shutil.copy(footage / "left/000000.jpg", tmp_path / "left/000000.jpg")
    cv2.imwrite(str(tmp_path / "left/000001.jpg"), np.zeros((48, 64, 3), np.uint8))
    with exits(capsys, camera="left", frame=1, names=["64 x 48", "1280 x 720"]):
        cli.main(["calibrate", str(tmp_path), "--board", LINE, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_camera_that_shares_no_frame_is_named_and_nothing_is_written(footage, tmp_path, capsys):
    """Each camera alone can be calibrated, but not where one stands against the other."""
    first, second = sorted(path.name for path in footage.iterdir())[:2]
    for camera, kept in ((first, 0), (second, 1)):
        (tmp_path / "footage" / camera).mkdir(parents=True)
        for number, path in enumerate(sorted((footage / camera).iterdir())):
            if number % 2 == kept:
                shutil.copy(path, tmp_path / "footage" / camera / path.name)
    with exits(capsys, camera=second):
        cli.main(["calibrate", str(tmp_path / "footage"), "--board", LINE, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_no_footage_is_refused(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "none"):
        with exits(capsys, file=folder):
            cli.main(["calibrate", str(folder), "--board", LINE, "-o", str(tmp_path / "out")])
