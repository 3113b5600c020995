"""Pose2Sim: calibration/Calib*.toml (also AniposeLib's) or Qualisys' *.qca.txt, and videos/.

Calib.toml: Rodrigues rotations and translations, world to camera, metres. QCA (XML): intrinsics in 1/64 pixel; the
camera's position in millimetres, and a rotation whose rows are the camera's axes: x right, y up, z backward. Both count
pixels from the centre of the first one.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np

from posegaussian.captures.assemble import assemble
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.sequences import FrameRange, background_images, find_sequences, frame_rate, image_sequence
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.text import read_text

NAME = "pose2sim"
_QCA_UNIT = 1 / 64
"""Pixels per step of QCA's intrinsics."""
_QCA_AXES = np.diag([1.0, -1.0, -1.0])
"""From QCA's camera axes to OpenCV's."""


def recognizes(root: Path) -> bool:
    """Whether a folder looks like this layout."""
    return _calibration_file(root) is not None


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of one trial; cameras without footage are left out.

    Raises:
        CaptureError: there are several calibrations, or no footage.
        CalibrationError: the calibration is missing or cannot be read.
    """
    file = _calibration_file(root)
    if file is None:
        raise CalibrationError("neither Calib*.toml nor *.qca.txt", code="missing-calibration", file=root)
    calibrations = _read_toml(file) if file.suffix == ".toml" else _read_qca(file)
    if not calibrations:
        raise CalibrationError("no cameras", code="no-calibrated-cameras", file=file)
    images = find_sequences(root, list(asked or calibrations), frames)
    masks = root / "masks"
    return assemble(
        root,
        format=NAME,
        calibrations=calibrations,
        images=images,
        masks={camera: image_sequence(masks / camera, camera) for camera in images} if masks.is_dir() else {},
        backgrounds=background_images(root, images),
        calibration_files=[file],
        asked=asked,
        fps=frame_rate(images),
        frames=frames,
    )


def _calibration_file(root: Path) -> Path | None:
    """Calibration file in calibration/ of the trial or beside it (for several trials), or in the trial's own folder."""
    for folder in (root / "calibration", root, root.parent / "calibration"):
        for pattern in ("[Cc]alib*.toml", "*.qca.txt"):
            found = sorted(folder.glob(pattern))
            if len(found) > 1:
                names = ", ".join(path.name for path in found)
                raise CaptureError(
                    f"several calibrations ({names})",
                    code="several-calibrations",
                    file=folder,
                    hint="keep one of them there",
                )
            if found:
                return found[0]
    return None


def _read_toml(file: Path) -> dict[str, Calibration]:
    try:
        sections = tomllib.loads(read_text(file))
    except (OSError, ValueError) as error:
        raise CalibrationError(f"not valid TOML ({error})", code="unreadable-calibration", file=file) from None
    cameras = {key: value for key, value in sections.items() if isinstance(value, dict) and "matrix" in value}
    return {str(values.get("name", key)): _from_toml(file, key, values) for key, values in cameras.items()}


def _from_toml(file: Path, key: str, values: dict[str, Any]) -> Calibration:
    if values.get("fisheye"):
        raise CalibrationError(
            "a fisheye lens", code="unsupported-lens", file=file, camera=key, hint="undistort the images first"
        )
    try:
        matrix = np.array(values["matrix"], dtype=float).reshape(3, 3)
        matrix[:2, 2] += 0.5
        rotation = cv2.Rodrigues(np.array(values["rotation"], dtype=float).reshape(3, 1))[0]
        translation = np.array(values["translation"], dtype=float).reshape(3)
        size = (round(values["size"][0]), round(values["size"][1])) if values.get("size") else None
        distortion = np.array(values.get("distortions", []), dtype=float).ravel()
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CalibrationError(
            f"missing or broken values ({error})", code="invalid-calibration", file=file, camera=key
        ) from None
    return Calibration(matrix, distortion, rotation, translation, file, size)


def _read_qca(file: Path) -> dict[str, Calibration]:
    try:
        cameras = list(ElementTree.parse(file).getroot().iterfind("cameras/camera"))
    except (OSError, ElementTree.ParseError) as error:
        raise CalibrationError(f"not valid XML ({error})", code="unreadable-calibration", file=file) from None
    return {camera.get("serial", str(number)): _from_qca(file, camera) for number, camera in enumerate(cameras)}


def _from_qca(file: Path, camera: ElementTree.Element) -> Calibration:
    def numbers(tag: str, *keys: str) -> list[float]:
        """Attributes of the camera's only element of this tag."""
        element = camera.find(tag)
        if element is None or any(element.get(key) is None for key in keys):
            what = f"no {tag} with {', '.join(keys)}"
            raise CalibrationError(what, code="invalid-calibration", file=file, camera=camera.get("serial"))
        return [float(element.get(key, "nan")) for key in keys]

    left, top, right, bottom = numbers("fov_video", "left", "top", "right", "bottom")
    focal = np.array(numbers("intrinsic", "focalLengthU", "focalLengthV")) * _QCA_UNIT
    centre = np.array(numbers("intrinsic", "centerPointU", "centerPointV")) * _QCA_UNIT - [left, top] + 0.5
    lens = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    axes = np.array(numbers("transform", *(f"r{i}{j}" for i in "123" for j in "123"))).reshape(3, 3)
    rotation = _QCA_AXES @ axes
    return Calibration(
        np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]]),
        np.array(numbers("intrinsic", *lens, "radialDistortion3")),
        rotation,
        -rotation @ np.array(numbers("transform", "x", "y", "z")) / 1000,
        file,
        (round(right - left) + 1, round(bottom - top) + 1),
    )
