"""EasyMocap: images/ or videos/, masks/, intri.yml, extri.yml.

Files count pixels from the centre of the first one; the shift by half a pixel happens here. In addition to EasyMocap's
files, a capture may have depths/ and joints.json (truth), backgrounds/, and rig.json, which names source and held-out
cameras.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.captures.assemble import assemble
from posegaussian.captures.calibration import Calibration, checked_camera
from posegaussian.captures.capture import Capture
from posegaussian.captures.footage import find_footage
from posegaussian.captures.formats.opencv_yaml import number, parse_opencv
from posegaussian.captures.joints_file import own_joints
from posegaussian.captures.matching import check_known
from posegaussian.captures.offsets import in_common, moved
from posegaussian.captures.sequences import FrameRange, background_images
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.images import DepthFile
from posegaussian.names import did_you_mean, natural_order, words
from posegaussian.text import read_json, read_text

NAME = "easymocap"
_RIG = (
    '{"sources": [...], "targets": [...], "pairs": [[...]], "fps": ..., "frames": "START:STOP:STEP", "offsets": {...}}'
)


def recognizes(root: Path) -> bool:
    """Whether a folder looks like this layout."""
    return (root / "intri.yml").is_file() or (root / "extri.yml").is_file()


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture from its folder; missing files are reported at once, images are decoded on demand.

    Raises:
        CaptureError: a folder, camera or frame is missing.
        CalibrationError: a camera's calibration is missing or impossible.
    """
    if not root.is_dir():
        raise CaptureError("no such folder", code="missing-folder", file=root)
    intrinsics, extrinsics = _Calibration(root / "intri.yml"), _Calibration(root / "extri.yml")
    rig = _read_rig(root / "rig.json")
    named = [*(rig.sources or []), *rig.held_out]
    calibrated = list(dict.fromkeys([*intrinsics.cameras(), *named]))
    check_known(asked, calibrated, root)
    for name in asked or named:
        intrinsics.matrix(f"K_{name}", name, (3, 3))  # before its footage is looked for, which is under the right name
    frames = frames or FrameRange.parse(rig.frames)
    footage = find_footage(root, calibrated, frames, asked or named)
    if rig.offsets:
        footage = replace(footage, images=in_common(moved(footage.images, rig.offsets)))
    names = [*footage.images]
    if bare := [name for name in names if intrinsics.distortion(name) is None]:
        what = f"neither dist_ nor D_ of {', '.join(bare)}: taken as lenses without distortion"
        warn(what, code="no-distortion", file=intrinsics.path)
    masks = next((root / kind for kind in ("masks", "mask") if (root / kind).is_dir()), None)
    depths = footage.beside(root / "depths")
    capture = assemble(
        root,
        format=NAME,
        calibrations={name: _calibration(intrinsics, extrinsics, name) for name in names},
        images=footage.images,
        masks=footage.beside(masks) if masks else {},
        depths={name: {frame: DepthFile(p.path) for frame, p in by_frame.items()} for name, by_frame in depths.items()},
        backgrounds=background_images(root, names),
        sources=sorted(names, key=natural_order) if rig.sources is None else rig.sources,
        held_out=rig.held_out,
        asked=asked,
        pairs=rig.pairs,
        calibration_files=[intrinsics.path, root / "rig.json", extrinsics.path],
        joints_file=own_joints(root / "joints.json"),
        fps=rig.fps or footage.fps,
        frames=frames,
        matched_in_order=footage.matched_in_order,
    )
    return replace(capture, offsets=rig.offsets)


def read_cameras(root: Path) -> dict[str, SourceCamera]:
    """The cameras of a calibration without footage, as `posegaussian calibrate` writes it: with their sizes.

    Raises:
        CalibrationError: a camera's calibration is missing or impossible, or it lacks the size of its images.
    """
    intrinsics, extrinsics = _Calibration(root / "intri.yml"), _Calibration(root / "extri.yml")
    found = {}
    for name in intrinsics.cameras():
        calibration = _calibration(intrinsics, extrinsics, name)
        if calibration.size is None:
            what = f"neither footage nor W_{name} and H_{name}, the size of its images"
            raise CalibrationError(what, code="unknown-image-size", file=intrinsics.path, camera=name)
        width, height = calibration.size
        found[name] = checked_camera(calibration, name, np.zeros((height, width, 3), np.uint8))
    return found


@dataclass(frozen=True)
class _Rig:
    """Content of rig.json."""

    sources: list[str] | None = None
    held_out: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()
    fps: float | None = None
    frames: str = ""
    offsets: Mapping[str, int] = field(default_factory=dict)


