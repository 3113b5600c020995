"""Footage as preparation needs it, whether it lies on disk as a capture or in memory as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from posegaussian.geometry.lens import SourceCamera


@runtime_checkable
class Filmed(Protocol):
    """Calibrated cameras by name, and what they filmed, by camera and frame; every Capture with masks is one."""

    @property
    def cameras(self) -> Mapping[str, SourceCamera]:
        """By name."""
        ...

    @property
    def calibration_files(self) -> Sequence[Path | None]:
        """What errors in the calibration name: intrinsics stand in the first, poses in the last."""
        ...

    def image(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """RGB."""
        ...

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        """Coverage of the person, 0..255."""
        ...


@dataclass(frozen=True)
class FrameInMemory:
    """One frame as arrays: it is what every frame number gives.

    Args:
        cameras: by name.
        images: RGB, by camera.
        masks: coverage of the person, 0..255, by camera.
        calibration_files: none.
    """

    cameras: Mapping[str, SourceCamera]
    images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
    masks: Mapping[str, UInt8[np.ndarray, "_ _"]]
    calibration_files: tuple[None] = (None,)

    def image(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w 3"]:
        """See Filmed."""
        return self.images[camera]

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        """See Filmed."""
        return self.masks[camera]
