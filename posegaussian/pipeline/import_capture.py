"""`posegaussian import`: a capture of any layout becomes one of the canonical (EasyMocap's), linked where it can be."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names, named_pairs
from posegaussian.errors import CaptureError, warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.atomic import whole_folder
from posegaussian.io.images import DepthFile, Picture, PictureFile
from posegaussian.io.video import VideoFrame
from posegaussian.progress import progress

_DEPTH_UNIT = DepthFile.unit
_Write = Callable[[Path], None]


def import_capture(
    capture: Capture, output: Path, *, pairs: Sequence[tuple[str, ...]] = (), scale: float = 1.0, copy: bool = False
) -> None:
    """Write a capture in the canonical layout; it appears under its name only when it is whole.

    Picture files and videos are hard links, symbolic links where the file systems differ. What the canonical layout
    stores in another way (masks in an alpha channel, depths in another unit) is converted.

    Args:
        capture: of any layout.
        output: the new folder.
        pairs: source pairs to write down; default: the capture's own.
        scale: metres per unit of the source's world.
        copy: copy instead of linking.

    Raises:
        CaptureError: `output` exists, or something is missing.
    """
    if output.exists():
        raise CaptureError(
            "exists already", code="output-exists", file=output, hint="give the name of a new folder, or remove it"
        )
    pairs = named_pairs(capture, pairs) if pairs else capture.pairs
    with whole_folder(output) as temporary:
        _write_calibration(temporary, capture, scale)
        _write_rig(temporary / "rig.json", capture, pairs)
        if capture.joints_file:
            _write_joints(temporary / "joints.json", capture, scale)
        files = list(_files(capture, scale, copy))
        for path, write in progress(files, f"import {capture.name}: file"):
            target = temporary / path
            target.parent.mkdir(parents=True, exist_ok=True)
            write(target)


def _files(capture: Capture, scale: float, copy: bool) -> Iterator[tuple[Path, _Write]]:
    """Every file to be written: its path in the capture, and how."""
    for camera in capture.cameras:
        shots = [capture.images[camera][frame] for frame in capture.frames]
        videos = {shot.path for shot in shots if isinstance(shot, VideoFrame)}
        for path in videos:
            yield Path("videos", camera + path.suffix.lower()), _linked(path, copy)
        for frame in capture.frames:
            name = Path(camera, f"{frame:06d}")
            if not videos:
                yield _placed("images", name, capture.images[camera][frame], copy)
            if camera in capture.masks:
                yield _placed("masks", name, capture.masks[camera][frame], copy)
            if camera in capture.depths:
                picture = capture.depths[camera][frame]
                as_it_is = isinstance(picture, DepthFile) and picture.unit == _DEPTH_UNIT and not picture.inverse
                write = (
                    _linked(picture.path, copy) if as_it_is and scale == 1 else _depth(capture, camera, frame, scale)
                )
                yield Path("depths", f"{name}.png"), write
        if camera in capture.backgrounds:
            yield _placed("backgrounds", Path(camera), capture.backgrounds[camera], copy)


def _placed(kind: str, name: Path, picture: Picture, copy: bool) -> tuple[Path, _Write]:
    """A picture file is linked; everything else is decoded and written as .png."""
    if isinstance(picture, PictureFile) and (picture.upright or not picture.is_turned()):
        return Path(kind, f"{name}{picture.path.suffix.lower()}"), _linked(picture.path, copy)
    return Path(kind, f"{name}.png"), lambda target: _save(target, picture.pixels())


def _linked(source: Path, copy: bool) -> _Write:
    def write(target: Path) -> None:
        if not source.is_file():
            raise CaptureError("no such file", code="missing-file", file=source)
        if copy:
            shutil.copyfile(source, target)
            return
        try:
            os.link(source.resolve(), target)
        except OSError:  # another file system, or one without hard links
            target.symlink_to(source.resolve())

    return write


def _depth(capture: Capture, camera: str, frame: int, scale: float) -> _Write:
    def write(target: Path) -> None:
        depth = capture.depth(camera, frame)
        assert depth is not None
        steps = np.rint(depth * (scale / _DEPTH_UNIT))
        if steps.max() > np.iinfo(np.uint16).max:
            what = f"depths beyond {np.iinfo(np.uint16).max * _DEPTH_UNIT:.2f} m are left out"
            warn(what, code="far-depths", file=capture.depths[camera][frame].path.parent, camera=camera)
        _save(target, np.where(steps > np.iinfo(np.uint16).max, 0, steps).astype(np.uint16))

    return write


def _save(target: Path, pixels: np.ndarray) -> None:
    code = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}.get(pixels.shape[2] if pixels.ndim == 3 else 1)
    data = cv2.imencode(".png", pixels if code is None else cv2.cvtColor(pixels, code))[1]
    target.write_bytes(data.tobytes())


def _write_rig(path: Path, capture: Capture, pairs: Sequence[Names]) -> None:
    rig: dict = {"sources": capture.sources, "targets": capture.targets, "pairs": pairs}
    if capture.fps:
        rig["fps"] = capture.fps
    filmed = any(isinstance(shots[min(shots)], VideoFrame) for shots in capture.images.values())
    if filmed:
        first, *others = capture.frames
        rig["frames"] = f"{first}:{capture.frames[-1] + 1}:{others[0] - first if others else 1}"
    path.write_text(json.dumps(rig, indent=1) + "\n", encoding="utf-8")


def _write_joints(path: Path, capture: Capture, scale: float) -> None:
    joints = capture.joints()
    assert joints is not None
    by_frame = {f"{frame:06d}": (scale * points).tolist() for frame, points in zip(capture.frames, joints, strict=True)}
    path.write_text(json.dumps({"convention": "COCO-17, metres, world", "frames": by_frame}) + "\n", encoding="utf-8")


def _write_calibration(root: Path, capture: Capture, scale: float) -> None:
    """intri.yml and extri.yml; pixel centres are integers there."""
    intri = extri = "%YAML:1.0\n---\nnames:\n" + "".join(f'  - "{camera}"\n' for camera in capture.cameras)
    for name, camera in capture.cameras.items():
        intri += _matrix(f"K_{name}", _integer_centres(camera)) + _matrix(f"dist_{name}", camera.distortion[None])
        intri += f"W_{name}: {camera.width}\nH_{name}: {camera.height}\n"
        extri += _matrix(f"R_{name}", cv2.Rodrigues(camera.rotation)[0]) + _matrix(f"Rot_{name}", camera.rotation)
        extri += _matrix(f"T_{name}", scale * camera.world_to_camera[:3, 3:])
    (root / "intri.yml").write_text(intri, encoding="utf-8")
    (root / "extri.yml").write_text(extri, encoding="utf-8")


def _integer_centres(camera: SourceCamera) -> np.ndarray:
    return camera.intrinsics - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])


def _matrix(key: str, values: np.ndarray) -> str:
    """A matrix in the YAML dialect of captures in the wild."""
    data = ", ".join(repr(float(value)) for value in values.ravel())
    rows, columns = values.shape
    return f"{key}: !!opencv-matrix\n  rows: {rows}\n  cols: {columns}\n  dt: d\n  data: [ {data} ]\n"
