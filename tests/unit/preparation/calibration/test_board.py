"""The line that describes a board."""

import cv2
import numpy as np
import pytest
from helpers import refuses

from posegaussian.errors import ConfigError
from posegaussian.preparation.calibration.board import TargetBoard


@pytest.mark.parametrize(
    ("line", "board"),
    [
        ("checkerboard 10x7 25mm", TargetBoard("checkerboard", 10, 7, 0.025)),
        ("  Checkerboard  10X7 2.5cm ", TargetBoard("checkerboard", 10, 7, 0.025)),
        ("charuco 7x5 60mm 45mm", TargetBoard("charuco", 7, 5, 0.06, 0.045, "4x4_250")),
        ("charuco 7x5 .06m 4.5cm 5x5_100", TargetBoard("charuco", 7, 5, 0.06, 0.045, "5x5_100")),
        ("apriltag 6x6 88mm 26.4mm", TargetBoard("apriltag", 6, 6, 0.088, 0.0264, "apriltag_36h11")),
    ],
)
def test_lines_are_read(line, board):
    found = TargetBoard.parse(line)
    assert (found.kind, found.columns, found.rows, found.markers) == (
        board.kind,
        board.columns,
        board.rows,
        board.markers,
    )
    assert (found.side, found.other) == pytest.approx((board.side, board.other))
    again = TargetBoard.parse(str(found))
    assert str(again) == str(found) and again.side == pytest.approx(found.side)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "invalid-board"),
        ("chessboard 10x7 25mm", "invalid-board"),
        ("checkerboard 10x7 25", "invalid-board"),
        ("checkerboard 10x7 25mm 20mm", "invalid-board"),
        ("checkerboard 10x7 25mm 4x4_50", "invalid-board"),
        ("checkerboard 2x7 25mm", "invalid-board"),
        ("checkerboard 10x7 25m", "implausible-square"),
        ("checkerboard 10x7 0.25mm", "implausible-square"),
        ("checkerboard 9x7 25mm", "ambiguous-board"),
        ("charuco 7x5 60mm", "invalid-board"),
        ("charuco 7x5 45mm 60mm", "invalid-board"),
        ("charuco 7x5 60mm 45mm 9x9_50", "invalid-board"),
        ("charuco 20x10 60mm 45mm 4x4_50", "invalid-board"),
        ("apriltag 6x6 88mm", "invalid-board"),
        ("apriltag 6x6 88mm 0mm", "invalid-board"),
    ],
)
def test_wrong_lines_are_refused(line, code):
    with refuses(ConfigError, code):
        TargetBoard.parse(line)


def test_corners_are_those_of_opencv():
    charuco = TargetBoard.parse("charuco 7x5 60mm 45mm")
    np.testing.assert_allclose(charuco.corners, charuco.charuco.getChessboardCorners(), atol=1e-7)
    tags = TargetBoard.parse("apriltag 4x3 80mm 20mm")
    grid = cv2.aruco.GridBoard((4, 3), 0.08, 0.02, tags.dictionary)
    np.testing.assert_allclose(tags.corners, np.concatenate(grid.getObjPoints()), atol=1e-7)
    np.testing.assert_allclose(tags.size, [0.38, 0.28])
