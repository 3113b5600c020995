"""Rendered data of GPS-Gaussian and PoseGaussian: img/, mask/, depth/ and parm/, with one folder for each sample.

Views 0 and 1 are the sources, the others are held out. parm/ holds 3 x 4 extrinsics, world to camera, metres, and
intrinsics with pixel centres at +0.5. depth/ holds 2^15 / depth in 16 bits. The `_hr` image of a held-out view is
larger than its mask; the intrinsics are for the smaller image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from posegaussian.captures.assemble import Calibration, assemble
from posegaussian.captures.capture import Capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.io.images import DepthFile, ImageFile, LazyImage, image_size

NAME = "gps_gaussian"
_SOURCES = ("0", "1")
_INVERSE_DEPTH_UNIT = 2.0**-15
"""1 / metres per step of the depth files."""


@dataclass(frozen=True)
class _Enlarged:
    """A mask, enlarged to the size of its image."""

    mask: ImageFile
    size: tuple[int, int]

    @property
    def path(self) -> Path:
        """See LazyImage."""
        return self.mask.path

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        return cv2.resize(self.mask.pixels(), self.size, interpolation=cv2.INTER_LINEAR)


def recognizes(root: Path) -> bool:
    """Whether a folder is a split of render_data, or one of its samples (img/SAMPLE)."""
    return bool(_samples(root))


def read(root: Path, frames: FrameRange | None = None, asked: Sequence[str] = ()) -> Capture:
    """A capture of one sample, or of a folder whose samples are frames of one rig.

    Raises:
        CaptureError: there are no samples, or they have different rigs.
        CalibrationError: a camera's calibration is missing or impossible.
    """
    samples = _samples(root)
    if not samples:
        raise CaptureError("no sample with img/ and parm/", code="no-samples", file=root)
    data = samples[0].parents[1]
    views = sorted(path.name.removesuffix("_intrinsic.npy") for path in _parm(samples[0]).glob("*_intrinsic.npy"))
    calibrations = {view: _calibration(samples[0], view) for view in views}
    _same_rig(root, samples, calibrations)
    images = {view: {number: _image(sample, view) for number, sample in enumerate(samples)} for view in views}
    return assemble(
        root,
        format=NAME,
        name=samples[0].name if len(samples) == 1 else None,
        calibrations=calibrations,
        images=images,
        masks=_masks(data, samples, images),
        depths=_depths(data, samples, images),
        sources=[view for view in views if view in _SOURCES],
        held_out=[view for view in views if view not in _SOURCES],
        pairs=[_SOURCES],
        calibration_files=[
            _parm(sample) / f"{view}_{kind}.npy"
            for kind in ("intrinsic", "extrinsic")
            for sample in samples
            for view in views
        ],
        asked=asked,
        frames=frames,
    )


def _samples(root: Path) -> list[Path]:
    """Folders img/SAMPLE that have cameras in parm/SAMPLE."""
    parents = [root] if root.parent.name == "img" else sorted((root / "img").glob("*"))
    return [path for path in parents if path.is_dir() and any(_parm(path).glob("*_intrinsic.npy"))]


def _parm(sample: Path) -> Path:
    return sample.parents[1] / "parm" / sample.name


def _image(sample: Path, view: str) -> ImageFile:
    """Image of a view; the larger one where a held-out view has one."""
    large = sample / f"{view}_hr.jpg"
    return ImageFile(large if view not in _SOURCES and large.is_file() else sample / f"{view}.jpg")


def _is_large(image: LazyImage) -> bool:
    return image.path.stem.endswith("_hr")


def _masks(data: Path, samples: list[Path], images: dict[str, dict[int, ImageFile]]) -> dict:
    """Masks by view and frame, enlarged where the image is; {} where there are no masks."""
    if not (data / "mask").is_dir():
        return {}
    masks: dict[str, dict[int, LazyImage]] = {}
    for view, by_frame in images.items():
        masks[view] = {}
        for number, image in by_frame.items():
            mask = ImageFile(data / "mask" / samples[number].name / f"{view}.png")
            size = image_size(image, view, number) if _is_large(image) else None
            masks[view][number] = _Enlarged(mask, size) if size else mask
    return masks


def _depths(data: Path, samples: list[Path], images: dict[str, dict[int, ImageFile]]) -> dict:
    """Depths by view and frame, of the views whose depths have the size of their images."""
    depths = {}
    for view, by_frame in images.items():
        files = {number: data / "depth" / samples[number].name / f"{view}.png" for number in by_frame}
        if not any(_is_large(image) for image in by_frame.values()) and all(p.is_file() for p in files.values()):
            depths[view] = {
                number: DepthFile(path, _INVERSE_DEPTH_UNIT, inverse=True) for number, path in files.items()
            }
    return depths


def _calibration(sample: Path, view: str) -> Calibration:
    file = _parm(sample) / f"{view}_intrinsic.npy"
    intrinsics, extrinsics = _matrix(file, view), _matrix(_parm(sample) / f"{view}_extrinsic.npy", view)
    if intrinsics.shape != (3, 3) or extrinsics.shape not in ((3, 4), (4, 4)):
        raise CalibrationError("not a 3 x 3 and a 3 x 4 matrix", code="invalid-calibration", file=file, camera=view)
    size = image_size(ImageFile(sample / f"{view}.jpg"), view, 0)
    return Calibration(intrinsics, np.zeros(5), extrinsics[:3, :3], extrinsics[:3, 3], file, size)


def _matrix(path: Path, view: str) -> np.ndarray:
    try:
        return np.load(path).astype(float)
    except (OSError, ValueError, EOFError):
        raise CalibrationError("no readable matrix", code="unreadable-calibration", file=path, camera=view) from None


def _same_rig(root: Path, samples: list[Path], first: dict[str, Calibration]) -> None:
    """Raise a CaptureError unless all samples have the same cameras, as frames of one capture do."""
    for sample in samples[1:]:
        for view, expected in first.items():
            found = _calibration(sample, view)
            parts = ("matrix", "rotation", "translation")
            if any(not np.allclose(getattr(found, part), getattr(expected, part)) for part in parts):
                what = f"holds {len(samples)} samples of different rigs, each a capture of its own"
                raise CaptureError(what, code="several-rigs", file=root, hint=f"give one of them, such as {samples[0]}")
