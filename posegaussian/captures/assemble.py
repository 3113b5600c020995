"""A Capture from the files that a reader found, with the checks that are the same for every layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from posegaussian.captures.bit_depth import white_level, with_white
from posegaussian.captures.capture import Capture, FrameFiles
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io import video
from posegaussian.io.images import LazyImage, read_image

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
    """Calibration of one camera as a file has it, not checked yet.

    Args:
        matrix: intrinsics, pixel centres at +0.5.
        distortion: OpenCV's coefficients, any number of them.
        rotation: world to camera.
        translation: world to camera, metres.
        file: the file.
        size: width and height that the intrinsics are for; None where the file does not say.
    """

    matrix: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, " n"]
    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, " 3"]
    file: Path
    size: tuple[int, int] | None = None


def assemble(
    root: Path,
    *,
    format: str,
    calibrations: Mapping[str, Calibration],
    images: FrameFiles,
    calibration_files: Sequence[Path],
    masks: FrameFiles | None = None,
    depths: FrameFiles | None = None,
    backgrounds: Mapping[str, LazyImage] | None = None,
    sources: Sequence[str] | None = None,
    held_out: Sequence[str] = (),
    asked: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (),
    joints_file: Path | None = None,
    fps: float | None = None,
    frames: FrameRange | None = None,
    name: str | None = None,
) -> Capture:
    """A Capture from what a reader found, checked; of images of 8 bits, only the first one of each camera is decoded.

    A calibrated camera without images is left out with a warning, unless the user or the capture names it.

    Args:
        root: the capture's folder.
        format: name of the layout.
        calibrations: by camera; those of cameras without images, too.
        images: by camera and frame.
        calibration_files: files of the calibrations and pairs; those that do not exist are left out.
        masks: by camera and frame.
        depths: by camera and frame.
        backgrounds: by camera.
        sources: cameras that may be inputs; default: all but the held-out ones.
        held_out: cameras that renders are only compared with.
        asked: the only cameras that the user wants, whatever their roles; empty: all.
        pairs: source pairs that the capture names.
        joints_file: file of the true joints; it need not exist.
        fps: frames per second.
        frames: which frames to read; default: all.
        name: of the capture; default: the name of its folder.

    Raises:
        CaptureError: a camera or frame is missing.
        CalibrationError: a camera's calibration is impossible.
    """
    named = asked or [*(sources or ()), *held_out]
    cameras = _with_images(root, _choose_cameras(root, calibrations, images, sources, held_out, asked), images, named)
    held_out = [camera for camera in cameras if camera in held_out]
    sources = [camera for camera in cameras if camera not in held_out]
    white = white_level(root, images)
    images = {camera: with_white(by_frame, white) for camera, by_frame in images.items()}
    chosen = _choose_frames(root, images, cameras, frames or FrameRange())
    kinds = {"image": images, "mask": masks or {}, "depth image": depths or {}}
    for kind, files in kinds.items():
        _check_complete(kind, {camera: files[camera] for camera in cameras if camera in files}, chosen)
    return Capture(
        name=name or root.resolve().name,
        root=root,
        format=format,
        cameras={
            camera: checked_camera(
                calibrations[camera], camera, read_image(images[camera][chosen[0]], camera, chosen[0])
            )
            for camera in cameras
        },
        frames=tuple(chosen),
        sources=tuple(sources),
        held_out=tuple(held_out),
        pairs=tuple(pair for pair in pairs if not asked or set(pair) <= set(sources)),
        calibration_files=tuple(path for path in calibration_files if path.is_file()),
        images=images,
        masks=masks or {},
        depths=depths or {},
        joints_file=joints_file if joints_file and joints_file.is_file() else None,
        backgrounds=with_white(backgrounds or {}, white),
        fps=fps,
    )


def _choose_cameras(
    root: Path,
    calibrations: Mapping[str, Calibration],
    images: FrameFiles,
    sources: Sequence[str] | None,
    held_out: Sequence[str],
    asked: Sequence[str],
) -> list[str]:
    """The cameras that were asked for, or else those that have a role, sources first."""
    known = list(dict.fromkeys([*calibrations, *images]))
    for camera in asked:
        if camera not in known:
            what = f"no such camera (there are {', '.join(known)})"
            raise CaptureError(what, code="unknown-camera", file=root, camera=camera)
    sources = [camera for camera in calibrations if camera not in held_out] if sources is None else sources
    with_roles = [*sources, *held_out]
    return [*dict.fromkeys(c for c in [*with_roles, *asked] if c in asked)] if asked else with_roles


def _with_images(root: Path, cameras: Sequence[str], images: FrameFiles, named: Sequence[str]) -> list[str]:
    """The cameras that have images; the others are left out with a warning, but for named ones, which are an error."""
    missing = [camera for camera in cameras if not images.get(camera)]
    for camera in missing:
        if camera in named or missing == list(cameras):
            raise CaptureError("no images of this camera", code="no-images", file=root, camera=camera)
        warn("a calibrated camera without images: left out", code="camera-without-footage", file=root, camera=camera)
    return [camera for camera in cameras if camera not in missing]


def _choose_frames(root: Path, images: FrameFiles, cameras: Sequence[str], frames: FrameRange) -> list[int]:
    """Frame numbers to read; where videos differ in length, the frames that all of them have."""
    if not cameras:
        raise CaptureError("no cameras", code="no-cameras", file=root)
    found = [set(images[camera]) for camera in cameras]
    every, common = set().union(*found), set.intersection(*found)
    if every != common and all(isinstance(_first(images[camera]), video.VideoFrame) for camera in cameras):
        lengths = ", ".join(f"{camera}: {len(images[camera])}" for camera in cameras)
        warn(
            f"the videos differ in length ({lengths}): the first {len(common)} frames are used",
            code="unequal-videos",
            file=root,
        )
        every = common
    chosen = frames.choose(sorted(every))
    if not chosen:
        known = f"they are {min(every)} to {max(every)}" if every else "there are none"
        raise CaptureError(f"none of the frames is chosen ({known})", code="no-frames-chosen", file=root)
    return chosen


def _check_complete(kind: str, files: FrameFiles, frames: Sequence[int]) -> None:
    """Raise a CaptureError that names the file, if a camera lacks one of the frames."""
    for camera, by_frame in files.items():
        for frame in frames:
            if frame not in by_frame:
                like = _first(by_frame).path
                path = like.with_name(str(frame).zfill(len(like.stem)) + like.suffix) if like.stem.isdecimal() else like
                hint = "leave the frame out with a frame range, or the camera with rig.json"
                raise CaptureError(
                    f"no such {kind}", code="missing-frame", file=path, camera=camera, frame=frame, hint=hint
                )


def _first(by_frame: Mapping[int, LazyImage]) -> LazyImage:
    return by_frame[min(by_frame)]


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
    parts = {"intrinsics": calibration.matrix, "distortion": calibration.distortion}
    parts |= {"rotation": calibration.rotation, "translation": calibration.translation}
    for name, values in parts.items():
        if not np.isfinite(values).all():
            raise CalibrationError(f"the {name} holds a number that is not finite", code="not-finite", **where)
        if abs(values).max(initial=0) > LARGEST:
            what = f"the {name} holds a number beyond {LARGEST:.0g}: {abs(values).max():.3g}"
            raise CalibrationError(what, code="number-out-of-range", **where)
    matrix = calibration.matrix.astype(float)
    if min(matrix[0, 0], matrix[1, 1]) < _LEAST_FOCAL or np.linalg.det(matrix) == 0:
        raise CalibrationError("the intrinsics are singular", code="singular-intrinsics", **where)
    if not np.array_equal(matrix * [[0, 1, 0], [1, 0, 0], [1, 1, 1]], np.diag([0, 0, 1])):
        raise CalibrationError("the intrinsics are not [fx 0 cx; 0 fy cy; 0 0 1]", code="skewed-intrinsics", **where)
    rotation = calibration.rotation
    error = abs(rotation @ rotation.T - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        what = f"the rotation is not orthonormal (off by {error:.2g}, determinant {np.linalg.det(rotation):.3g})"
        raise CalibrationError(what, code="not-a-rotation", **where)
    left, _, right = np.linalg.svd(rotation)  # files round their numbers: take the nearest rotation
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = left @ right, calibration.translation
    distortion = calibration.distortion.astype(float)
    length = next((n for n in _COEFFICIENT_COUNTS if n >= len(distortion)), None)
    if length is None:
        what = f"the distortion has {len(distortion)} coefficients, more than {_COEFFICIENT_COUNTS[-1]}"
        raise CalibrationError(what, code="too-many-coefficients", **where)
    scale = _scale(calibration, camera, image)
    return SourceCamera(scale @ matrix, np.pad(distortion, (0, length - len(distortion))), pose, width, height)


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
