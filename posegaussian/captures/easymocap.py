"""Captures in the layout of EasyMocap: images/, masks/, intri.yml, extri.yml.

Files count pixels from the centre of the first one; the shift by half a pixel happens here. Beyond EasyMocap a capture
may hold depths/ and joints.json (truth), and rig.json, which tells source from target cameras.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.pictures import picture_size
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.geometry.lens import SourceCamera

_SUFFIXES = (".jpg", ".jpeg", ".png")
_ROTATION_TOLERANCE = 1e-3
_COEFFICIENTS = (5, 8, 12, 14)
"""Lengths of distortion that OpenCV knows; shorter ones are filled with zeros."""


def read_easymocap(root: Path) -> Capture:
    """Read a capture folder; every file is looked for now, the pictures are decoded when asked for.

    Raises:
        CaptureError: a folder, camera or frame is missing.
        CalibrationError: a camera's calibration is missing or impossible.
    """
    if not root.is_dir():
        raise CaptureError("no such folder", file=root)
    intrinsics, extrinsics = _Calibration(root / "intri.yml"), _Calibration(root / "extri.yml")
    sources, targets, pairs = _rig(root, intrinsics.cameras())
    names = sources + targets
    images = {name: _pictures(root / "images", name) for name in names}
    frames = sorted(set().union(*images.values()))
    masks = {name: _pictures(root / "masks", name) for name in names}
    depths = {name: _pictures(root / "depths", name) for name in names if (root / "depths" / name).is_dir()}
    for kind, files in (("images", images), ("masks", masks), ("depths", depths)):
        _complete(root / kind, files, frames)
    cameras = {}
    for name in names:
        matrix, distortion = _intrinsics(intrinsics, name)
        pose = _pose(extrinsics, name)
        cameras[name] = SourceCamera(matrix, distortion, pose, *picture_size(images[name][frames[0]], name, frames[0]))
    calibration_files = [intrinsics.path, extrinsics.path, root / "rig.json"]
    joints = root / "joints.json"
    return Capture(
        name=root.resolve().name,
        root=root,
        cameras=cameras,
        frames=tuple(frames),
        sources=tuple(sources),
        targets=tuple(targets),
        pairs=tuple(pairs),
        calibration_files=tuple(path for path in calibration_files if path.is_file()),
        images=images,
        masks=masks,
        depths=depths,
        joints_file=joints if joints.is_file() else None,
    )


def _rig(root: Path, calibrated: list[str]) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """Sources, targets and pairs as rig.json names them; without it every camera is a source."""
    path = root / "rig.json"
    if not path.is_file():
        folders = sorted(folder.name for folder in (root / "images").glob("*") if folder.is_dir())
        return sorted({*calibrated, *folders}), [], []
    try:
        rig = json.loads(path.read_text(encoding="utf-8"))
        sources, targets = [*map(str, rig["sources"])], [*map(str, rig.get("targets", []))]
        pairs = [(str(a), str(b)) for a, b in rig.get("pairs", [])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CaptureError(
            'not of the form {"sources": [...], "targets": [...], "pairs": [[...]]}', file=path
        ) from None
    if len({*sources, *targets}) < len(sources) + len(targets):
        raise CaptureError("a camera is named twice", file=path)
    return sources, targets, pairs


def _pictures(folder: Path, camera: str) -> dict[int, Path]:
    """One camera's pictures by frame number."""
    files = sorted((folder / camera).glob("*"))
    found = {int(path.stem): path for path in files if path.suffix.lower() in _SUFFIXES and path.stem.isdecimal()}
    if not found:
        raise CaptureError("no pictures of this camera", file=folder / camera, camera=camera)
    return found


def _complete(folder: Path, files: dict[str, dict[int, Path]], frames: Sequence[int]) -> None:
    for name, by_frame in files.items():
        for frame in frames:
            if frame not in by_frame:
                suffix = next(iter(by_frame.values())).suffix
                path = folder / name / f"{frame:06d}{suffix}"
                raise CaptureError("no such picture", file=path, camera=name, frame=frame)


