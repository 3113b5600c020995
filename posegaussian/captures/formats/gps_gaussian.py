"""Rendered data of GPS-Gaussian and PoseGaussian: img/, mask/, depth/ and parm/, with one folder for each sample.

Rendered samples have the sources 0 and 1, and 2, 3 and 4 between them, which are held out. In all others, such as the
real data of 16 views, every view is a source. parm/ holds 3 x 4 extrinsics, world to camera, metres, and intrinsics
with pixel centres at +0.5. depth/ holds 2^15 / depth in 16 bits. The `_hr` image of a held-out view is larger than its
mask; the intrinsics are for the smaller image.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from posegaussian.captures.assemble import assemble
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.masks import ResizedMask
from posegaussian.captures.matching import entries
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.unlisted import image_without_suffix, report_unlisted
from posegaussian.counts import counted
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.io.images import DepthFile, ImageFile, LazyImage, image_size
from posegaussian.names import natural_order

NAME = "gps_gaussian"
_SOURCES = ("0", "1")
_BETWEEN = ("2", "3", "4")
"""Views that the renderer of the data puts between the two sources."""
_INTRINSIC = "_intrinsic.npy"
_NAMED = 5
"""Samples that a message names. Chosen by hand."""
_INVERSE_DEPTH_UNIT = 2.0**-15
"""1 / metres per step of the depth files."""


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
    data, views = samples[0].parents[1], _views(samples[0])
    calibrations = {view: _calibration(samples[0], view) for view in views}
    _same_rig(root, samples, calibrations)
    rendered = {*_SOURCES} <= {*views} <= {*_SOURCES, *_BETWEEN}
    held_out = [view for view in views if rendered and view in _BETWEEN]
    images = {view: _images(samples, view, view in held_out) for view in views}
    if not asked:
        _report_unlisted(data, samples, views)
    return assemble(
        root,
        format=NAME,
        name=samples[0].name if len(samples) == 1 else None,
        calibrations=calibrations,
        images=images,
        masks=_masks(data, samples, images),
        depths=_depths(data, samples, images),
        held_out=[view for view in held_out if images[view]],
        pairs=[_SOURCES] if rendered else [],
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
    parents = [root] if root.parent.name == "img" else entries(root / "img")
    return [path for path in parents if path.is_dir() and _views(path)]


def _parm(sample: Path) -> Path:
    return sample.parents[1] / "parm" / sample.name


def _views(sample: Path) -> list[str]:
    """Calibrated views of a sample, in natural order."""
    names = [path.name.removesuffix(_INTRINSIC) for path in _parm(sample).glob(f"*{_INTRINSIC}")]
    return sorted(names, key=natural_order)


def _image(sample: Path, view: str, large: bool = False) -> Path | None:
    """Image of a view, the larger one first if `large`; None where there is none."""
    return (image_without_suffix(sample / f"{view}_hr") if large else None) or image_without_suffix(sample / view)


def _images(samples: Sequence[Path], view: str, large: bool) -> dict[int, LazyImage]:
    """Images of a view by frame, where there are any."""
    paths = [_image(sample, view, large) for sample in samples]
    return {number: ImageFile(path) for number, path in enumerate(paths) if path}


def _report_unlisted(data: Path, samples: Sequence[Path], views: Sequence[str]) -> None:
    """Warn about samples and images without cameras in parm/."""
    spare = [path.name for path in entries(data / "img") if path.is_dir() and path not in samples and not _views(path)]
    if spare:
        what = f"{counted(len(spare), 'sample')} without cameras in parm/: left out ({', '.join(spare[:_NAMED])})"
        warn(what, code="uncalibrated-footage", file=data / "img")
    known = {*views, *(f"{view}_hr" for view in views)}
    files = [path for sample in samples for path in entries(sample) if path.stem in known]
    for sample in samples:
        report_unlisted(data, [sample], files, f"calibrated in parm/{sample.name}", sample)


def _is_large(image: LazyImage) -> bool:
    return image.path.stem.endswith("_hr")


def _masks(data: Path, samples: list[Path], images: Mapping[str, Mapping[int, LazyImage]]) -> dict:
    """Masks by view and frame, enlarged where the image is; {} where there are no masks."""
    masks: dict[str, dict[int, LazyImage]] = {}
    for view, by_frame in images.items():
        masks[view] = {}
        for number, image in by_frame.items():
            path = _image(data / "mask" / samples[number].name, view)
            if path:
                size = image_size(image, view, number) if _is_large(image) else None
                masks[view][number] = ResizedMask(ImageFile(path), size) if size else ImageFile(path)
    return {view: by_frame for view, by_frame in masks.items() if by_frame}


def _depths(data: Path, samples: list[Path], images: Mapping[str, Mapping[int, LazyImage]]) -> dict:
    """Depths by view and frame, of the views whose depths have the size of their images."""
    depths = {}
    for view, by_frame in images.items():
        files = {number: data / "depth" / samples[number].name / f"{view}.png" for number in by_frame}
        if files and not any(map(_is_large, by_frame.values())) and all(p.is_file() for p in files.values()):
            depths[view] = {
                number: DepthFile(path, _INVERSE_DEPTH_UNIT, inverse=True) for number, path in files.items()
            }
    return depths


def _calibration(sample: Path, view: str) -> Calibration:
    file = _parm(sample) / f"{view}{_INTRINSIC}"
    intrinsics, extrinsics = _matrix(file, view), _matrix(_parm(sample) / f"{view}_extrinsic.npy", view)
    if intrinsics.shape != (3, 3) or extrinsics.shape not in ((3, 4), (4, 4)):
        raise CalibrationError("not a 3 x 3 and a 3 x 4 matrix", code="invalid-calibration", file=file, camera=view)
    image = _image(sample, view)
    size = image_size(ImageFile(image), view, 0) if image else None
    return Calibration(intrinsics, np.zeros(5), extrinsics[:3, :3], extrinsics[:3, 3], file, size)


def _matrix(path: Path, view: str) -> np.ndarray:
    if not path.is_file():
        what, hint = "no such file: the view is not calibrated", "give one sample, or leave the view out of parm/"
        raise CalibrationError(what, code="missing-calibration", file=path, camera=view, hint=hint)
    try:
        return np.array(np.load(path, mmap_mode="r"), dtype=float)  # mapped, or a damaged header could take all memory
    except Exception:  # a damaged header can raise anything
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
