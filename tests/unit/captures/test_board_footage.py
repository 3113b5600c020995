"""Footage of cameras that are not calibrated yet."""

import cv2
import numpy as np
import pytest
from helpers import refuses

from posegaussian.captures.board_footage import find_board_footage
from posegaussian.errors import CaptureError
from posegaussian.io.video import write_video


def _images(folder, frames):
    folder.mkdir(parents=True)
    for frame in frames:
        cv2.imwrite(str(folder / f"{frame:04d}.png"), np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize("place", [".", "images"])
def test_folders_and_videos_are_cameras(tmp_path, place):
    _images(tmp_path / place / "a b", [3, 4])
    write_video(tmp_path / "c.mp4", [np.zeros((48, 64, 3), np.uint8)] * 5, 30)
    found = find_board_footage(tmp_path)
    assert {name: sorted(frames) for name, frames in found.items()} == {"a b": [3, 4], "c": [0, 1, 2, 3, 4]}


def test_two_cameras_of_one_name_are_refused(tmp_path):
    _images(tmp_path / "a", [0])
    _images(tmp_path / "images/a", [0])
    with refuses(CaptureError, "same-names", file=tmp_path):
        find_board_footage(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with refuses(CaptureError, "no-images", file=tmp_path):
        find_board_footage(tmp_path)
    with refuses(CaptureError, "missing-file", file=tmp_path / "none"):
        find_board_footage(tmp_path / "none")