def _intrinsics(file: "_Calibration", camera: str) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " n"]]:
    matrix = file.matrix(f"K_{camera}", camera, (3, 3)).copy()
    if matrix[0, 0] <= 0 or matrix[1, 1] <= 0 or np.linalg.det(matrix) == 0:
        raise CalibrationError(f"K_{camera} is singular", file=file.path, camera=camera)
    if not np.array_equal(matrix * [[0, 1, 0], [1, 0, 0], [1, 1, 1]], np.diag([0, 0, 1])):
        raise CalibrationError(f"K_{camera} is not [fx 0 cx; 0 fy cy; 0 0 1]", file=file.path, camera=camera)
    matrix[:2, 2] += 0.5
    distortion = file.matrix(f"dist_{camera}", camera, None).ravel()
    length = next((n for n in _COEFFICIENTS if n >= len(distortion)), None)
    if length is None:
        what = f"dist_{camera} has {len(distortion)} coefficients, more than {_COEFFICIENTS[-1]}"
        raise CalibrationError(what, file=file.path, camera=camera)
    return matrix, np.pad(distortion, (0, length - len(distortion)))


def _pose(file: "_Calibration", camera: str) -> Float[np.ndarray, "4 4"]:
    if f"Rot_{camera}" in file.keys:
        rotation = file.matrix(f"Rot_{camera}", camera, (3, 3))
    else:
        rotation = cv2.Rodrigues(file.matrix(f"R_{camera}", camera, (3, 1)))[0]
    error = abs(rotation @ rotation.T - np.eye(3)).max()
    if error > _ROTATION_TOLERANCE or np.linalg.det(rotation) < 0:
        what = f"the rotation is not orthonormal (off by {error:.2g}, determinant {np.linalg.det(rotation):.3g})"
        raise CalibrationError(what, file=file.path, camera=camera)
    left, _, right = np.linalg.svd(rotation)  # files round: take the nearest rotation
    pose = np.eye(4)
    pose[:3, :3] = left @ right
    pose[:3, 3] = file.matrix(f"T_{camera}", camera, (3, 1)).ravel()
    return pose


class _Calibration:
    """A file of OpenCV's FileStorage, `%YAML:1.0` or `%YAML 1.2`."""

    def __init__(self, path: Path):
        self.path = path
        if not path.is_file():
            raise CalibrationError("no such file", file=path)
        try:
            self._file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
            self.keys = set(self._file.root().keys())
        except (cv2.error, SystemError):
            raise CalibrationError("not a file of OpenCV's FileStorage", file=path) from None

    def cameras(self) -> list[str]:
        """The cameras that the file names, or else those it holds intrinsics of."""
        node = self._file.getNode("names")
        named = [node.at(index).string() for index in range(node.size())] if node.isSeq() else []
        return named or sorted(key.removeprefix("K_") for key in self.keys if key.startswith("K_"))

    def matrix(self, key: str, camera: str, shape: tuple[int, int] | None) -> Float[np.ndarray, "rows columns"]:
        """One finite matrix, of the shape if one is given."""
        if key not in self.keys:
            raise CalibrationError(f"no {key}: the camera is not calibrated", file=self.path, camera=camera)
        try:
            matrix = self._file.getNode(key).mat()
        except (cv2.error, SystemError):
            matrix = None
        if matrix is None or (shape is not None and matrix.size != shape[0] * shape[1]):
            expected = f"a {shape[0]} x {shape[1]} matrix" if shape else "a matrix of numbers"
            raise CalibrationError(f"{key} is not {expected}", file=self.path, camera=camera)
        if not np.isfinite(matrix).all():
            raise CalibrationError(f"{key} holds a number that is not finite", file=self.path, camera=camera)
        return matrix.astype(float).reshape(shape or matrix.shape)
