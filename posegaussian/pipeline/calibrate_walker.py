"""`posegaussian calibrate --person`: poses, and focal lengths if need be, from footage of a person who walks."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from posegaussian.captures.board_footage import find_board_footage
from posegaussian.captures.formats.easymocap import read_cameras
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.io.atomic import atomic_folder, check_folder
from posegaussian.io.easymocap import write_calibration
from posegaussian.io.images import LazyImage, read_image
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.preparation.calibration.feature_tracks import Features
from posegaussian.preparation.calibration.room import FRAMES
from posegaussian.preparation.calibration.walker import (
    WalkerCalibration,
    calibrate_by_walker,
    calibrate_lenses_by_walker,
)
from posegaussian.preparation.solo import follow_alone
from posegaussian.progress import progress

_MOST_FRAMES = 300
"""Frames in which the person is looked for, at equal steps: 0.2 s for each and camera. Chosen by hand."""
_HEIGHTS = 0.8, 2.3
"""Plausible heights of people, metres."""


def calibrate_walker(folder: Path, output: Path, height: float, lenses: Path | None = None) -> WalkerCalibration:
    """Calibrate the cameras of a folder, and write intri.yml, extri.yml and calibration.json.

    Args:
        folder: with CAMERA/ of images or CAMERA.mp4; frames of one number are of one time.
        output: the new folder; it appears when it is complete.
        height: of the person, metres.
        lenses: folder of a calibration in the canonical layout, whose intrinsics and distortion are used; None: one
            focal length of each camera is found, which needs three cameras or more.

    Raises:
        CaptureError: there is no footage, or an image cannot be used.
        StoreError: the output exists and is not empty, or cannot be written.
        CalibrationError: a lens is missing, or the footage does not determine the cameras.
    """
    check_folder(output)
    if not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
        what = f"a person of {height:g} m is implausible"
        raise CalibrationError(what, code="implausible-height", hint="give the height in metres, such as 1.78")
    images = find_board_footage(folder)
    known = {} if lenses is None else read_cameras(lenses)
    for name in images if lenses is not None else ():
        if name not in known:
            what = "no lens of this camera"
            raise CalibrationError(what, code="missing-calibration", file=lenses, camera=name)
    common = sorted(set.intersection(*map(set, images.values())))
    frames = common[:: -(-len(common) // _MOST_FRAMES) or 1]
    sizes = {
        name: (known[name].width, known[name].height) if name in known else _size(by_frame[frames[0]], name, frames[0])
        for name, by_frame in images.items()
    }
    model = load_blazepose()
    trajectories = {
        name: follow_alone(_read(by_frame, name, frames, *sizes[name]), model) for name, by_frame in images.items()
    }
    some = [frames[index] for index in sorted({(len(frames) - 1) * k // (FRAMES - 1) for k in range(FRAMES)})]
    features = [
        {name: Features.of(read_image(by_frame[frame], name, frame)) for name, by_frame in images.items()}
        for frame in progress(some, "features of the room: frame", len(some))
    ]
    if known:
        found = calibrate_by_walker(trajectories, known, height, features)
    else:
        found = calibrate_lenses_by_walker(trajectories, sizes, height, features)
    with atomic_folder(output) as temporary:
        write_calibration(temporary, found.cameras, sizes=True)
        content = {"person": height, "residual": round(found.residual, 3), "landmarks": found.landmarks}
        content["features"] = None if found.features is None else round(found.features, 3)
        (temporary / "calibration.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return found


def _size(image: LazyImage, camera: str, frame: int) -> tuple[int, int]:
    height, width = read_image(image, camera, frame).shape[:2]
    return width, height


def _read(
    images: Mapping[int, LazyImage], camera: str, frames: list[int], width: int, height: int
) -> Iterator[np.ndarray]:
    for frame in progress(frames, f"camera {camera}: frame", len(frames)):
        image = read_image(images[frame], camera, frame)
        if image.shape[:2] != (height, width):
            what = f"{image.shape[1]} x {image.shape[0]} pixels, but {width} x {height} are expected"
            raise CaptureError(what, code="mixed-sizes", camera=camera, frame=frame)
        yield image