def _read_rig(path: Path) -> _Rig:
    """Content of rig.json; without the file, every calibrated camera is a source."""
    if not path.is_file():
        return _Rig()
    try:
        content: dict[str, Any] = read_json(path)
        rig = _Rig(
            sources=[*map(str, content["sources"])],
            held_out=tuple(map(str, content.get("targets", []))),
            pairs=tuple((str(a), str(b)) for a, b in content.get("pairs", [])),
            fps=_positive(content["fps"]) if content.get("fps") else None,
            frames=str(content.get("frames", "")),
            offsets={str(name): int(late) for name, late in content.get("offsets", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CaptureError(f"not of the form {_RIG}", code="invalid-rig", file=path) from None
    named = [*(rig.sources or []), *rig.held_out]
    if len(set(named)) < len(named):
        raise CaptureError("a camera is named twice", code="repeated-camera", file=path)
    return rig


def _positive(value: Any) -> float:
    if not 0 < float(value) < np.inf:
        raise ValueError("fps is not a positive number")
    return float(value)


def _calibration(intrinsics: "_Calibration", extrinsics: "_Calibration", camera: str) -> Calibration:
    matrix = intrinsics.matrix(f"K_{camera}", camera, (3, 3)).copy()
    matrix[:2, 2] += 0.5
    if f"Rot_{camera}" in extrinsics.keys:
        rotation = extrinsics.matrix(f"Rot_{camera}", camera, (3, 3))
    else:
        rotation = cv2.Rodrigues(extrinsics.matrix(f"R_{camera}", camera, (3, 1)))[0]
    return Calibration(
        matrix,
        np.zeros(5) if (distortion := intrinsics.distortion(camera)) is None else distortion,
        rotation,
        extrinsics.matrix(f"T_{camera}", camera, (3, 1)).ravel(),
        file=intrinsics.path,
        size=intrinsics.size(camera),
    )


class _Calibration:
    """Reader of a file of OpenCV's FileStorage, `%YAML:1.0` or `%YAML 1.2`."""

    def __init__(self, path: Path):
        self.path = path
        if not path.is_file():
            raise CalibrationError("no such file", code="missing-calibration", file=path)
        try:
            self._values = parse_opencv(read_text(path))
            self.keys = set(self._values)
        except ValueError:
            raise CalibrationError(
                "not a file of OpenCV's FileStorage", code="unreadable-calibration", file=path
            ) from None

    def cameras(self) -> list[str]:
        """Cameras that the file lists under `names`, or else those that it has intrinsics for."""
        listed = self._values.get("names")
        calibrated = [key.removeprefix("K_") for key in self.keys if key.startswith("K_")]
        named = [*map(str, listed)] if isinstance(listed, list) else []
        same = {words(name): name for name in calibrated}  # a name that was read as a number may have lost its zeros
        named = [name if name in calibrated else same.get(words(name), name) for name in named]
        return named or sorted(calibrated, key=natural_order)

    def distortion(self, camera: str) -> Float[np.ndarray, " coefficients"] | None:
        """Distortion under one of the two names that EasyMocap reads; None where there is neither."""
        key = next((f"{name}_{camera}" for name in ("dist", "D") if f"{name}_{camera}" in self.keys), None)
        return self.matrix(key, camera, None).ravel() if key else None

    def size(self, camera: str) -> tuple[int, int] | None:
        """Width and height of the images that the intrinsics are for; None where the file does not say."""
        keys = (f"W_{camera}", f"H_{camera}")
        if not self.keys.issuperset(keys):
            return None
        try:
            width, height = (int(number(self._values[key])) for key in keys)
        except (ValueError, TypeError, OverflowError):
            return None
        return (width, height) if width > 0 and height > 0 else None

    def matrix(self, key: str, camera: str, shape: tuple[int, int] | None) -> Float[np.ndarray, "rows columns"]:
        """A finite matrix, reshaped if a shape is given.

        Raises:
            CalibrationError: there is no such matrix, or it has another size or numbers that are not finite.
        """
        if key not in self.keys:
            hint = None if camera in self.cameras() else did_you_mean(camera, self.cameras())
            what = f"no {key}: the camera is not calibrated"
            raise CalibrationError(what, code="uncalibrated-camera", file=self.path, camera=camera, hint=hint)
        matrix = self._values[key]
        if not isinstance(matrix, np.ndarray) or (shape is not None and matrix.size != shape[0] * shape[1]):
            expected = f"a {shape[0]} x {shape[1]} matrix" if shape else "a matrix of numbers"
            raise CalibrationError(
                f"{key} is not {expected}", code="invalid-calibration", file=self.path, camera=camera
            )
        if not np.isfinite(matrix).all():
            raise CalibrationError(
                f"{key} holds a number that is not finite", code="not-finite", file=self.path, camera=camera
            )
        return matrix.reshape(shape or matrix.shape)
