"""COLMAP: a sparse model in text or binary (sparse/0/, sparse/ or the folder itself) and images/.

Poses are world to camera in OpenCV's axes, pixel centres at +0.5. The scale of a model is arbitrary and read as metres.
masks/ holds IMAGE.png (COLMAP's convention) or the same names as images/.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from posegaussian.captures.arrangement import PosedImage
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.formats.colmap_binary import check_counts
from posegaussian.captures.posed import assemble_posed
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.io.images import IMAGE_SUFFIXES, ImageFile
from posegaussian.names import natural_order
from posegaussian.text import read_text, with_slashes

NAME = "colmap"
_FOLDERS = ("sparse/[0-9]*", "sparse", "colmap/sparse/[0-9]*", "")
_DEEPEST = 3
"""Folders from a model up to its capture: colmap/sparse/0."""
_FILES = ("cameras", "images", "rigs", "frames")
_HEADER = 10
"""Fields of an image in images.txt: ID, quaternion, translation, camera and name; a point has three."""
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
    return bool(_models(root))


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
    models = _models(root)
    if not models:
        raise CalibrationError("no cameras.txt or cameras.bin", code="missing-calibration", file=root)
    model, *further = models
    if model == root:
        root, model = _home(root.absolute()), root.absolute()
    if further:
        what = f"further models ({', '.join(path.name for path in further)}): only {model.name} is read"
        hint = (
            f"each has a world of its own; give {further[0].relative_to(root)} instead of the folder to read that one"
        )
        warn(what, code="further-models", file=model.parent, hint=hint)
    with TemporaryDirectory() as temporary:
        try:
            check_counts(model)
            folder, names = _prepared(model, Path(temporary))
            reconstruction = pycolmap.Reconstruction(folder)
            found = {number: (image, image.name) for number, image in reconstruction.images.items()}
        except (OSError, ValueError, RuntimeError, IndexError) as error:
            said = " ".join(str(error).split()).replace(temporary, str(model))
            what = f"not a readable model ({said})"
            raise CalibrationError(what, code="unreadable-calibration", file=model) from None
    images = []
    for number, (image, listed) in found.items():
        if image.has_pose:
            name = with_slashes(str(names.get(number, listed)), root / "images")
            calibration = _calibration(model, image, name, reconstruction.cameras[image.camera_id])
            file = ImageFile(root / "images" / name, upright=False)
            images.append(PosedImage(name, file, calibration, mask=_mask(root, name)))
    images.sort(key=lambda posed: natural_order(posed.name))
    if not images:
        raise CalibrationError("no image is registered", code="no-registered-images", file=model)
    return assemble_posed(
        root,
        images,
        format=NAME,
        calibration_files=sorted(path for path in model.glob("*") if path.stem in _FILES),
        listed_in=f"registered in {model.relative_to(root) if model != root else 'the model'}",
        searched=root / "images",
        asked=asked,
        frames=frames,
    )


def _models(root: Path) -> list[Path]:
    """Folders of the sparse models, in natural order, of the first place that has any."""
    for pattern in _FOLDERS:
        folders = sorted(root.glob(pattern), key=lambda path: natural_order(path.name)) if pattern else [root]
        models = [path for path in folders if any((path / f"cameras{end}").is_file() for end in (".bin", ".txt"))]
        if models:
            return models
    return []


def _home(model: Path) -> Path:
    """The folder of the capture of a model that was given instead: the nearest one around it that has images/."""
    around = (model, *model.parents[:_DEEPEST])
    return next((folder for folder in around if (folder / "images").is_dir()), model)


def _prepared(model: Path, temporary: Path) -> tuple[Path, dict[int, str]]:
    """A folder that pycolmap reads rightly, and the names of images by ID where that folder has others.

    pycolmap requires the 3D points, which are not needed here. In a text model it cuts names at blanks, and it drops
    every second image if the lines of 2D points are missing, as in images.txt files that are written by hand.

    Raises:
        ValueError: images.txt holds a line that is no image.
    """
    if all((model / f"{kind}.bin").is_file() for kind in ("cameras", "images")):
        if (model / "points3D.bin").is_file():
            return model, {}
        for path in model.glob("*.bin"):
            shutil.copyfile(path, temporary / path.name)
        (temporary / "points3D.bin").write_bytes(bytes(8))  # the number of points
        return temporary, {}
    for kind in _FILES:
        if (model / f"{kind}.txt").is_file():
            (temporary / f"{kind}.txt").write_text(read_text(model / f"{kind}.txt"), encoding="utf-8")
    (temporary / "points3D.txt").touch()
    lines = read_text(model / "images.txt").splitlines()
    headers = [line.split(maxsplit=_HEADER - 1) for line in lines if _is_image(line)]
    plain = [f"{' '.join([*fields[:-1], fields[0]])}\n\n" for fields in headers]
    (temporary / "images.txt").write_text("".join(plain), encoding="utf-8")
    return temporary, {int(fields[0]): fields[-1].strip() for fields in headers}


def _is_image(line: str) -> bool:
    """Whether a line of images.txt is an image; otherwise it is empty, a comment, or lists 2D points."""
    fields = line.split()
    if not fields or line.startswith("#"):
        return False
    if len(fields) % 3 == 0 and all(map(_is_number, fields)):
        return False
    if len(fields) < _HEADER or not fields[0].isdecimal():
        raise ValueError(f"images.txt: {line[:60]!r} is neither an image nor a list of points")
    if not any(float(field) for field in fields[1:5]):
        raise ValueError(f"images.txt: the rotation of image {fields[0]} is 0 0 0 0")
    return True


def _is_number(text: str) -> bool:
    try:
        return bool(float(text)) or True
    except ValueError:
        return False


def _calibration(model: Path, image, name: str, camera) -> Calibration:
    kind, values = camera.model.name, np.array(camera.params, dtype=float)
    if kind not in _DISTORTIONS:
        what = f"camera model {kind} is not one of {', '.join(_DISTORTIONS)}"
        raise CalibrationError(
            what,
            code="unsupported-lens",
            file=model,
            camera=name,
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
