"""Footage for preparation: images and masks of calibrated cameras, in a capture on disk or as arrays in memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.parallel import in_order


@runtime_checkable
class Footage(Protocol):
    """Images and masks of calibrated cameras, by camera and frame; every Capture with masks is one."""

    @property
    def cameras(self) -> Mapping[str, SourceCamera]:
        """Cameras by name."""
        ...

    @property
    def calibration_files(self) -> Sequence[Path | None]:
        """Files for error messages; intrinsics are in the first one, poses in the last one."""
        ...

    def image(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """RGB image."""
        ...

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        """Coverage of the person, 0..255."""
        ...


def images_ahead(
    footage: Footage, cameras: Sequence[str], frames: Sequence[int]
) -> Iterator[dict[str, UInt8[np.ndarray, "_ _ 3"]]]:
    """The images of each frame by camera, read ahead by a thread for each camera, since videos are decoded in order.

    Each thread holds three images at most.
    """
    readers = [in_order(partial(footage.image, camera), frames, threads=1) for camera in cameras]
    for images in zip(*readers, strict=True):
        yield dict(zip(cameras, images, strict=True))


@dataclass(frozen=True)
class FrameInMemory:
    """One frame as arrays, which are returned for every frame number."""

    cameras: Mapping[str, SourceCamera]  # by name
    images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]  # RGB, by camera
    masks: Mapping[str, UInt8[np.ndarray, "_ _"]]  # coverage of the person, 0..255, by camera
    calibration_files: tuple[None] = (None,)  # none

    def image(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """See Footage."""
        return self.images[camera]

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        """See Footage."""
        return self.masks[camera]
