"""The command `import`: a capture of any layout in the canonical one (EasyMocap's), by links where possible."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import gcd
from pathlib import Path

from posegaussian.captures.canonical import check_written, with_clean_names
from posegaussian.captures.capture import Capture
from posegaussian.captures.masks import impossible, read_mask, statistics
from posegaussian.captures.pairing import named_pairs
from posegaussian.errors import CaptureError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.atomic import atomic_folder, check_folder, write_error
from posegaussian.io.easymocap import frame_path, write_calibration, write_depth, write_frame, write_joints, write_rig
from posegaussian.io.images import DEPTH_UNIT, WHITE, DepthFile, ImageFile, LazyImage, check_whole, read_image, samples
from posegaussian.io.space import ensure_room
from posegaussian.io.video import VideoFrame
from posegaussian.progress import progress

_Write = Callable[[Path], None]
"""Writes one file to a path."""


def import_capture(
    capture: Capture, output: Path, *, pairs: Sequence[tuple[str, ...]] = (), scale: float = 1.0, copy: bool = False
) -> None:
    """Write a capture in the canonical layout; the folder appears under its name only when it is complete.

    Image files and videos become hard links, or symbolic links where the file systems differ. Files that the canonical
    layout stores differently (masks in an alpha channel, depths in another unit, images of 12 bits) are converted. What
    was written is read back before the folder appears.

    Args:
        capture: of any layout.
        output: the new folder.
        pairs: source pairs for rig.json; default: the capture's own.
        scale: metres per unit of the source's world.
        copy: copy instead of linking.

    Raises:
        CaptureError: something is missing, a mask cannot be a person, a file cannot be linked, or the layout cannot
            hold it.
        StoreError: `output` exists and is not empty, or cannot be written.
    """
    check_folder(output)
    if not capture.sources:
        what = "no source cameras: all are held out, or have no images"
        raise CaptureError(what, code="no-sources", file=capture.root)
    pairs = named_pairs(capture, pairs or capture.pairs)
    capture = with_clean_names(replace(capture, pairs=tuple(pairs)))
    capture = replace(capture, cameras={name: _scaled(camera, scale) for name, camera in capture.cameras.items()})
    if copy:
        ensure_room(output, sum(path.stat().st_size for path in capture.files() if path.is_file()))
    with atomic_folder(output) as temporary:
        write_calibration(temporary, capture.cameras, sizes=True)
        _write_rig(temporary, capture)
        if capture.joints_file:
            _write_joints(temporary, capture, scale)
        files = list(_files(capture, scale, copy))
        for path, write in progress(files, f"import {capture.name}: file"):
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            write(temporary / path)
        check_written(temporary, capture, output)


def _files(capture: Capture, scale: float, copy: bool) -> Iterator[tuple[Path, _Write]]:
    """Paths of all files within the new capture, each with the function that writes it."""
    for camera in capture.cameras:
        images = [capture.images[camera][frame] for frame in capture.frames]
        videos = {image.path for image in images if isinstance(image, VideoFrame)}
        for path in videos:
            yield Path("videos", camera + path.suffix.lower()), _linked(path, copy)
        for frame in capture.frames:
            place = camera, frame
            if not videos:
                yield _placed(frame_path("images", camera, frame), capture.images[camera][frame], place, copy)
            # Beside a video, masks and depths have the numbers of its frames, as those that users add.
            number = image.index if isinstance(image := capture.images[camera][frame], VideoFrame) else frame
            if camera in capture.masks:
                yield _mask(frame_path("masks", camera, number), capture, place, copy)
            if camera in capture.depths:
                file = capture.depths[camera][frame]
                canonical = isinstance(file, DepthFile) and file.unit == DEPTH_UNIT and not file.inverse
                unchanged = canonical and scale == 1
                write = _linked_image(file, place, copy) if unchanged else _depth(capture, camera, frame, scale)
                yield frame_path("depths", camera, number), write
        if camera in capture.backgrounds:
            place = camera, capture.frames[0]
            yield _placed(Path("backgrounds", f"{camera}.png"), capture.backgrounds[camera], place, copy)


def _placed(path: Path, image: LazyImage, place: tuple[str, int], copy: bool) -> tuple[Path, _Write]:
    """Path and writer of an image: image files are linked and keep their suffix, others are written as .png."""
    if isinstance(image, ImageFile) and image.white not in (None, WHITE):
        return path, lambda target: write_frame(target, read_image(image, *place))
    if isinstance(image, ImageFile) and (image.upright or not image.is_rotated()):
        name = path.name.removesuffix(".png") + image.path.suffix.lower()
        return path.with_name(name), _linked_image(image, place, copy)
    return path, lambda target: write_frame(target, samples(image, *place))


def _mask(path: Path, capture: Capture, place: tuple[str, int], copy: bool) -> tuple[Path, _Write]:
    """Path and writer of a mask: linked where every program reads its levels alike, else written as coverage."""
    file = capture.masks[place[0]][place[1]]
    if isinstance(file, ImageFile) and capture.mask_label is None and samples(file, *place, file.has_levels):
        return _placed(path, file, place, copy)

    def write(target: Path) -> None:
        mask = read_mask(file, *place, capture.mask_label)
        wrong = impossible(statistics(mask))
        if wrong and wrong.code != "empty-mask":  # a frame without the person matters where a pair takes it
            where = {"file": file.path, "camera": place[0], "frame": place[1]}
            raise CaptureError(wrong.what, code=wrong.code, hint=wrong.hint, **where)
        write_frame(target, mask)

    return path, write


def _linked_image(file: LazyImage, place: tuple[str, int], copy: bool) -> _Write:
    """A writer that links to an image file, or copies it, unless it is cut short."""
    write = _linked(file.path, copy)

    def checked(target: Path) -> None:
        check_whole(file, *place)
        write(target)

    return checked


def _linked(source: Path, copy: bool) -> _Write:
    """A writer that links to a file, or copies it."""

    def write(target: Path) -> None:
        if not source.is_file():
            raise CaptureError("no such file", code="missing-file", file=source)
        if copy:
            shutil.copyfile(source, target)
            return
        try:
            os.link(source.resolve(), target)
        except OSError:  # another file system, or one without hard links
            _symlink(source.resolve(), target)

    return write


def _symlink(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError as error:
        if write_error(error) is not error and error.errno != errno.EPERM:
            raise
        what = f"neither hard nor symbolic links are possible on this drive ({error.strerror})"
        raise CaptureError(what, code="no-links", file=source, hint="copy the files with --copy") from None


def _depth(capture: Capture, camera: str, frame: int, scale: float) -> _Write:
    """A writer of a depth image in the canonical unit."""

    def write(target: Path) -> None:
        depth = capture.depth(camera, frame)
        assert depth is not None
        write_depth(target, scale * depth, camera, capture.depths[camera][frame].path.parent)

    return write


def _write_rig(root: Path, capture: Capture) -> None:
    """Write rig.json, with the range of frames for videos, which are linked whole."""
    more: dict = {"fps": capture.fps} if capture.fps else {}
    from_videos = any(isinstance(by_frame[min(by_frame)], VideoFrame) for by_frame in capture.images.values())
    if from_videos:
        first = capture.frames[0]
        step = gcd(*(frame - first for frame in capture.frames)) or 1  # where videos lack frames, steps differ
        linked = {name for name, by_frame in capture.images.items() if isinstance(by_frame[first], VideoFrame)}
        late = {name: frames for name, frames in capture.offsets.items() if name in linked}  # images are renumbered
        more |= {"offsets": late} if late else {}
        more["frames"] = f"{first}:{capture.frames[-1] + 1}:{step}"
    write_rig(root, capture.sources, capture.held_out, capture.pairs, **more)


def _write_joints(root: Path, capture: Capture, scale: float) -> None:
    joints = capture.joints()
    assert joints is not None
    write_joints(root, dict(zip(capture.frames, scale * joints, strict=True)))


def _scaled(camera: SourceCamera, scale: float) -> SourceCamera:
    """The camera, with its position multiplied by a scale."""
    pose = camera.world_to_camera.copy()
    pose[:3, 3] *= scale
    return replace(camera, world_to_camera=pose)
