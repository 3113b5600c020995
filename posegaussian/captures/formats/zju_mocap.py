"""ZJU-MoCap: annots.npy with the cameras and the images of each frame, and mask_cihp/ or mask/.

Translations are in millimetres, pixel centres are integers. annots.npy is a pickle; only arrays and plain values are
unpickled. The masks hold labels of body parts: whatever is not 0 is the person.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from posegaussian.captures.assemble import Calibration, assemble
from posegaussian.captures.capture import Capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.io.images import ImageFile, LazyImage

NAME = "zju_mocap"
_FILE = "annots.npy"


@dataclass(frozen=True)
class LabelMask:
    """A mask that holds labels of body parts; 0 is the background."""

    path: Path

    def pixels(self) -> np.ndarray:
        """See posegaussian.io.images.LazyImage."""
        with Image.open(self.path) as image:
            parts = np.array(image)
        return np.where(parts.reshape(*parts.shape[:2], -1).any(-1), 255, 0).astype(np.uint8)


def recognizes(root: Path) -> bool:
    """Whether a folder looks like this layout."""
    return (root / _FILE).is_file()


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of one performance; a frame's number is its index in annots.npy.

    Raises:
        CaptureError: the annotations are not of the right form.
        CalibrationError: annots.npy is missing or cannot be read.
    """
    annotations = _load(root / _FILE)
    try:
        paths = [[Path(str(name)) for name in frame["ims"]] for frame in annotations["ims"]]
        calibrations = dict(enumerate(_calibrations(root / _FILE, annotations["cams"])))
    except (KeyError, TypeError, IndexError, ValueError):
        raise CaptureError(
            "not of ZJU-MoCap's form: cams with K, D, R, T, and ims", code="invalid-annotations", file=root / _FILE
        ) from None
    if not paths or any(len(frame) != len(paths[0]) for frame in paths):
        raise CaptureError("not every frame has one image of each camera", code="missing-frame", file=root / _FILE)
    names = [_camera_name(path) for path in paths[0]]
    folder = next((root / kind for kind in ("mask_cihp", "mask") if (root / kind).is_dir()), None)
    images: dict[str, dict[int, LazyImage]] = {
        name: {number: ImageFile(root / frame[index]) for number, frame in enumerate(paths)}
        for index, name in enumerate(names)
    }
    masks: dict[str, dict[int, LazyImage]] = {
        name: {number: LabelMask((folder / frame[index]).with_suffix(".png")) for number, frame in enumerate(paths)}
        for index, name in enumerate(names)
        if folder
    }
    return assemble(
        root,
        format=NAME,
        calibrations={name: calibrations[index] for index, name in enumerate(names)},
        images=images,
        masks=masks,
        calibration_files=[root / _FILE],
        asked=asked,
        frames=frames,
    )


def _camera_name(image: Path) -> str:
    """Camera_B1 from Camera_B1/000000.jpg; blanks, which the captures sheet reserves, become _."""
    return image.parent.name.replace(" ", "_")


def _calibrations(file: Path, cameras: dict[str, Any]) -> list[Calibration]:
    found = []
    for matrix, distortion, rotation, translation in zip(*(cameras[key] for key in "KDRT"), strict=True):
        intrinsics = np.array(matrix, dtype=float).reshape(3, 3)
        intrinsics[:2, 2] += 0.5
        pose = np.array(rotation, dtype=float).reshape(3, 3), np.array(translation, dtype=float).ravel() / 1000
        found.append(Calibration(intrinsics, np.array(distortion, dtype=float).ravel(), *pose, file))
    return found


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that calls nothing but the constructors of arrays, so that a file cannot run code."""

    _ALLOWED = ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer")

    def find_class(self, module: str, name: str) -> Any:
        if module.partition(".")[0] == "numpy" and name in self._ALLOWED:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not an array")


def _load(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            read(file)
            content = _ArraysOnly(file).load()
        return content.item() if isinstance(content, np.ndarray) else content
    except FileNotFoundError:
        raise CalibrationError("no such file", code="missing-calibration", file=path) from None
    except (OSError, ValueError, EOFError, pickle.UnpicklingError, AttributeError, IndexError) as error:
        raise CalibrationError(
            f"not a readable annotation ({error})", code="unreadable-calibration", file=path
        ) from None
