"""Pose2Sim and its relatives: a calibration in TOML (see `calibration_toml`) or Qualisys' *.qca.txt, and videos/.

QCA (XML): intrinsics in 1/64 pixel; the camera's position in millimetres, and a rotation whose rows are the camera's
axes: x right, y up, z backward. It counts pixels from the centre of the first one.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from posegaussian.captures.assemble import assemble
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.footage import find_footage
from posegaussian.captures.formats.calibration_toml import read_toml
from posegaussian.captures.matching import check_known, entries
from posegaussian.captures.sequences import FrameRange, background_images
from posegaussian.errors import CalibrationError, CaptureError

NAME = "pose2sim"
_PATTERNS = (
    "[Cc]alib*.toml",  # Pose2Sim, AniposeLib
    "*_camera_calibration.toml",  # FreeMoCap
    "camera_array.toml",  # caliscope
    "camera_array_aniposelib.toml",  # caliscope, for Pose2Sim
    "*.qca.txt",  # Qualisys
)
"""Names of calibration files, the first that is found counts."""
_PARTS = ("calibration", "videos", "synchronized_videos", "images", "masks")
"""Folders of a trial, which are none themselves."""
_QCA_UNIT = 1 / 64
"""Pixels per step of QCA's intrinsics."""
_QCA_AXES = np.diag([1.0, -1.0, -1.0])
"""From QCA's camera axes to OpenCV's."""


def recognizes(root: Path) -> bool:
    """Whether a folder looks like this layout, or a file is one of its calibrations; not a folder of a trial."""
    return _calibration_file(root) is not None and root.absolute().name not in _PARTS


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of one trial; cameras without footage are left out, with a warning.

    Raises:
        CaptureError: there are several calibrations, or no footage.
        CalibrationError: the calibration is missing or cannot be read.
    """
    file = _calibration_file(root)
    if file is None:
        raise CalibrationError("neither Calib*.toml nor *.qca.txt", code="missing-calibration", file=root)
    if root.is_file():
        root = root.parent.parent if root.parent.name == "calibration" else root.parent
    calibrations = read_toml(file) if file.suffix == ".toml" else _read_qca(file)
    if not calibrations:
        raise CalibrationError("no calibrated cameras", code="no-calibrated-cameras", file=file)
    check_known(asked, calibrations, file)
    footage = find_footage(root, calibrations, frames, asked)
    return assemble(
        root,
        format=NAME,
        calibrations={camera: calibrations[camera]() for camera in footage.images},
        images=footage.images,
        masks=footage.beside(root / "masks"),
        backgrounds=background_images(root, footage.images),
        calibration_files=[file],
        asked=asked,
        fps=footage.fps,
        frames=frames,
        matched_in_order=footage.matched_in_order,
    )


def _calibration_file(root: Path) -> Path | None:
    """Calibration file in calibration/ of the trial or beside it (for several trials), or in the trial's own folder.

    caliscope keeps recordings/NAME/ beside its file.
    """
    if root.is_file():
        return root if root.suffix == ".toml" or root.name.endswith(".qca.txt") else None
    folders = [root / "calibration", root, root.parent / "calibration"]
    folders += [root.parent.parent] if root.parent.name == "recordings" else []
    for folder in folders:
        for pattern in _PATTERNS:
            found = [path for path in entries(folder) if fnmatchcase(path.name, pattern)]
            if len(found) > 1:
                names = ", ".join(path.name for path in found)
                what, hint = f"several calibrations ({names})", "give one of these files instead of the folder"
                raise CaptureError(what, code="several-calibrations", file=folder, hint=hint)
            if found:
                return found[0]
    return None


def _read_qca(file: Path) -> dict[str, Callable[[], Calibration]]:
    try:
        cameras = list(ElementTree.parse(file).getroot().iterfind("cameras/camera"))
    except (OSError, ElementTree.ParseError, LookupError, ValueError) as error:  # the latter for unknown encodings
        raise CalibrationError(f"not valid XML ({error})", code="unreadable-calibration", file=file) from None
    found: dict[str, Callable[[], Calibration]] = {}
    for number, camera in enumerate(cameras):
        name = camera.get("serial", str(number))
        if name in found:
            raise CaptureError("two cameras have this serial", code="repeated-camera", file=file, camera=name)
        found[name] = partial(_from_qca, file, camera)
    return found


def _from_qca(file: Path, camera: ElementTree.Element) -> Calibration:
    def numbers(tag: str, *keys: str) -> list[float]:
        """Attributes of the camera's only element of this tag."""
        element = camera.find(tag)
        if element is None or any(element.get(key) is None for key in keys):
            what = f"no {tag} with {', '.join(keys)}"
            raise CalibrationError(what, code="invalid-calibration", file=file, camera=camera.get("serial"))
        try:
            return [float(element.get(key, "nan")) for key in keys]
        except ValueError as error:
            what = f"{tag}: {error}"
            raise CalibrationError(what, code="invalid-calibration", file=file, camera=camera.get("serial")) from None

    left, top, right, bottom = numbers("fov_video", "left", "top", "right", "bottom")
    if not np.isfinite([left, top, right, bottom]).all():
        what = "fov_video holds a number that is not finite"
        raise CalibrationError(what, code="not-finite", file=file, camera=camera.get("serial"))
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
