"""nerfstudio (and Instant-NGP, Blender): transforms.json with camera-to-world poses in OpenGL's axes.

OpenGL's cameras look along -z with y up. Intrinsics are shared or given for each image; pixel centres are at +0.5.
Masks are images of their own (white is the person) or the alpha channel.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from posegaussian.captures.assemble import Calibration, assemble
from posegaussian.captures.capture import Capture
from posegaussian.captures.grouping import PosedImage, group_by_camera, masks_and_depths
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.io.images import IMAGE_SUFFIXES, AlphaMask, DepthFile, ImageFile, image_size
from posegaussian.text import read_json

NAME = "nerfstudio"
_FILE = "transforms.json"
_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE")
_AXES = np.diag([1.0, -1.0, -1.0])
"""From OpenGL's camera axes to OpenCV's, and back."""
_MILLIMETRE = 1e-3
"""Metres per step of the depth files (nerfstudio's default)."""


def recognizes(root: Path) -> bool:
    """Whether a folder, or the file itself, looks like this layout."""
    return _file(root).is_file()


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of the images in transforms.json; those that share a folder and a pose are the frames of one camera.

    Raises:
        CaptureError: an image is missing.
        CalibrationError: transforms.json cannot be read, or has a lens that is not supported.
    """
    file = _file(root)
    try:
        content = read_json(file)
        listed = [content | entry for entry in content["frames"]]
    except FileNotFoundError:
        raise CalibrationError("no such file", code="missing-calibration", file=file) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise CalibrationError(
            'not of the form {"frames": [{"file_path": ..., ...}]}', code="unreadable-calibration", file=file
        ) from None
    cameras = group_by_camera([_posed(file, entry) for entry in listed])
    masks, depths = masks_and_depths(cameras)
    return assemble(
        file.parent,
        format=NAME,
        calibrations={camera: by_frame[min(by_frame)].calibration for camera, by_frame in cameras.items()},
        images={camera: {f: posed.image for f, posed in by_frame.items()} for camera, by_frame in cameras.items()},
        masks=masks,
        depths=depths,
        calibration_files=[file],
        asked=asked,
        frames=frames,
    )


def _file(root: Path) -> Path:
    return root if root.suffix == ".json" else root / _FILE


def _posed(file: Path, entry: dict[str, Any]) -> PosedImage:
    name = str(entry.get("file_path", "")).replace("\\", "/")
    path = _image_path(file.parent / name)
    mask, depth = entry.get("mask_path"), entry.get("depth_file_path")
    image = ImageFile(path)
    return PosedImage(
        name,
        image,
        _calibration(file, entry, image),
        mask=ImageFile(file.parent / mask) if mask else AlphaMask(path) if _has_alpha(path) else None,
        depth=DepthFile(file.parent / depth, _MILLIMETRE) if depth else None,
    )


def _image_path(path: Path) -> Path:
    """Path of an image; its suffix may be missing, as in Blender's exports."""
    candidates = [path, *(path.with_name(path.name + suffix) for suffix in IMAGE_SUFFIXES)]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise CaptureError("no such image", code="missing-image", file=path)
    return found


def _has_alpha(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return image.mode in ("RGBA", "LA")
    except OSError:
        return False  # reading the image reports the error


def _calibration(file: Path, entry: dict[str, Any], image: ImageFile) -> Calibration:
    camera = Path(str(entry["file_path"])).stem
    model = entry.get("camera_model", "OPENCV")
    if model not in _MODELS or entry.get("is_fisheye") or entry.get("k4"):
        what = f"camera model {model}{' with k4' if entry.get('k4') else ''} is not one of {', '.join(_MODELS)}"
        raise CalibrationError(
            what, code="unsupported-lens", file=file, camera=camera, hint="undistort the images first"
        )
    try:
        size = (int(entry["w"]), int(entry["h"])) if "w" in entry else image_size(image, camera, 0)
        to_world = np.array(entry["transform_matrix"], dtype=float)
        distortion = np.array([float(entry.get(key, 0)) for key in ("k1", "k2", "p1", "p2", "k3")])
        matrix = _intrinsics(entry, size)
        rotation = _AXES @ to_world[:3, :3].T
        translation = -rotation @ to_world[:3, 3]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        what = f"intrinsics or transform_matrix are missing or broken ({type(error).__name__}: {error})"
        raise CalibrationError(what, code="invalid-calibration", file=file, camera=camera) from None
    return Calibration(matrix, distortion, rotation, translation, file, size)


def _intrinsics(entry: dict[str, Any], size: tuple[int, int]) -> Float[np.ndarray, "3 3"]:
    if "fl_x" in entry:
        focal = float(entry["fl_x"])
    else:
        focal = 0.5 * size[0] / np.tan(0.5 * float(entry["camera_angle_x"]))
    other = float(entry.get("fl_y", focal))
    x, y = float(entry.get("cx", size[0] / 2)), float(entry.get("cy", size[1] / 2))
    return np.array([[focal, 0, x], [0, other, y], [0, 0, 1]])
