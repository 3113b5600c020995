"""Calibration of cameras."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from posegaussian.cli.arguments import Output, Whole


def calibrate(
    folder: Path,
    /,
    *,
    board: Annotated[str, Parameter(metavar="LINE")],
    floor: Annotated[Whole | None, Parameter(metavar="FRAME")] = None,
    output: Output,
) -> None:
    """Calibrate cameras from images or videos of a board.

    Args:
        folder: with CAMERA/ of numbered images, or CAMERA.mp4; frames of one number are of one time
        board: `checkerboard 10x7 25mm` (squares across and down, side), `charuco 7x5 60mm 45mm` (square, marker) or
            `apriltag 6x6 88mm 26.4mm` (tags across and down, tag, gap); behind it OpenCV's name of other markers
        floor: frame in which the board lies on the floor, its print up: there the world's z is 0, and z is up
        output: the new folder, for intri.yml, extri.yml, calibration.json and the page calibration.html
    """
    from posegaussian.pipeline.calibrate import calibrate as write_calibrated
    from posegaussian.preparation.calibration.board import TargetBoard
    from posegaussian.report.calibration import advice, error_table

    found = write_calibrated(folder, output, TargetBoard.parse(board), floor)
    print("\n".join([error_table(found), *advice(found), f"{output}: {len(found.cameras)} cameras"]))
