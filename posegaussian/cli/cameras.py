"""Calibration of cameras."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import LimitedChoice

from posegaussian.cli.arguments import Output, Whole
from posegaussian.errors import ConfigError

_BY = Group("Calibrate by (one of the two)", sort_key=1, validator=LimitedChoice(1))


def calibrate(
    folder: Path,
    /,
    *,
    board: Annotated[str | None, Parameter(metavar="LINE", group=_BY)] = None,
    person: Annotated[float | None, Parameter(metavar="METRES", group=_BY)] = None,
    lenses: Path | None = None,
    floor: Annotated[Whole | None, Parameter(metavar="FRAME")] = None,
    output: Output,
) -> None:
    """Calibrate cameras from images or videos of a board; or their poses, less exactly, from a person who walks.

    Args:
        folder: with CAMERA/ of numbered images, or CAMERA.mp4; frames with the same number are of the same time
        board: `checkerboard 10x7 25mm` (squares across and down, side), `charuco 7x5 60mm 45mm` (square, marker) or
            `apriltag 6x6 88mm 26.4mm` (tags across and down, tag, gap); OpenCV's name of the markers may follow
        person: height of the one person who walks about in view of all cameras, metres
        lenses: with --person: folder of a calibration (intri.yml, extri.yml), of which the lenses are used; without it,
            one focal length of each camera is found, which needs three cameras or more
        floor: frame in which the board lies on the floor, its print up: there the world's z is 0, and z is up
        output: the new folder, for intri.yml, extri.yml, calibration.json and the page calibration.html
    """
    from posegaussian.pipeline.calibrate import calibrate as write_calibrated
    from posegaussian.preparation.calibration.board import TargetBoard
    from posegaussian.report.calibration import advice, error_table

    if person is not None:
        return _by_walker(folder, output, person, lenses)
    if board is None:
        raise ConfigError("neither --board nor --person is given", code="missing-option")
    found = write_calibrated(folder, output, TargetBoard.parse(board), floor)
    print("\n".join([error_table(found), *advice(found), f"{output}: {len(found.cameras)} cameras"]))


def _by_walker(folder: Path, output: Path, height: float, lenses: Path | None) -> None:
    from posegaussian.pipeline.calibrate_walker import calibrate_walker

    found = calibrate_walker(folder, output, height, lenses)
    print(f"landmarks that were kept back lie {found.residual:.1f} px from their epipolar lines (median)")
    if found.features is None:
        print("the cameras share too few features of the room to refine the poses: film in front of shelves or posters")
    else:
        print(f"features of the room that were kept back lie {found.features:.2f} px from theirs")
    print(f"{output}: {len(found.cameras)} cameras")
