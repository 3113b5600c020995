"""The calibration of a camera as a file has it, and the checks and repairs that make a camera of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.geometry.lens import SourceCamera

_ROTATION_TOLERANCE = 1e-3
"""Largest error of the entries of R R^T: files round their numbers. Chosen by hand."""
_COEFFICIENT_COUNTS = (5, 8, 12, 14)
"""Numbers of distortion coefficients that OpenCV accepts; shorter ones are padded with zeros."""
_LEAST_SIZE = 16
"""Shortest side of an image, pixels. Chosen by hand."""
LARGEST = 1e9
"""Largest number of a calibration; damaged files hold larger ones, whose squares are no numbers. Chosen by hand."""
_LEAST_FOCAL = 1e-3
"""Shortest focal length, pixels. Chosen by hand: a real one is a good part of the image's width."""
_MACROBLOCK = 16
"""Video codecs pad images to multiples of a macroblock, pixels; a calibration may include the padding."""
_BLACK = 10
"""Highest mean level of black bars, 0..255. Chosen by hand: compression adds some noise."""


@dataclass(frozen=True)
class Calibration:
    """Calibration of one camera as a file has it, not checked yet."""

    matrix: Float[np.ndarray, "3 3"]  # intrinsics, pixel centres at +0.5
    distortion: Float[np.ndarray, " n"]  # OpenCV's coefficients, any number of them
    rotation: Float[np.ndarray, "3 3"]  # world to camera
    translation: Float[np.ndarray, " 3"]  # world to camera, metres
    file: Path
    # width and height that the intrinsics are for; None where the file does not say
    size: tuple[int, int] | None = None


def checked_camera(calibration: Calibration, camera: str, image: UInt8[np.ndarray, "h w 3"]) -> SourceCamera:
    """The camera that took an image; its calibration is checked, and scaled where it is for another image size.

    Raises:
        CalibrationError: the calibration is impossible, or for images of another shape.
        CaptureError: the image is too small.
    """
    where = {"file": calibration.file, "camera": camera}
    height, width = image.shape[:2]
    if min(height, width) < _LEAST_SIZE:
        raise CaptureError(
            f"images of {width} x {height} pixels are too small to show a person", code="small-images", camera=camera
        )
    matrix, rotation = calibration.matrix.astype(float), calibration.rotation
    check_numbers(matrix, calibration.distortion, rotation, calibration.translation, **where)
    if calibration.size is not None and min(calibration.size) < 1:
        what = f"calibrated at {calibration.size[0]} x {calibration.size[1]} pixels"
        raise CalibrationError(what, code="invalid-calibration", **where)
    left, _, right = np.linalg.svd(rotation)  # files round their numbers: take the nearest rotation
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = left @ right, calibration.translation
    distortion = calibration.distortion.astype(float)
    length = next((n for n in _COEFFICIENT_COUNTS if n >= len(distortion)), None)
    if length is None:
        what = f"the distortion has {len(distortion)} coefficients, more than {_COEFFICIENT_COUNTS[-1]}"
        raise CalibrationError(what, code="too-many-coefficients", **where)
    scale = _scale(calibration, camera, image)
    found = SourceCamera(scale @ matrix, np.pad(distortion, (0, length - len(distortion))), pose, width, height)
    inner = np.array([(x * width, y * height) for x in (0.25, 0.5, 0.75) for y in (0.25, 0.5, 0.75)])
    with np.errstate(all="ignore"):
        if not np.isfinite(found.directions(inner)).all():
            hint = "fisheye lenses are not supported: undistort the images first"
            raise CalibrationError("the distortion cannot be undone", code="unsupported-lens", **where, hint=hint)
    return found


def check_numbers(
    intrinsics: Float[np.ndarray, "3 3"],
    distortion: Float[np.ndarray, " n"],
    rotation: Float[np.ndarray, "3 3"],
    translation: Float[np.ndarray, " 3"],
    *,
    camera: str,
    file: Path | None = None,
) -> None:
    """Raise a CalibrationError where the numbers of a calibration are no camera's."""
    where = {"file": file, "camera": camera}
    parts = {"intrinsics": intrinsics, "distortion": distortion, "rotation": rotation, "translation": translation}
    for name, values in parts.items():
        if not np.isfinite(values).all():
            raise CalibrationError(f"a number of the {name} is not finite", code="not-finite", **where)
        if abs(values).max(initial=0) > LARGEST:
            what = f"a number of the {name} is beyond {LARGEST:.0g}: {abs(values).max():.3g}"
            raise CalibrationError(what, code="number-out-of-range", **where)
    if min(intrinsics[0, 0], intrinsics[1, 1]) < _LEAST_FOCAL or np.linalg.det(intrinsics) == 0:
        raise CalibrationError("the intrinsics are singular", code="singular-intrinsics", **where)
    if not np.array_equal(intrinsics * [[0, 1, 0], [1, 0, 0], [1, 1, 1]], np.diag([0, 0, 1])):
        raise CalibrationError("the intrinsics are not [fx 0 cx; 0 fy cy; 0 0 1]", code="skewed-intrinsics", **where)
    error = abs(rotation @ rotation.T - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        what = f"the rotation is not orthonormal (off by {error:.2g}, determinant {np.linalg.det(rotation):.3g})"
        raise CalibrationError(what, code="not-a-rotation", **where)


def _letterboxed(image: UInt8[np.ndarray, "h w 3"], across: int, down: int) -> bool:
    """Whether an image has black bars of these widths at the sides, and above and below."""
    height, width = image.shape[:2]
    inner = np.s_[down : height - down, across : width - across]
    outer = np.ones((height, width), bool)
    outer[inner] = False
    return bool(outer.any() and image[outer].mean() < _BLACK and image[inner].mean() > 2 * _BLACK)


def _scale(calibration: Calibration, camera: str, image: UInt8[np.ndarray, "h w 3"]) -> Float[np.ndarray, "3 3"]:
    """Matrix from pixels of the calibration to pixels of the images, which may have been resized, cropped or padded."""
    size = image.shape[1], image.shape[0]
    if calibration.size is None or calibration.size == size:
        return np.eye(3)
    calibrated = f"{calibration.size[0]} x {calibration.size[1]}"
    where = {"file": calibration.file, "camera": camera}
    what = f"calibrated at {calibrated}, but the images have {size[0]} x {size[1]} pixels"
    fit = min(size[0] / calibration.size[0], size[1] / calibration.size[1])
    bars = [(current - fit * original) / 2 for current, original in zip(size, calibration.size, strict=True)]
    if _letterboxed(image, *map(int, bars)):
        warn(
            f"{what}: the intrinsics are scaled by {fit:.4g} and shifted by the black bars",
            code="letterboxed-images",
            **where,
        )
        return np.array([[fit, 0, bars[0]], [0, fit, bars[1]], [0, 0, 1]])
    if max(abs(a - b) for a, b in zip(calibration.size, size, strict=True)) < _MACROBLOCK:
        warn(
            f"{what}: treated as cropped at the right and at the bottom (padding of a codec)",
            code="padded-images",
            **where,
        )
        return np.eye(3)
    across, down = size[0] / calibration.size[0], size[1] / calibration.size[1]
    if abs(across * calibration.size[1] - size[1]) <= 1 and abs(down * calibration.size[0] - size[0]) <= 1:
        warn(f"{what}: the intrinsics are scaled by {across:.4g}", code="scaled-intrinsics", **where)
        return np.diag([across, down, 1.0])
    raise CalibrationError(
        what, code="wrong-image-size", **where, hint="calibrate with images of this shape, or give those"
    )
