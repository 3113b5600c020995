"""A Capture from the files that a reader found, with the checks that are the same for every layout."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from posegaussian.captures.bit_depth import white_level, with_white
from posegaussian.captures.calibration import Calibration, checked_camera
from posegaussian.captures.capture import Capture, FrameFiles
from posegaussian.captures.masks import given_masks
from posegaussian.captures.matching import check_known
from posegaussian.captures.sequences import FrameRange
from posegaussian.config.rectify import MaskLabel
from posegaussian.counts import counted
from posegaussian.errors import CaptureError, warn
from posegaussian.io import video
from posegaussian.io.images import LazyImage, read_image

_COMPARED = 3
"""Frames whose paths tell how frames are numbered. Chosen by hand."""


def assemble(
    root: Path,
    *,
    format: str,
    calibrations: Mapping[str, Calibration],
    images: FrameFiles,
    calibration_files: Sequence[Path],
    masks: FrameFiles | None = None,
    depths: FrameFiles | None = None,
    backgrounds: Mapping[str, LazyImage] | None = None,
    sources: Sequence[str] | None = None,
    held_out: Sequence[str] = (),
    asked: Sequence[str] = (),
    pairs: Sequence[tuple[str, str]] = (),
    joints_file: Path | None = None,
    fps: float | None = None,
    frames: FrameRange | None = None,
    name: str | None = None,
    matched_in_order: Mapping[str, str] | None = None,
    mask_label: MaskLabel | None = None,
) -> Capture:
    """A Capture from what a reader found, checked; of images of 8 bits, only the first one of each camera is decoded.

    A calibrated camera without images is left out with a warning, unless the user or the capture names it.

    Args:
        root: the capture's folder.
        format: name of the layout.
        calibrations: by camera; those of cameras without images, too.
        images: by camera and frame.
        calibration_files: files of the calibrations and pairs; those that do not exist are left out.
        masks: by camera and frame.
        depths: by camera and frame.
        backgrounds: by camera.
        sources: cameras that may be inputs; default: all but the held-out ones.
        held_out: cameras that renders are only compared with.
        asked: the only cameras that the user wants, whatever their roles; empty: all.
        pairs: source pairs that the capture names.
        joints_file: file of the true joints; it need not exist.
        fps: frames per second.
        frames: which frames to read; default: all.
        name: of the capture; default: the name of its folder.
        matched_in_order: name of each camera's footage, where only the order of names tells which it is.
        mask_label: the person's label in the masks, where the layout defines it.

    Raises:
        CaptureError: a camera or frame is missing.
        CalibrationError: a camera's calibration is impossible.
    """
    named = asked or [*(sources or ()), *held_out]
    cameras = _with_images(root, _choose_cameras(root, calibrations, images, sources, held_out, asked), images, named)
    held_out = [camera for camera in cameras if camera in held_out]
    sources = [camera for camera in cameras if camera not in held_out]
    images = {camera: images[camera] for camera in cameras}
    white = white_level(root, images)
    images = {camera: with_white(by_frame, white) for camera, by_frame in images.items()}
    chosen = _choose_frames(root, images, cameras, frames or FrameRange())
    masks = given_masks(root, masks or {}, images, chosen[0])
    _check_numbering(root, images, masks, chosen)
    kinds = {"image": images, "mask": masks, "depth image": depths or {}}
    for kind, files in kinds.items():
        _check_complete(kind, {camera: files[camera] for camera in cameras if camera in files}, chosen)
    return Capture(
        name=name or root.resolve().name,
        root=root,
        format=format,
        cameras={
            camera: checked_camera(
                calibrations[camera], camera, read_image(images[camera][chosen[0]], camera, chosen[0])
            )
            for camera in cameras
        },
        frames=tuple(chosen),
        sources=tuple(sources),
        held_out=tuple(held_out),
        pairs=tuple(pair for pair in pairs if not asked or set(pair) <= set(sources)),
        calibration_files=tuple(path for path in calibration_files if path.is_file()),
        images=images,
        masks=masks,
        depths=depths or {},
        joints_file=joints_file if joints_file and joints_file.is_file() else None,
        backgrounds=with_white(backgrounds or {}, white),
        fps=fps,
        matched_in_order=matched_in_order or {},
        mask_label=mask_label,
    )


def _choose_cameras(
    root: Path,
    calibrations: Mapping[str, Calibration],
    images: FrameFiles,
    sources: Sequence[str] | None,
    held_out: Sequence[str],
    asked: Sequence[str],
) -> list[str]:
    """The cameras that were asked for, or else those that have a role, sources first."""
    known = list(dict.fromkeys([*calibrations, *images]))
    check_known(asked, known, root)
    sources = [camera for camera in calibrations if camera not in held_out] if sources is None else sources
    with_roles = [*sources, *held_out]
    return [*dict.fromkeys(c for c in [*with_roles, *asked] if c in asked)] if asked else with_roles


def _with_images(root: Path, cameras: Sequence[str], images: FrameFiles, named: Sequence[str]) -> list[str]:
    """The cameras that have images; the others are left out with a warning, or refused if they were named."""
    missing = [camera for camera in cameras if not images.get(camera)]
    for camera in missing:
        if camera in named or missing == list(cameras):
            raise CaptureError("no images of this camera", code="no-images", file=root, camera=camera)
        warn("a calibrated camera without images: left out", code="camera-without-footage", file=root, camera=camera)
    return [camera for camera in cameras if camera not in missing]


def _choose_frames(root: Path, images: FrameFiles, cameras: Sequence[str], frames: FrameRange) -> list[int]:
    """Frame numbers to read; where videos differ in length, the frames that all of them have."""
    if not cameras:
        raise CaptureError("no cameras", code="no-cameras", file=root)
    found = [set(images[camera]) for camera in cameras]
    every, common = set().union(*found), set.intersection(*found)
    videos = all(isinstance(_first(images[camera]), video.VideoFrame) for camera in cameras)
    if videos and frames.choose(every) != frames.choose(common):
        lengths = ", ".join(f"{camera}: {len(images[camera])}" for camera in cameras)
        warn(
            f"the videos differ in length ({lengths}): used: the first {counted(len(common), 'frame')}",
            code="unequal-videos",
            file=root,
        )
    every = common if videos else every
    chosen = frames.choose(every)
    if not chosen:
        known = f"they are {min(every)} to {max(every)}" if every else "there are none"
        raise CaptureError(f"none of the frames is chosen ({known})", code="no-frames-chosen", file=root)
    return chosen


def _check_numbering(root: Path, images: FrameFiles, masks: FrameFiles, chosen: Sequence[int]) -> None:
    """Check that images, and the masks that belong to them, are numbered from the same start.

    Where as many are numbered from another start, files of one number may be of different moments: an error if some
    number is missing, else a warning.

    Raises:
        CaptureError: a chosen frame is missing where the numbers are shifted.
    """
    counts = Counter(frozenset(by_frame) for by_frame in images.values())
    common = counts.most_common(1)[0][0]  # of equally many, the first camera's
    usual = next(camera for camera, by_frame in images.items() if by_frame.keys() == common)
    compared = [("images", camera, files, common, f"those of {usual}") for camera, files in images.items()]
    compared += [("masks", camera, files, images[camera], "its frames") for camera, files in masks.items()]
    for kind, camera, files, numbers, others in compared:
        start, shift = min(numbers), min(files) - min(numbers)
        if not shift or {number + shift for number in numbers} != set(files):
            continue
        what = f"its {kind} are numbered from {min(files)}, {others} from {start}: one number may mean two moments"
        hint = "number them from one start"
        if missing := [frame for frame in chosen if frame not in files or frame not in numbers]:
            shared = sorted(set(numbers) & set(files))
            if shared and kind == "images":
                hint += f"; where equal numbers are one moment, choose them with --frames {shared[0]}:{shared[-1] + 1}"
            place = {"file": files[min(files)].path.parent, "camera": camera, "frame": missing[0]}
            raise CaptureError(what, code="shifted-frames", hint=hint, **place)
        warn(what, code="maybe-shifted-frames", file=root, camera=camera, hint=hint)


def _check_complete(kind: str, files: FrameFiles, frames: Sequence[int]) -> None:
    """Raise a CaptureError that names the file, if a camera lacks one of the frames."""
    for camera, by_frame in files.items():
        for frame in frames:
            if frame not in by_frame:
                listed = {each.path for others in files.values() for each in others.values()}
                path = _expected_path(by_frame, frame, listed)
                what = f"the {kind} is there, but the capture does not list it" if path.is_file() else f"no such {kind}"
                hint = "leave the frame out with --frames (`render`: --frame), or the camera with --cameras or rig.json"
                raise CaptureError(what, code="missing-frame", file=path, camera=camera, frame=frame, hint=hint)


def _expected_path(by_frame: Mapping[int, LazyImage], frame: int, listed: Collection[Path]) -> Path:
    """Where the file of a frame should be: the last number in the paths that counts frames and leads to no listed file.

    Where none does, it is the folder of the first file.
    """
    paths = {number: str(by_frame[number].path) for number in sorted(by_frame)[:_COMPARED]}
    found = {number: list(re.finditer("[0-9]+", path)) for number, path in paths.items()}
    number = min(by_frame)
    for position in range(1, min(map(len, found.values())) + 1):
        if all(int(matches[-position][0]) == n for n, matches in found.items()):
            match = found[number][-position]
            digits = str(frame).zfill(len(match[0]))
            path = Path(paths[number][: match.start()] + digits + paths[number][match.end() :])
            if path not in listed:
                return path
    return by_frame[number].path.parent


def _first(by_frame: Mapping[int, LazyImage]) -> LazyImage:
    return by_frame[min(by_frame)]
