"""ZJU-MoCap: annots.npy with the cameras and the images of each frame, and mask_cihp/ or mask/.

Translations are in millimetres, pixel centres are integers. annots.npy is a pickle; only arrays and plain values are
unpickled. The masks hold labels of body parts: whatever is not 0 is the person.
"""

import io
import pickle
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from posegaussian.captures.assemble import assemble
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.grouping import camera_names
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.unlisted import report_unlisted
from posegaussian.config.rectify import ANY_LABEL
from posegaussian.counts import counted
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.io.images import IMAGE_SUFFIXES, ImageFile, LazyImage

NAME = "zju_mocap"
_FILE = "annots.npy"
_MASKS = ("mask_cihp", "mask")
"""Folders of masks; the first is of better quality where both exist."""


def recognizes(root: Path) -> bool:
    """Whether a folder looks like this layout."""
    return (root / _FILE).is_file()


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of one performance; a frame's number is its index in annots.npy.

    Raises:
        CaptureError: the annotations are not of the right form.
        CalibrationError: annots.npy is missing or cannot be read.
    """
    file = root / _FILE
    annotations = _load(file)
    try:
        paths = [[PurePosixPath(str(name).replace("\\", "/")) for name in frame["ims"]] for frame in annotations["ims"]]
        calibrations = _calibrations(file, annotations["cams"])
    except (KeyError, TypeError, IndexError, ValueError):
        raise CaptureError(
            "not of ZJU-MoCap's form: cams with K, D, R, T, and ims", code="invalid-annotations", file=file
        ) from None
    folders = _folders(file, paths, len(calibrations))
    names = camera_names([folder.parts for folder in folders], file)
    images = {name: _existing(root, column) for name, column in zip(names, zip(*paths, strict=True), strict=True)}
    masks = _masks(root, names, paths)
    if not asked:
        used = [each.path for files in (images, masks) for by_frame in files.values() for each in by_frame.values()]
        report_unlisted(root, [root / folder for folder in folders], used, f"in {_FILE}")
    return assemble(
        root,
        format=NAME,
        calibrations=dict(zip(names, calibrations, strict=False)),
        images=images,
        masks=masks,
        mask_label=ANY_LABEL,
        calibration_files=[file],
        asked=asked,
        frames=frames,
    )


def _folders(file: Path, paths: Sequence[Sequence[PurePosixPath]], calibrated: int) -> list[PurePosixPath]:
    """The folder of each camera, such as Camera_B1.

    Raises:
        CaptureError: the frames list other cameras, or more than are calibrated.
    """
    if not paths or not paths[0]:
        raise CaptureError("it lists no images", code="missing-frame", file=file)
    folders = [path.parent for path in paths[0]]
    for frame, listed in enumerate(paths):
        if len(listed) != len(folders):
            what = f"lists {counted(len(listed), 'image')}, the first frame {len(folders)}: one of each camera"
            raise CaptureError(what, code="missing-frame", file=file, frame=frame)
        for path, folder in zip(listed, folders, strict=True):
            if path.parent != folder:
                what = f"{path} stands where other frames have an image in {folder}: the order of the cameras changes"
                raise CaptureError(what, code="invalid-annotations", file=file, frame=frame)
    if len(folders) > calibrated:
        what = f"ims lists {counted(len(folders), 'camera')}, but cams holds {calibrated}"
        raise CaptureError(what, code="invalid-annotations", file=file)
    if len(folders) < calibrated:
        listed = counted(len(folders), "camera")
        what = f"cams holds {calibrated} calibrations, ims lists {listed}: matched in their order"
        warn(what, code="spare-calibrations", file=file, hint="check the rig with `posegaussian inspect`")
    return folders


def _existing(root: Path, paths: Sequence[PurePosixPath]) -> dict[int, LazyImage]:
    """Image files by frame, without those that are missing."""
    return {frame: ImageFile(root / path) for frame, path in enumerate(paths) if (root / path).is_file()}


def _masks(
    root: Path, names: Sequence[str], paths: Sequence[Sequence[PurePosixPath]]
) -> dict[str, dict[int, LazyImage]]:
    """Masks by camera and frame: from the first place that has most of those of the first frame; {} without masks.

    For images/00/000000.jpg they are mask/images/00/000000.png or mask/00/000000.png.
    """

    def place(path: PurePosixPath, folder: str, skipped: int, suffix: str) -> PurePosixPath:
        return PurePosixPath(folder, *path.parts[skipped if len(path.parts) > 2 else 0 :]).with_suffix(suffix)

    folders = [folder for folder in _MASKS if (root / folder).is_dir()]
    choices = [(folder, skip, suffix) for folder in folders for skip in (0, 1) for suffix in (".png", *IMAGE_SUFFIXES)]
    counts = [sum((root / place(path, *choice)).is_file() for path in paths[0]) for choice in choices]
    if not any(counts):
        if folders:
            what = "no mask is named like an image: left out"
            warn(what, code="unmatched-masks", file=root / folders[0])
        return {}
    choice = choices[counts.index(max(counts))]
    columns = zip(names, zip(*paths, strict=True), strict=True)
    masks = {name: _existing(root, [place(path, *choice) for path in column]) for name, column in columns}
    return {name: by_frame for name, by_frame in masks.items() if by_frame}


def _calibrations(file: Path, cameras: dict[str, Any]) -> list[Calibration]:
    found = []
    for matrix, distortion, rotation, translation in zip(*(cameras[key] for key in "KDRT"), strict=True):
        intrinsics = np.array(matrix, dtype=float).reshape(3, 3)
        intrinsics[:2, 2] += 0.5
        pose = np.array(rotation, dtype=float).reshape(3, 3), np.array(translation, dtype=float).ravel() / 1000
        found.append(Calibration(intrinsics, np.array(distortion, dtype=float).ravel(), *pose, file))
    return found


class _ArraysOnly(pickle._Unpickler):  # type: ignore[name-defined]
    """An unpickler that calls nothing but the constructors of arrays, so that a file cannot run code.

    It is the one in Python: that in C takes as much memory as a damaged file promises.
    """

    _ALLOWED = ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer")

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in self._ALLOWED:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")


def _load(path: Path) -> dict[str, Any]:
    try:
        file = io.BytesIO(path.read_bytes())
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        read(file)
        content = _ArraysOnly(file).load()
        return content.item() if isinstance(content, np.ndarray) else content
    except FileNotFoundError:
        raise CalibrationError("no such file", code="missing-calibration", file=path) from None
    except Exception as error:  # a damaged pickle can raise anything
        raise CalibrationError(
            f"not a readable annotation ({error})", code="unreadable-calibration", file=path
        ) from None
