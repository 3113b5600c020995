"""Detected corners against the projected truth, in images drawn without the library."""

import cv2
import numpy as np
import pytest
from filmed_boards import SIZE, TrueCamera, board_pose, photograph, print_of

from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import detect, is_mirrored, shows_two

PINHOLE = TrueCamera(0, lens=(0.0, 0.0, 0.0, 0.0))
DOTS = 24
"""Dots of the print a square or tag."""
LINES = ("checkerboard 10x7 40mm", "charuco 7x6 60mm 45mm", "apriltag 5x3 80mm 20mm")


def pattern_of(board):
    """The print and the dots from its sides to the board's origin."""
    if board.kind == "checkerboard":
        return print_of(board, DOTS), DOTS
    if board.kind == "charuco":
        size = board.columns * DOTS, board.rows * DOTS
        drawn = board.charuco.generateImage(size, marginSize=0)
    else:
        grid = cv2.aruco.GridBoard((board.columns, board.rows), board.side, board.other, board.dictionary)
        size = np.rint(board.size / board.side * DOTS).astype(int)
        drawn = grid.generateImage([int(n) for n in size], marginSize=0)
    print_ = np.pad(drawn, DOTS, constant_values=255)
    return (20 + print_ * (215 / 255)).astype(np.uint8), DOTS


def pictured(board, pose, camera=PINHOLE):
    pattern, origin = pattern_of(board)
    image = photograph(pattern, camera, pose, origin, DOTS / board.side)
    return image, camera.project(board.corners @ pose[:3, :3].T + pose[:3, 3])


@pytest.mark.parametrize("line", LINES)
def test_corners_are_the_projected_truth(line):
    board, random = TargetBoard.parse(line), np.random.default_rng(3)
    errors, shares = [], []
    for _ in range(6):
        image, true = pictured(board, board_pose(random, board, 0))
        view = detect(board, image, "a", 5)
        if view is None:  # one ChArUco board is tilted so far that the markers reach into the smallest window
            continue
        assert (view.camera, view.frame) == ("a", 5)
        errors += list(np.linalg.norm(view.pixels - true[view.ids], axis=1))
        shares.append(len(view.ids) / len(true))
        assert view.blur < 4
    print(
        f"{line}: median {np.median(errors):.3f} px, 95 % {np.percentile(errors, 95):.3f}, seen {np.mean(shares):.2f}"
    )
    assert len(shares) >= 5
    assert np.median(errors) < 0.02 and np.percentile(errors, 95) < 0.05


def test_a_checkerboard_that_hangs_upside_down_has_the_same_corners():
    board = TargetBoard.parse("checkerboard 10x7 40mm")
    pose = board_pose(np.random.default_rng(0), board, 0)
    half_turn = np.diag([-1.0, -1, 1, 1])
    half_turn[:2, 3] = board.size
    image, true = pictured(board, pose @ half_turn)
    view = detect(board, image, "a", 0)
    assert view is not None and np.linalg.norm(view.pixels - true, axis=1).max() < 0.5


def test_the_older_finder_is_tried(monkeypatch):
    board = TargetBoard.parse(LINES[0])
    image, true = pictured(board, board_pose(np.random.default_rng(0), board, 0))
    monkeypatch.setattr(cv2, "findChessboardCornersSB", lambda *_, **__: (False, None))
    view = detect(board, image, "a", 0)
    assert view is not None and np.linalg.norm(view.pixels - true, axis=1).max() < 0.2


def test_half_a_board():
    for line in LINES:
        board = TargetBoard.parse(line)
        image, true = pictured(board, board_pose(np.random.default_rng(1), board, 0))
        image[:, int(np.median(true[:, 0])) :] = 110
        view = detect(board, image, "a", 0)
        if board.kind == "checkerboard":  # nothing tells which half it is
            assert view is None
        else:
            assert view is not None and len(view.ids) < 0.6 * len(true)
            assert np.median(np.linalg.norm(view.pixels - true[view.ids], axis=1)) < 0.15


@pytest.mark.parametrize("line", LINES[1:])
def test_mirrored_boards_are_told(line):
    board = TargetBoard.parse(line)
    image, _ = pictured(board, board_pose(np.random.default_rng(2), board, 0))
    mirrored = np.ascontiguousarray(image[:, ::-1])
    assert detect(board, mirrored, "a", 0) is None
    assert is_mirrored(board, mirrored) and not is_mirrored(board, image)


@pytest.mark.parametrize("line", LINES)
def test_a_second_board_is_told(line):
    board = TargetBoard.parse(line)
    image, _ = pictured(board, board_pose(np.random.default_rng(2), board, 0))
    assert not shows_two(board, image)
    assert shows_two(board, np.vstack([image, image]))


def test_blur_is_measured():
    board = TargetBoard.parse("charuco 7x6 100mm 75mm")
    image, _ = pictured(board, board_pose(np.random.default_rng(4), board, 0))
    views = [detect(board, cv2.GaussianBlur(image, (0, 0), s) if s else image, "a", 0) for s in (0, 1, 2)]
    widths = [view.blur for view in views if view is not None]
    assert len(widths) == 3
    assert widths[0] < 3 and widths[0] < widths[1] < widths[2]


def test_no_board_in_a_picture_without_one():
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0]), dtype=np.uint8)
    for line in LINES:
        board = TargetBoard.parse(line)
        assert detect(board, noise, "a", 0) is None
        assert detect(board, np.full_like(noise, 128), "a", 0) is None
