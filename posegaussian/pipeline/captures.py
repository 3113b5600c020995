"""`posegaussian captures`: renders a synthetic person, or a scan, into a capture folder of EasyMocap's layout."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from posegaussian.config import BuiltinSettings
from posegaussian.io.atomic import atomic_folder, check_folder
from posegaussian.io.easymocap import (
    ENCODERS,
    frame_path,
    write_board,
    write_calibration,
    write_depth,
    write_frame,
    write_joints,
    write_rig,
)
from posegaussian.io.obj import read_textured_mesh
from posegaussian.io.space import ensure_room
from posegaussian.pipeline.disk_space import capture_bytes
from posegaussian.progress import progress
from posegaussian.synthetic.dataset.synthetic_capture import SyntheticCapture, person_capture
from posegaussian.synthetic.scans import scan_capture, upright

_FAST = (cv2.IMWRITE_PNG_COMPRESSION, 1)
"""OpenCV's parameters for the ground truth of rooms: larger files in half the time."""
SCENE_DEPTH_UNIT = 1e-3
"""Unit of the depths of everything, metres; 16 bits reach to 65 m, as the ground outdoors does."""


def write_capture(seed: int, output: Path, settings: BuiltinSettings) -> None:
    """Render a synthetic person and write the capture, which appears under its name only when it is complete.

    Args:
        seed: of the person.
        output: the capture's new folder.
        settings: frames, size and rig.

    Raises:
        StoreError: `output` exists and is not empty, or cannot be written.
        ConfigError: no person has this seed.
    """
    check_folder(output)
    ensure_room(output, capture_bytes(settings))
    with atomic_folder(output) as root:
        frames = progress(range(settings.frames), f"person {seed}: frame")
        _write(root, person_capture(seed, settings), frames, settings)


def write_scan_capture(folder: Path, output: Path, settings: BuiltinSettings) -> None:
    """Render a scan and write the capture, which appears under its name only when it is complete.

    Args:
        folder: of the scan, with one .obj and its texture.
        output: the capture's folder.
        settings: frames (all alike), size, rig, light and sensor; the name of the folder seeds the random numbers.

    Raises:
        CaptureError: the folder does not hold one readable textured mesh.
        StoreError: `output` exists and is not empty, or cannot be written.
    """
    check_folder(output)
    ensure_room(output, capture_bytes(settings))
    scan = scan_capture(upright(read_textured_mesh(folder)), folder.resolve().name, settings)
    with atomic_folder(output) as root:
        _write(root, scan, range(settings.frames), settings)


def _write(root: Path, capture: SyntheticCapture, frames: Iterable[int], settings: BuiltinSettings) -> None:
    rig, suffix = capture.scene.rig, f".{settings.images}"
    write_calibration(root, rig.cameras)
    write_rig(root, list(rig.sources), list(rig.held_out), rig.pairs)
    for frame in frames:
        for camera, rendered in capture.render(frame):
            write_frame(root / frame_path("images", camera, frame, suffix), rendered.image, ENCODERS[suffix])
            if settings.source_masks or camera in rig.held_out:
                write_frame(root / frame_path("masks", camera, frame), rendered.mask)
            write_depth(root / frame_path("depths", camera, frame), rendered.depth, camera)
            if rendered.room is not None:
                far = np.round(rendered.room.depth / SCENE_DEPTH_UNIT).clip(0, 65535).astype(np.uint16)
                write_frame(root / frame_path("foregrounds", camera, frame), rendered.room.foreground, _FAST)
                write_frame(root / frame_path("labels", camera, frame), rendered.room.labels, _FAST)
                write_frame(root / frame_path("scene_depths", camera, frame), far, _FAST)
    for camera in rig.cameras if settings.source_masks else ():
        background = capture.scene.background(camera)
        if background is not None:
            write_frame(root / "backgrounds" / f"{camera}.png", background)
    if capture.joints is not None:
        write_joints(root, dict(enumerate(capture.joints.round(6))), indent=1)
    if capture.board is not None:
        write_board(root, dict(enumerate(capture.board.round(6))), **vars(settings.room.board or settings.people.board))
