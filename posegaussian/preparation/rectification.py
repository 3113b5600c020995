"""The stage `rectify`: stereo pairs with matching rows, and undistorted targets, from a capture to one HDF5 file."""

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.captures.diagnostics import check
from posegaussian.captures.footage import FrameRange
from posegaussian.captures.pairing import Names, named_pairs, neighbouring_pairs, pair_around, person_centre
from posegaussian.captures.reading import read_capture
from posegaussian.config import STAGE_VERSION, RectifySettings, as_dict
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.geometry import rectification
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.resampling import SamplingMap, resample, resample_depth, sampling_map
from posegaussian.io import store
from posegaussian.io.images import is_person
from posegaussian.preparation.color import described, estimate_gains, with_gain
from posegaussian.preparation.mattes.compositing import person_on_black
from posegaussian.preparation.mattes.made import with_masks
from posegaussian.progress import progress
from posegaussian.types import Camera

_LEAST_BASELINE = 1e-6
_SAME = np.ones(3)


@dataclass(frozen=True)
class _Pair:
    """A rectified pair, left and right: names, new cameras (batch of 2), where their pixels come from, colour gains."""

    names: Names
    views: Camera
    maps: tuple[SamplingMap, SamplingMap]
    gains: tuple[np.ndarray, np.ndarray] = (_SAME, _SAME)


@dataclass(frozen=True)
class _Target:
    """An undistorted target, the pair that it lies between, and its colour gain."""

    name: str
    view: Camera
    where: SamplingMap
    pair: int
    gain: np.ndarray = field(default_factory=lambda: _SAME)


def rectify_capture(
    root: Path,
    output: Path,
    settings: RectifySettings,
    pairs: Sequence[tuple[str, ...]] | None = None,
    frames: Sequence[int] | FrameRange | None = None,
    compared: Sequence[str] = (),
) -> None:
    """Rectify the pairs of a capture, frame by frame.

    Args:
        root: the capture's folder.
        output: the .h5 to write, of store.RECTIFIED.
        settings: sizes, margin, masks and colours.
        pairs: names of two cameras each, in any order; default: those the capture names, else neighbouring sources.
        frames: frame numbers; default: all.
        compared: cameras that are only compared with; default: those the capture names.
    """
    chosen = frames if isinstance(frames, FrameRange) else None
    capture = with_masks(read_capture(root, frames=chosen).with_roles(targets=compared), settings.masks)
    frames = list(capture.frames if frames is None or isinstance(frames, FrameRange) else frames)
    names = named_pairs(capture, capture.pairs if pairs is None else pairs) or neighbouring_pairs(capture, frames[0])
    check(capture, names, frames[0])
    rectified = [_rectify_pair(capture, pair, frames, settings) for pair in names]
    inputs = [camera for pair in rectified for camera in pair.names]
    targets = _targets(capture, rectified, frames[0], settings)
    outputs = [target.name for target in targets]
    if settings.color == "auto" and not capture.depths:
        rectified, targets = _matched(capture, rectified, targets, frames)
    joints = capture.joints()
    absent = []
    if not _has_depth(capture, inputs):
        absent += ["sources/disparity", "sources/valid"]
    if not _has_depth(capture, outputs):
        absent += ["targets/depth"]
    if joints is None:
        absent += ["joints"]
    with store.create(
        output,
        store.RECTIFIED,
        _dims(capture, inputs, targets, len(frames), settings),
        stage_version=STAGE_VERSION["rectify"],
        settings=as_dict(settings),
        inputs=_digests(capture, sorted({*inputs, *outputs}), frames),
        without=tuple(absent),
    ) as writer:
        writer["frames"] = frames
        if joints is not None:
            writer["joints"] = joints[[capture.frames.index(frame) for frame in frames]]
        for number, pair in enumerate(rectified):
            _write_cameras(writer, number, pair, capture)
        for number, target in enumerate(targets):
            writer["targets/cameras", number] = target.name
            writer["targets/pair", number] = target.pair
            writer["targets/intrinsics", number] = target.view.intrinsics.numpy()
            writer["targets/world_to_camera", number] = target.view.world_to_camera.numpy()
            writer["targets/gains", number] = target.gain
        for index, frame in enumerate(progress(frames, f"rectify {capture.name}")):
            for number, pair in enumerate(rectified):
                _write_pair(writer, (number, index), pair, capture, frame, "sources/disparity" not in absent)
            for number, target in enumerate(targets):
                _write_target(writer, (number, index), target, capture, frame, "targets/depth" not in absent)


