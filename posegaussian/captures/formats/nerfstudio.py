"""nerfstudio (and Instant-NGP, Blender): transforms.json with camera-to-world poses in OpenGL's axes.

OpenGL's cameras look along -z with y up. Intrinsics are shared or given for each image; pixel centres are at +0.5.
Masks are images of their own (white is the person) or the alpha channel. A folder may instead have the files of a
split, as Blender's scenes do: the images of transforms_val.json and transforms_test.json are then held out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from posegaussian.captures.arrangement import PosedImage
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.posed import assemble_posed
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.unlisted import image_without_suffix
from posegaussian.errors import CalibrationError
from posegaussian.io.images import AlphaMask, DepthFile, ImageFile, has_alpha, image_size
from posegaussian.text import read_json, with_slashes

NAME = "nerfstudio"
_FILE = "transforms.json"
_SPLITS = ("transforms_train.json", "transforms_val.json", "transforms_test.json")
_MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL")
_OTHERS = ("rig.json", "joints.json")
"""Files of this project's own layout."""
_AXES = np.diag([1.0, -1.0, -1.0])
"""From OpenGL's camera axes to OpenCV's, and back."""
_DECIMALS = 6
"""Times are equal that agree to these decimals: files round their numbers."""
_MILLIMETRE = 1e-3
"""Metres per step of the depth files (nerfstudio's default)."""


def recognizes(root: Path) -> bool:
    """Whether a folder, or the file itself, looks like this layout."""
    return root.name not in _OTHERS and any(file.is_file() for file in _transforms(root))


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of the listed images; those that share a pose are the frames of one camera.

    Raises:
        CaptureError: an image is missing.
        CalibrationError: a file cannot be read, a camera moves or zooms, or has a lens that is not supported.
    """
    files = _transforms(root)
    images, held_out = _listed(files[0]), set()
    for file in files[1:]:
        known = {posed.name for posed in images}
        more = [posed for posed in _listed(file) if posed.name not in known]
        images += more
        held_out |= {posed.name for posed in more}
    return assemble_posed(
        files[0].parent,
        images,
        format=NAME,
        calibration_files=files,
        listed_in=f"in {', '.join(file.name for file in files)}",
        held_out=held_out,
        asked=asked,
        frames=frames,
    )


def _transforms(root: Path) -> list[Path]:
    """The files that list the images: the given one, or those of the folder."""
    if root.suffix.lower() == ".json":
        return [root]
    split = [root / name for name in _SPLITS if (root / name).is_file()]
    return [root / _FILE] if (root / _FILE).is_file() or not split else split


def _listed(file: Path) -> list[PosedImage]:
    try:
        content = read_json(file)
        entries = [content | entry for entry in content["frames"]]
    except FileNotFoundError:
        raise CalibrationError("no such file", code="missing-calibration", file=file) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise CalibrationError(
            'not of the form {"frames": [{"file_path": ..., ...}]}', code="unreadable-calibration", file=file
        ) from None
    return [_posed(file, entry) for entry in entries]


def _posed(file: Path, entry: dict[str, Any]) -> PosedImage:
    if not entry.get("file_path"):
        raise CalibrationError("an image has no file_path", code="invalid-calibration", file=file)
    paths = (str(entry.get(key) or "") for key in ("file_path", "mask_path", "depth_file_path"))
    name, mask, depth = (with_slashes(path, file.parent) for path in paths)
    image = ImageFile(_image_path(file.parent / name))
    return PosedImage(
        name,
        image,
        _calibration(file, entry, image),
        mask=ImageFile(file.parent / mask) if mask else AlphaMask(image.path) if has_alpha(image.path) else None,
        depth=DepthFile(file.parent / depth, _MILLIMETRE) if depth else None,
        time=_time(entry.get("time")),
    )


def _time(value: Any) -> float | None:
    try:
        return round(float(value), _DECIMALS) if np.isfinite(float(value)) else None
    except (TypeError, ValueError):
        return None


def _image_path(path: Path) -> Path:
    """Path of an image; its suffix may be missing, as in Blender's exports."""
    return path if path.is_file() else image_without_suffix(path) or path


def _calibration(file: Path, entry: dict[str, Any], image: ImageFile) -> Calibration:
    camera = Path(str(entry["file_path"])).stem
    model = entry.get("camera_model", "OPENCV")
    if model not in _MODELS or entry.get("is_fisheye") or entry.get("k4"):
        what = f"camera model {model}{' with k4' if entry.get('k4') else ''} is not one of {', '.join(_MODELS)}"
        raise CalibrationError(
            what, code="unsupported-lens", file=file, camera=camera, hint="undistort the images first"
        )
    try:
        size = (round(float(entry["w"])), round(float(entry["h"]))) if "w" in entry else image_size(image, camera, 0)
        if min(size) <= 0:
            raise ValueError("w and h are not positive")
        to_world = np.array(entry["transform_matrix"], dtype=float)
        distortion = np.array([float(entry.get(key, 0)) for key in ("k1", "k2", "p1", "p2", "k3")])
        matrix = _intrinsics(entry, size)
        rotation = _AXES @ to_world[:3, :3].T
        translation = -rotation @ to_world[:3, 3]
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
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
