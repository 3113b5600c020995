"""COLMAP: a sparse model in text or binary (sparse/0/, sparse/ or the folder itself) and images/.

Poses are world to camera in OpenCV's axes, pixel centres at +0.5. The scale of a model is arbitrary and read as metres.
masks/ holds IMAGE.png (COLMAP's convention) or the same names as images/.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posegaussian.captures.assemble import Calibration, assemble
from posegaussian.captures.capture import Capture
from posegaussian.captures.grouping import PosedImage, group_by_camera, masks_and_depths
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.io.images import IMAGE_SUFFIXES, ImageFile

NAME = "colmap"
_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", ".")
_FILES = ("cameras", "images", "rigs", "frames")
_DISTORTIONS = {
    "SIMPLE_PINHOLE": (),
    "PINHOLE": (),
    "SIMPLE_RADIAL": ("k1",),
    "RADIAL": ("k1", "k2"),
    "OPENCV": ("k1", "k2", "p1", "p2"),
    "FULL_OPENCV": ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
}
"""The last parameters of each COLMAP camera model, by the names of OpenCV's coefficients."""


def recognizes(root: Path) -> bool:
    """Whether a folder looks like this layout."""
    return _model(root) is not None


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of the registered images; those that share a folder and a pose are the frames of one camera.

    Raises:
        CaptureError: pycolmap is not installed, or an image is missing.
        CalibrationError: the model cannot be read, or has a lens that is not supported.
    """
    try:
        import pycolmap
    except ImportError:
        what = "a COLMAP model is read with pycolmap, which is not installed"
        raise CaptureError(
            what, code="missing-pycolmap", file=root, hint="install the extra: pip install 'posegaussian[colmap]'"
        ) from None
    model = _model(root)
    if model is None:
        raise CalibrationError("no cameras.txt or cameras.bin", code="missing-calibration", file=root)
    try:
        reconstruction = pycolmap.Reconstruction(model)
    except (ValueError, RuntimeError, IndexError) as error:
        raise CalibrationError(
            f"not a readable model ({' '.join(str(error).split())})", code="unreadable-calibration", file=model
        ) from None
    images = []
    for image in sorted(reconstruction.images.values(), key=lambda image: image.name):
        if image.has_pose:
            calibration = _calibration(model, image, reconstruction.cameras[image.camera_id])
            file = ImageFile(root / "images" / image.name, upright=False)
            images.append(PosedImage(image.name, file, calibration, mask=_mask(root, image.name)))
    if not images:
        raise CalibrationError("no image is registered", code="no-registered-images", file=model)
    cameras = group_by_camera(images)
    masks, _ = masks_and_depths(cameras)
    return assemble(
        root,
        format=NAME,
        calibrations={camera: by_frame[min(by_frame)].calibration for camera, by_frame in cameras.items()},
        images={camera: {f: posed.image for f, posed in by_frame.items()} for camera, by_frame in cameras.items()},
        masks=masks,
        calibration_files=sorted(path for path in model.glob("*") if path.stem in _FILES),
        asked=asked,
        frames=frames,
    )


def _model(root: Path) -> Path | None:
    """Folder of the sparse model; None where there is none."""
    folders = (root / folder for folder in _FOLDERS)
    return next((f for f in folders if any((f / f"cameras{suffix}").is_file() for suffix in (".bin", ".txt"))), None)


def _calibration(model: Path, image, camera) -> Calibration:
    kind, values = camera.model.name, np.array(camera.params, dtype=float)
    if kind not in _DISTORTIONS:
        what = f"camera model {kind} is not one of {', '.join(_DISTORTIONS)}"
        raise CalibrationError(
            what,
            code="unsupported-lens",
            file=model,
            camera=image.name,
            hint="undistort with `colmap image_undistorter`",
        )
    bent = dict(zip(_DISTORTIONS[kind], values[len(values) - len(_DISTORTIONS[kind]) :], strict=True))
    distortion = np.array([bent.get(key, 0.0) for key in ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")])
    pose = np.asarray(image.cam_from_world().matrix())
    size = (int(camera.width), int(camera.height))
    return Calibration(np.asarray(camera.calibration_matrix()), distortion, pose[:, :3], pose[:, 3], model, size)


def _mask(root: Path, name: str) -> ImageFile | None:
    """Mask file of an image, under either name."""
    path = root / "masks" / name
    candidates = [path.with_name(path.name + ".png"), *(path.with_suffix(suffix) for suffix in IMAGE_SUFFIXES)]
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    return ImageFile(found) if found else None
