"""Calibrations in TOML, as AniposeLib, Pose2Sim, FreeMoCap and caliscope write them.

A section for each camera ([cam_0], [cameras.0] in caliscope's own file) holds `matrix`, `distortions`, `rotation` (a
Rodrigues vector, or a matrix in caliscope's older files), `translation`, both world to camera, and `size`. The camera's
name is `name`, or else the section's. Pixels count from the centre of the first one. Units are the program's: FreeMoCap
and AniposeLib use millimetres or squares of the board, Pose2Sim and caliscope metres. Other sections and keys
(metadata, world_position, grid_count, ...) are not read.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.captures.calibration import Calibration
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.text import read_text

_CENTRED = 0.1
"""Principal points lie this near to the image's middle, as a share of its size. Chosen by hand: real lenses are within
a few per cent."""


def read_toml(file: Path) -> dict[str, Callable[[], Calibration]]:
    """Functions that return the calibrations, by camera: cameras without footage may have lenses that are refused.

    Cameras that are marked `ignore`, or were never given a pose, are left out.

    Raises:
        CalibrationError: the file is not TOML; from the functions: values are missing or broken, or a fisheye lens.
        CaptureError: two cameras have the same name.
    """
    try:
        content = tomllib.loads(read_text(file))
    except (OSError, ValueError, RecursionError) as error:
        raise CalibrationError(f"not valid TOML ({error})", code="unreadable-calibration", file=file) from None
    nested = content.get("cameras", {})
    sections = content | nested if isinstance(nested, dict) else content
    found: dict[str, Callable[[], Calibration]] = {}
    for key, values in sections.items():
        if not isinstance(values, dict) or "matrix" not in values or values.get("ignore"):
            continue
        name = str(values.get("name", key))
        if "rotation" not in values and "translation" not in values:
            what = "intrinsics without a pose (rotation, translation): left out"
            warn(what, code="camera-without-pose", file=file, camera=name)
            continue
        if name in found:
            raise CaptureError("two cameras have this name", code="repeated-camera", file=file, camera=name)
        found[name] = partial(_calibration, file, name, values)
    return found


def _calibration(file: Path, camera: str, values: Mapping[str, Any]) -> Calibration:
    if values.get("fisheye"):
        hint = "undistort the images first"
        raise CalibrationError("a fisheye lens", code="unsupported-lens", file=file, camera=camera, hint=hint)
    try:
        matrix = np.array(values["matrix"], dtype=float).reshape(3, 3)
        matrix[:2, 2] += 0.5
        rotation = np.array(values["rotation"], dtype=float)
        rotation = rotation.reshape(3, 3) if rotation.size == 9 else cv2.Rodrigues(rotation.reshape(3, 1))[0]
        translation = np.array(values["translation"], dtype=float).reshape(3)
        size = (round(values["size"][0]), round(values["size"][1])) if values.get("size") else None
        if size is not None and min(size) <= 0:
            raise ValueError(f"size = {values['size']}")
        distortion = np.array(values.get("distortions", []), dtype=float).ravel()
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, cv2.error) as error:
        what = f"missing or broken values ({error})"
        raise CalibrationError(what, code="invalid-calibration", file=file, camera=camera) from None
    if size is not None and _exchanged(matrix, size):
        what = f"the size {size[0]} x {size[1]} fits the principal point only as {size[1]} x {size[0]}: exchanged"
        warn(what, code="exchanged-size", file=file, camera=camera)
        size = size[::-1]
    return Calibration(matrix, distortion, rotation, translation, file, size)


def _exchanged(matrix: Float[np.ndarray, "3 3"], size: tuple[int, int]) -> bool:
    """Whether width and height are exchanged: the principal point lies in the middle of the other image only."""
    off, turned = (np.abs(matrix[:2, 2] / each - 0.5).max() for each in (np.array(size), np.array(size[::-1])))
    return bool(turned < _CENTRED < off)