def _rectify_pair(capture: Capture, names: Names, frames: Sequence[int], settings: RectifySettings) -> _Pair:
    """Left and right, and intrinsics that fit the person of all frames."""
    first, second = (capture.cameras[camera] for camera in names)
    if np.linalg.norm(first.centre - second.centre) < _LEAST_BASELINE:
        what = f"stands at the same place as camera {names[1]}: no baseline"
        raise CalibrationError(what, code="no-baseline", file=capture.calibration_files[-1], camera=names[0])
    rotation, swapped = rectification.rectifying_rotation(first, second)
    if swapped:
        names = (names[1], names[0])
    left, right = (capture.cameras[camera] for camera in names)
    boxes = np.stack([_person_box(capture, camera, frames, rotation) for camera in names])
    intrinsics = rectification.fit_intrinsics(boxes, settings.size, settings.margin)
    centres = np.stack([left.centre, right.centre])
    views = rectification.rectified_cameras(centres, rotation, intrinsics, settings.size)
    return _Pair(names, views, (sampling_map(left, views[0]), sampling_map(right, views[1])))


def _person_box(
    capture: Capture, camera: str, frames: Sequence[int], rotation: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, " 4"]:
    """The box of the person of all frames on the rectified image plane."""
    boxes = []
    for frame in frames:
        corners = rectification.outline(is_person(capture.mask(camera, frame)))
        rays = capture.cameras[camera].directions(corners)
        if not np.isfinite(rays).all():
            what = "the distortion folds back on itself where the person stands"
            hint = "fisheye lenses are not supported: undistort the pictures first"
            raise CalibrationError(
                what, code="unsupported-lens", file=capture.calibration_files[0], camera=camera, frame=frame, hint=hint
            )
        box = rectification.bounds(rays, rotation)
        if box is None:
            what = "its pair cannot be rectified: the person stands along the baseline"
            raise CalibrationError(
                what, code="person-on-baseline", file=capture.calibration_files[-1], camera=camera, frame=frame
            )
        boxes.append(box)
    corner, opposite = np.split(np.stack(boxes), 2, axis=1)
    return np.concatenate([corner.min(0), opposite.max(0)])


def _targets(capture: Capture, pairs: Sequence[_Pair], frame: int, settings: RectifySettings) -> list[_Target]:
    """Every target camera that is in no pair."""
    names = [pair.names for pair in pairs]
    inputs = sorted({camera for pair in names for camera in pair})
    person = person_centre(capture, inputs, frame)
    targets = []
    for camera in capture.targets:
        if camera not in inputs:
            source = capture.cameras[camera]
            view = source.pinhole().resized(*settings.target_size) if settings.target_size else source.pinhole()
            pair = pair_around(capture, camera, names, person)
            targets.append(_Target(camera, view, sampling_map(source, view), pair))
    if len({(target.view.width, target.view.height) for target in targets}) > 1:
        raise CaptureError(
            "the target cameras differ in size",
            code="mixed-target-sizes",
            file=capture.root,
            hint="set rectify.target_size",
        )
    return targets


def _matched(
    capture: Capture, pairs: Sequence[_Pair], targets: Sequence[_Target], frames: Sequence[int]
) -> tuple[list[_Pair], list[_Target]]:
    """Pairs and targets with the gains that make the cameras' colours alike."""
    seen = [(target.name, camera) for target in targets for camera in pairs[target.pair].names]
    gains = estimate_gains(capture, [pair.names for pair in pairs] + seen, frames)
    print(f"colour gains: {described(gains)}", file=sys.stderr)
    return (
        [replace(pair, gains=(gains[pair.names[0]], gains[pair.names[1]])) for pair in pairs],
        [replace(target, gain=gains[target.name]) for target in targets],
    )


def _has_depth(capture: Capture, cameras: Sequence[str]) -> bool:
    return bool(cameras) and all(camera in capture.depths for camera in cameras)


