"""A capture: one performance filmed by one calibrated rig, cameras x frames."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from posegaussian.captures.joints_file import read_joints
from posegaussian.captures.masks import impossible, is_given, read_mask, statistics
from posegaussian.captures.matching import check_known
from posegaussian.config.rectify import MaskLabel
from posegaussian.errors import CaptureError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io import images
from posegaussian.io.images import LazyImage

FrameFiles = Mapping[str, Mapping[int, LazyImage]]
"""Image files by camera and frame."""


@dataclass(frozen=True)
class Capture:
    """A capture on disk; images are decoded on demand.

    Args:
        name: of the capture.
        root: its folder.
        format: of its layout, a key of `registry.CAPTURE_FORMATS`.
        cameras: by name.
        frames: frame numbers, ascending; every camera has all of them.
        sources: cameras that may be inputs.
        held_out: cameras that renders are only compared with.
        pairs: source pairs that the capture names; empty where it names none.
        calibration_files: files of the cameras and pairs; intrinsics are in the first one, poses in the last one.
        images: one for each camera and frame.
        masks: one for each frame of the cameras that have masks.
        depths: true depths, for some cameras or none.
        joints_file: true joints, or None.
        backgrounds: images of the empty scene by camera, for some cameras or none.
        fps: frames per second; None where unknown.
        matched_in_order: name of each camera's footage, where only the order of names tells which it is; else empty.
        offsets: whole frames by which the footage of late cameras was moved; empty where none was.
        mask_label: the person's label in the masks; None: it is found out from each mask.
        strict: whether masks that cannot be a person (inverted, white all over) are refused.
    """

    name: str
    root: Path
    format: str
    cameras: Mapping[str, SourceCamera]
    frames: tuple[int, ...]
    sources: tuple[str, ...]
    held_out: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    calibration_files: tuple[Path, ...]
    images: FrameFiles
    masks: FrameFiles
    depths: FrameFiles
    joints_file: Path | None
    backgrounds: Mapping[str, LazyImage] = field(default_factory=dict)
    fps: float | None = None
    matched_in_order: Mapping[str, str] = field(default_factory=dict)
    offsets: Mapping[str, int] = field(default_factory=dict)
    mask_label: MaskLabel | None = None
    strict: bool = True

    def with_roles(self, cameras: Sequence[str] = (), held_out: Sequence[str] = ()) -> "Capture":
        """The capture with other roles of its cameras.

        Args:
            cameras: the cameras to keep; default: all.
            held_out: the held-out cameras, all others are sources; default: the roles stay.

        Raises:
            CaptureError: there is no such camera.
        """
        check_known([*cameras, *held_out], self.cameras, self.root)
        if not cameras and not held_out:
            return self
        kept = [camera for camera in self.cameras if not cameras or camera in cameras or camera in held_out]
        chosen = [camera for camera in kept if camera in (held_out or self.held_out)]
        sources = [camera for camera in kept if camera not in chosen]
        return replace(
            self,
            cameras={camera: self.cameras[camera] for camera in kept},
            sources=tuple(sources),
            held_out=tuple(chosen),
            pairs=tuple(pair for pair in self.pairs if set(pair) <= set(sources)),
        )

    def image(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """RGB image of a camera and frame."""
        file = self._file(self.images, camera, frame)
        return self._checked_size(images.read_image(file, camera, frame), file, camera, frame)

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        """Coverage of the person, 0..255.

        Raises:
            CaptureError: the camera has no masks, or the mask cannot be read, is empty, or cannot be a person.
        """
        if camera in self.cameras and camera not in self.masks:
            raise CaptureError("this camera has no masks", code="no-masks", file=self.root, camera=camera)
        file = self._file(self.masks, camera, frame)
        mask = self._checked_size(read_mask(file, camera, frame, self.mask_label), file, camera, frame)
        wrong = impossible(statistics(mask))
        if wrong and (self.strict or wrong.code == "empty-mask"):
            hint = wrong.hint if is_given(file) else "check the background that the mask is computed from"
            raise CaptureError(wrong.what, code=wrong.code, file=file.path, camera=camera, frame=frame, hint=hint)
        return mask

    def depth(self, camera: str, frame: int) -> Float32[np.ndarray, "h w"] | None:
        """True depth along the optical axis in metres, 0 where unknown; None where the camera has no depths."""
        if camera not in self.depths:
            return None
        file = self._file(self.depths, camera, frame)
        return self._checked_size(images.read_depth(file, camera, frame), file, camera, frame)

    def background(self, camera: str) -> UInt8[np.ndarray, "h w 3"] | None:
        """RGB image of the empty scene; None where the camera has none."""
        if camera not in self.backgrounds:
            return None
        file = self.backgrounds[camera]
        return self._checked_size(images.read_image(file, camera, self.frames[0]), file, camera, self.frames[0])

    def views(
        self, cameras: Sequence[str], frame: int
    ) -> tuple[list[UInt8[np.ndarray, "_ _ 3"]], list[UInt8[np.ndarray, "_ _"]], list[SourceCamera]]:
        """Images, masks and calibration of some cameras at one frame, in the order of the cameras."""
        images = [self.image(camera, frame) for camera in cameras]
        masks = [self.mask(camera, frame) for camera in cameras]
        return images, masks, [self.cameras[camera] for camera in cameras]

    def files(self, cameras: Sequence[str] | None = None, frames: Sequence[int] | None = None) -> tuple[Path, ...]:
        """Paths of all files that the cameras and frames are read from, each once; default: all cameras and frames."""
        cameras = tuple(self.cameras) if cameras is None else cameras
        frames = self.frames if frames is None else frames
        kinds = (self.images, self.masks, self.depths)
        files = [kind[name][frame].path for kind in kinds for name in cameras if name in kind for frame in frames]
        scenes = [self.backgrounds[name].path for name in cameras if name in self.backgrounds]
        joints = [self.joints_file] if self.joints_file else []
        return tuple(dict.fromkeys([*self.calibration_files, *joints, *scenes, *files]))

    def joints(self) -> Float[np.ndarray, "frames 17 3"] | None:
        """True COCO-17 joints in the world, metres; None where the capture has no joints."""
        return None if self.joints_file is None else read_joints(self.joints_file, self.frames)

    def _file(self, files: FrameFiles, camera: str, frame: int) -> LazyImage:
        check_known([camera], self.cameras, self.root)
        if frame not in self.frames:
            raise CaptureError("no such frame", code="unknown-frame", file=self.root, camera=camera, frame=frame)
        return files[camera][frame]

    def _checked_size(self, pixels: np.ndarray, file: LazyImage, camera: str, frame: int) -> np.ndarray:
        """The pixels, if they have the camera's size."""
        expected = self.cameras[camera].width, self.cameras[camera].height
        found = pixels.shape[1], pixels.shape[0]
        if found != expected:
            what = f"{found[0]} x {found[1]} pixels, but the camera's first image has {expected[0]} x {expected[1]}"
            hint = "save all images of a camera, and their masks, in one size"
            raise CaptureError(what, code="mixed-image-sizes", file=file.path, camera=camera, frame=frame, hint=hint)
        return pixels
