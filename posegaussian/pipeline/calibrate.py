"""`posegaussian calibrate`: cameras from footage of a board, as the calibration of the canonical layout."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from posegaussian.captures.board_footage import find_board_footage
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.io.atomic import atomic_folder, check_folder
from posegaussian.io.easymocap import write_calibration
from posegaussian.io.images import LazyImage, read_image
from posegaussian.parallel import in_order
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import View, detect, is_mirrored, shows_two
from posegaussian.preparation.calibration.rig import RigCalibration, calibrate_rig
from posegaussian.progress import progress
from posegaussian.report.calibration import calibration_page, camera_rows, volume_of

_MOST_SEARCHED = 240
"""Frames of a camera in which the board is looked for, at equal steps; of these at most 100 are solved for. By hand."""
_MOST_CHECKED = 3
"""Frames of a camera in which a second board is looked for. Chosen by hand: 0.2 s each for a checkerboard."""
_MOST_MIRRORED = 30
"""Frames in which a mirrored board is looked for where no board was found. Chosen by hand."""


def calibrate(folder: Path, output: Path, board: TargetBoard, floor: int | None = None) -> RigCalibration:
    """Calibrate the cameras of a folder, and write intri.yml, extri.yml, calibration.json and calibration.html.

    Args:
        folder: with CAMERA/ of images or CAMERA.mp4; frames of one number are of one time.
        output: the new folder; it appears when it is complete.
        board: that was filmed.
        floor: frame in which it lies on the floor, its print up.

    Raises:
        CaptureError: there is no footage, or an image cannot be used.
        StoreError: the output exists and is not empty, or cannot be written.
        CalibrationError: the footage does not determine the cameras.
    """
    check_folder(output)
    images = find_board_footage(folder)
    views, sizes = _detected(images, board, floor)
    for camera in sizes:
        found_in = [view.frame for view in views if view.camera == camera]
        _check_one_board(board, images[camera], camera, found_in or sorted(images[camera]))
        if not found_in:
            _check_not_mirrored(board, images[camera], camera)
    found = calibrate_rig(board, views, sizes, floor)
    with atomic_folder(output) as temporary:
        write_calibration(temporary, found.cameras, sizes=True)
        rows = camera_rows(found)
        pairs = [{"cameras": list(pair), "frames": count} for pair, count in found.shared().items()]
        volume = volume_of(found)
        content = {"board": str(board), "floor": floor, "cameras": rows, "pairs": pairs}
        content["volume"] = None if volume is None else round(volume.share, 4)
        (temporary / "calibration.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        (temporary / "calibration.html").write_text(calibration_page(found, board), encoding="utf-8")
    return found


def _detected(
    images: Mapping[str, Mapping[int, LazyImage]], board: TargetBoard, floor: int | None
) -> tuple[list[View], dict[str, tuple[int, int]]]:
    """Views of the board, and the size of each camera's images."""
    numbers = sorted(set().union(*images.values()))
    step = -(-len(numbers) // _MOST_SEARCHED)
    places = []
    for camera, by_frame in images.items():
        chosen = [frame for frame in sorted(by_frame) if frame in numbers[::step] or frame == floor]
        places += [(camera, frame) for frame in chosen or sorted(by_frame)]
    sizes: dict[str, tuple[int, int]] = {}
    first: dict[str, int] = {}
    views = []

    def decoded() -> Iterator[tuple[str, int, np.ndarray]]:
        for camera, frame in progress(places, "look for the board: image"):
            yield camera, frame, _grey(images[camera][frame], camera, frame)

    def look(item: tuple[str, int, np.ndarray]) -> tuple[str, int, tuple[int, int], View | None]:
        camera, frame, grey = item
        return camera, frame, (grey.shape[1], grey.shape[0]), detect(board, grey, camera, frame)

    for camera, frame, size, view in in_order(look, decoded()):
        first.setdefault(camera, frame)
        if sizes.setdefault(camera, size) != size:
            what = f"{size[0]} x {size[1]} pixels, but {sizes[camera][0]} x {sizes[camera][1]} in frame {first[camera]}"
            hint = "calibrate with images of one size, the one that you film people with"
            raise CaptureError(what, code="mixed-sizes", camera=camera, frame=frame, hint=hint)
        views += [] if view is None else [view]
    return views, sizes


def _check_one_board(board: TargetBoard, images: Mapping[int, LazyImage], camera: str, frames: Sequence[int]) -> None:
    for frame in frames[:: -(-len(frames) // _MOST_CHECKED)]:
        if shows_two(board, _grey(images[frame], camera, frame)):
            hint = "leave one in sight of the cameras, also in mirrors and on screens"
            raise CalibrationError("two boards are in sight", code="two-boards", camera=camera, frame=frame, hint=hint)


def _check_not_mirrored(board: TargetBoard, images: Mapping[int, LazyImage], camera: str) -> None:
    frames = sorted(images)
    for frame in frames[:: -(-len(frames) // _MOST_MIRRORED)]:
        if is_mirrored(board, _grey(images[frame], camera, frame)):
            hint = "turn the mirroring of the camera or its program off, for people, too"
            raise CalibrationError(
                "the images are mirrored", code="mirrored-board", camera=camera, frame=frame, hint=hint
            )


def _grey(image: LazyImage, camera: str, frame: int) -> np.ndarray:
    return cv2.cvtColor(read_image(image, camera, frame), cv2.COLOR_RGB2GRAY)