def _dims(
    capture: Capture, inputs: Sequence[str], targets: Sequence[_Target], frames: int, settings: RectifySettings
) -> dict[str, int]:
    return {
        "pair": len(inputs) // 2,
        "frame": frames,
        "width": settings.size[0],
        "height": settings.size[1],
        "coefficients": max(len(capture.cameras[camera].distortion) for camera in inputs),
        "target": len(targets),
        "target_width": targets[0].view.width if targets else 0,
        "target_height": targets[0].view.height if targets else 0,
    }


def _write_cameras(writer: store.Writer, number: int, pair: _Pair, capture: Capture) -> None:
    writer["sources/pairs", number] = pair.names
    writer["sources/intrinsics", number] = pair.views.intrinsics.numpy()
    writer["sources/world_to_camera", number] = pair.views.world_to_camera.numpy()
    writer["sources/original/gains", number] = np.stack(pair.gains)
    for view, camera in enumerate(capture.cameras[name] for name in pair.names):
        writer["sources/original/intrinsics", number, view] = camera.intrinsics
        writer["sources/original/distortion", number, view, : len(camera.distortion)] = camera.distortion
        writer["sources/original/world_to_camera", number, view] = camera.world_to_camera
        writer["sources/original/size", number, view] = (camera.width, camera.height)


def _write_pair(
    writer: store.Writer, place: tuple[int, int], pair: _Pair, capture: Capture, frame: int, has_depth: bool
) -> None:
    depths, valid = [], []
    for view, (camera, where, gain) in enumerate(zip(pair.names, pair.maps, pair.gains, strict=True)):
        image, mask = _picture(capture, camera, frame, where, gain)
        writer["sources/images", *place, view] = image
        writer["sources/masks", *place, view] = mask
        if has_depth:
            depth, smooth = _depth(capture, camera, frame, where, mask)
            depths.append(depth)
            valid.append(smooth & (depth > 0))
    if has_depth:
        depth = torch.from_numpy(np.stack(depths)).double()
        writer["sources/disparity", *place] = depth_to_disparity(depth[None], pair.views[None])[0].numpy()
        writer["sources/valid", *place] = np.stack(valid)


def _write_target(
    writer: store.Writer, place: tuple[int, int], target: _Target, capture: Capture, frame: int, has_depth: bool
) -> None:
    image, mask = _picture(capture, target.name, frame, target.where, target.gain)
    writer["targets/images", *place] = image
    writer["targets/masks", *place] = mask
    if has_depth:
        writer["targets/depth", *place] = _depth(capture, target.name, frame, target.where, mask)[0]


def _picture(
    capture: Capture, camera: str, frame: int, where: SamplingMap, gain: Float[np.ndarray, " 3"]
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """The person on black and the coverage, resampled together so that no background bleeds into the edge."""
    coverage = capture.mask(camera, frame)[..., None] / np.float32(255)
    image = capture.image(camera, frame)
    colour = person_on_black(image if (gain == 1).all() else with_gain(image, gain), coverage)
    both = np.clip(resample(np.concatenate([colour, coverage], axis=2), where), 0, 1)
    levels = np.rint(both * 255).astype(np.uint8)
    mask = levels[..., 3]
    return np.minimum(levels[..., :3], mask[..., None]), mask


def _depth(
    capture: Capture, camera: str, frame: int, where: SamplingMap, mask: UInt8[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """Depth of the person, 0 elsewhere; and where it was interpolated on one surface."""
    depth = capture.depth(camera, frame)
    assert depth is not None  # checked by _has_depth
    depth, smooth = resample_depth(depth, where)
    return np.where(is_person(mask), depth, np.float32(0)), smooth


def _digests(capture: Capture, cameras: Sequence[str], frames: Sequence[int]) -> dict[str, str]:
    """One digest for each calibration file, and one over all pictures used."""
    told = [*capture.calibration_files, *([capture.joints_file] if capture.joints_file else [])]
    digests = {os.path.relpath(path, capture.root): store.digest(path) for path in told}
    pictures = hashlib.sha256()
    for path in capture.files(cameras, frames):
        if path not in told:
            pictures.update(bytes.fromhex(store.digest(path)))
    return digests | {"pictures": pictures.hexdigest()}
