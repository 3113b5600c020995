"""A capture: one performance filmed by one calibrated rig, cameras x frames."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from posegaussian.captures import pictures
from posegaussian.errors import CaptureError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.types import JOINTS

Files = Mapping[str, Mapping[int, Path]]
"""Pictures by camera and frame."""


@dataclass(frozen=True)
class Capture:
    """A capture on disk; pictures are read when asked for.

    Args:
        name: of the capture.
        root: its folder.
        cameras: by name.
        frames: frame numbers, ascending; every camera has all of them.
        sources: cameras that may be inputs.
        targets: cameras that are only ever compared with.
        pairs: source pairs that the capture names; empty where it names none.
        calibration_files: what the cameras and pairs were read from.
        images: one per camera and frame.
        masks: one per camera and frame.
        depths: true depths, for some cameras or none.
        joints_file: true joints, or None.
    """

    name: str
    root: Path
    cameras: Mapping[str, SourceCamera]
    frames: tuple[int, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    calibration_files: tuple[Path, ...]
    images: Files
    masks: Files
    depths: Files
    joints_file: Path | None

    def image(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """The picture, RGB."""
        path = self._file(self.images, camera, frame)
        return self._sized(pictures.read_image(path, camera, frame), path, camera, frame)

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        """The person's coverage, 0..255."""
        path = self._file(self.masks, camera, frame)
        return self._sized(pictures.read_mask(path, camera, frame), path, camera, frame)

    def depth(self, camera: str, frame: int) -> Float32[np.ndarray, "h w"] | None:
        """True depth along the optical axis in metres, 0 where nothing is; None where the camera has none."""
        if camera not in self.depths:
            return None
        path = self._file(self.depths, camera, frame)
        return self._sized(pictures.read_depth(path, camera, frame), path, camera, frame)

    def joints(self) -> Float[np.ndarray, "frames 17 3"] | None:
        """True COCO-17 joints in the world, metres; None where the capture has none."""
        if self.joints_file is None:
            return None
        try:
            by_frame = json.loads(self.joints_file.read_text(encoding="utf-8"))["frames"]
            joints = {int(frame): np.array(points, dtype=float) for frame, points in by_frame.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise CaptureError('not of the form {"frames": {"000000": ...}}', file=self.joints_file) from None
        for frame in self.frames:
            if frame not in joints:
                raise CaptureError("no joints", file=self.joints_file, frame=frame)
            if joints[frame].shape != (len(JOINTS), 3) or not np.isfinite(joints[frame]).all():
                raise CaptureError("expected 17 joints of 3 numbers", file=self.joints_file, frame=frame)
        return np.stack([joints[frame] for frame in self.frames])

    def _file(self, files: Files, camera: str, frame: int) -> Path:
        if camera not in self.cameras:
            raise CaptureError(f"no such camera (there are {', '.join(self.cameras)})", file=self.root, camera=camera)
        if frame not in self.frames:
            raise CaptureError("no such frame", file=self.root, camera=camera, frame=frame)
        return files[camera][frame]

    def _sized(self, picture: np.ndarray, path: Path, camera: str, frame: int) -> np.ndarray:
        expected = self.cameras[camera].width, self.cameras[camera].height
        found = picture.shape[1], picture.shape[0]
        if found != expected:
            what = f"{found[0]} x {found[1]} pixels, but the camera's first picture has {expected[0]} x {expected[1]}"
            raise CaptureError(what, file=path, camera=camera, frame=frame)
        return picture
