"""The stage `rectify`: stereo pairs with matching rows, and undistorted targets, from a capture to one HDF5 file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from posegaussian import store
from posegaussian.captures.capture import Capture
from posegaussian.captures.easymocap import read_easymocap
from posegaussian.captures.pictures import is_person
from posegaussian.config import STAGE_VERSION, RectifySettings, as_dict
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.geometry import rectification, rig
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.resampling import SamplingMap, resample, resample_depth, sampling_map
from posegaussian.progress import progress
from posegaussian.types import Camera

_WIDEST_PAIR = 90.0
"""Cameras further apart than this (degrees about the person) are not paired unless they are named."""
_LEAST_BASELINE = 1e-6


@dataclass(frozen=True)
class _Pair:
    """A rectified pair: the names of its left and right camera, their new cameras and sampling maps."""

    names: tuple[str, str]
    views: Camera
    maps: tuple[SamplingMap, SamplingMap]


def rectify_capture(
    root: Path,
    output: Path,
    settings: RectifySettings,
    pairs: Sequence[tuple[str, ...]] | None = None,
    frames: Sequence[int] | None = None,
) -> None:
    """Rectify the pairs of a capture, frame by frame.

    Args:
        root: the capture's folder.
        output: the .h5 to write, of store.RECTIFIED.
        settings: sizes and margin.
        pairs: names of two cameras each, in any order; default: those the capture names, else neighbouring sources.
        frames: frame numbers; default: all.
    """
    capture = read_easymocap(root)
    frames = list(capture.frames if frames is None else frames)
    names = _named_pairs(capture, pairs) or _neighbours(capture, frames[0])
    rectified = [_rectify_pair(capture, pair, frames, settings) for pair in names]
    inputs = [camera for pair in rectified for camera in pair.names]
    targets = [camera for camera in capture.targets if camera not in inputs]
    views = [_target_view(capture, camera, settings.target_size) for camera in targets]
    if len({(view.width, view.height) for view in views}) > 1:
        raise CaptureError("the target cameras differ in size", file=root, hint="set rectify.target_size")
    used = list(dict.fromkeys([*inputs, *targets]))
    joints = capture.joints()
    dims = {
        "pair": len(rectified),
        "frame": len(frames),
        "width": settings.size[0],
        "height": settings.size[1],
        "coefficients": max(len(capture.cameras[camera].distortion) for camera in inputs),
        "target": len(targets),
        "target_width": views[0].width if views else 0,
        "target_height": views[0].height if views else 0,
    }
    source_depth, target_depth = (
        bool(cameras) and all(camera in capture.depths for camera in cameras) for cameras in (inputs, targets)
    )
    known = {"sources/disparity": source_depth, "sources/valid": source_depth, "targets/depth": target_depth}
    known["joints"] = joints is not None
    with store.create(
        output,
        store.RECTIFIED,
        dims,
        stage_version=STAGE_VERSION["rectify"],
        settings=as_dict(settings),
        inputs=_digests(capture, used, frames),
        without=tuple(name for name, present in known.items() if not present),
    ) as writer:
        writer["frames"] = frames
        if joints is not None:
            writer["joints"] = joints[[capture.frames.index(frame) for frame in frames]]
        for index, pair in enumerate(rectified):
            _write_cameras(writer, index, pair, capture, dims["coefficients"])
        centre = _person(capture, used, frames[0])
        for index, (camera, view) in enumerate(zip(targets, views, strict=True)):
            writer["targets/cameras", index] = camera
            writer["targets/pair", index] = _nearest_pair(capture, camera, rectified, centre)
            writer["targets/intrinsics", index] = view.intrinsics.numpy()
            writer["targets/world_to_camera", index] = view.world_to_camera.numpy()
        maps = [sampling_map(capture.cameras[c], view) for c, view in zip(targets, views, strict=True)]
        for index, frame in enumerate(progress(frames, f"rectify {capture.name}")):
            for number, pair in enumerate(rectified):
                _write_pair(writer, (number, index), pair, capture, frame, source_depth)
            for number, (camera, where) in enumerate(zip(targets, maps, strict=True)):
                image, mask = _picture(capture, camera, frame, where)
                writer["targets/images", number, index] = image
                writer["targets/masks", number, index] = mask
                if target_depth:
                    writer["targets/depth", number, index] = _depth(capture, camera, frame, where, mask)[0]


def _named_pairs(capture: Capture, pairs: Sequence[tuple[str, ...]] | None) -> list[tuple[str, str]]:
    """Pairs that the user, or else the capture, names."""
    named = []
    for pair in capture.pairs if pairs is None else pairs:
        if len(pair) != 2:
            raise CaptureError(f"a pair has two cameras, not {','.join(pair)}", file=capture.root)
        for camera in pair:
            if camera not in capture.cameras:
                what = f"a pair names it, but the cameras are {', '.join(capture.cameras)}"
                raise CaptureError(what, file=capture.root, camera=camera)
        named.append((pair[0], pair[1]))
    return named


def _neighbours(capture: Capture, frame: int) -> list[tuple[str, str]]:
    """Neighbouring source cameras as seen from the person."""
    sources = capture.sources
    if len(sources) < 2:
        raise CaptureError("a pair needs two source cameras", file=capture.root)
    centres = np.stack([capture.cameras[camera].centre for camera in sources])
    angles = rig.angles(_person(capture, sources, frame), centres)
    pairs = [(sources[a], sources[b]) for a, b in rig.neighbours(angles, _WIDEST_PAIR)]
    if not pairs:
        what = f"no two source cameras stand within {_WIDEST_PAIR:.0f} degrees"
        raise CaptureError(what, file=capture.root, hint="name the pairs")
    return pairs


def _person(capture: Capture, cameras: Sequence[str], frame: int) -> np.ndarray:
    """Where the person stands: the point nearest to the rays through the middles of the masks."""
    rays = []
    for camera in cameras:
        rows, columns = np.nonzero(is_person(capture.mask(camera, frame)))
        middle = np.array([[columns.mean() + 0.5, rows.mean() + 0.5]])
        rays.append(capture.cameras[camera].directions(middle)[0])
    return rig.nearest_point(np.stack([capture.cameras[camera].centre for camera in cameras]), np.stack(rays))


def _rectify_pair(capture: Capture, names: tuple[str, str], frames: Sequence[int], settings: RectifySettings) -> _Pair:
    """Left and right, and intrinsics that fit the person of all frames."""
    first, second = (capture.cameras[camera] for camera in names)
    if np.linalg.norm(first.centre - second.centre) < _LEAST_BASELINE:
        what = f"stands at the same place as camera {names[1]}: no baseline"
        raise CalibrationError(what, file=capture.calibration_files[1], camera=names[0])
    rotation, swapped = rectification.rectifying_rotation(first, second)
    left, right = names = names[::-1] if swapped else names
    boxes = np.stack([_person_box(capture, camera, frames, rotation, names) for camera in names])
    intrinsics = rectification.fit_intrinsics(boxes, settings.size, settings.margin)
    cameras = capture.cameras[left], capture.cameras[right]
    centres = np.stack([camera.centre for camera in cameras])
    views = rectification.rectified_cameras(centres, rotation, intrinsics, settings.size)
    return _Pair(names, views, (sampling_map(cameras[0], views[0]), sampling_map(cameras[1], views[1])))


def _person_box(
    capture: Capture, camera: str, frames: Sequence[int], rotation: np.ndarray, pair: tuple[str, str]
) -> np.ndarray:
    """The box of the person of all frames on the rectified image plane."""
    boxes = []
    for frame in frames:
        corners = rectification.outline(is_person(capture.mask(camera, frame)))
        box = rectification.bounds(capture.cameras[camera].directions(corners), rotation)
        if box is None:
            what = f"the pair {pair[0]},{pair[1]} cannot be rectified: the person stands along its baseline"
            raise CalibrationError(what, file=capture.calibration_files[1], camera=camera, frame=frame)
        boxes.append(box)
    stacked = np.stack(boxes)
    return np.concatenate([stacked[:, :2].min(0), stacked[:, 2:].max(0)])


def _target_view(capture: Capture, camera: str, size: tuple[int, int] | None) -> Camera:
    view = capture.cameras[camera].pinhole()
    return view.resized(*size) if size else view


def _nearest_pair(capture: Capture, camera: str, pairs: Sequence[_Pair], person: np.ndarray) -> int:
    """The pair with the smallest summed angle to the camera, seen from the person."""
    sums = []
    for pair in pairs:
        centres = np.stack([capture.cameras[name].centre for name in (camera, *pair.names)])
        sums.append(rig.angles(person, centres)[0].sum())
    return int(np.argmin(sums))


def _write_cameras(writer: store.Writer, index: int, pair: _Pair, capture: Capture, coefficients: int) -> None:
    originals = [capture.cameras[camera] for camera in pair.names]
    writer["sources/pairs", index] = pair.names
    writer["sources/intrinsics", index] = pair.views.intrinsics.numpy()
    writer["sources/world_to_camera", index] = pair.views.world_to_camera.numpy()
    writer["sources/original/intrinsics", index] = np.stack([c.intrinsics for c in originals])
    writer["sources/original/distortion", index] = np.stack(
        [np.pad(c.distortion, (0, coefficients - len(c.distortion))) for c in originals]
    )
    writer["sources/original/world_to_camera", index] = np.stack([c.world_to_camera for c in originals])
    writer["sources/original/size", index] = [(c.width, c.height) for c in originals]


def _write_pair(
    writer: store.Writer, place: tuple[int, int], pair: _Pair, capture: Capture, frame: int, depth_known: bool
) -> None:
    depths, valid = [], []
    for view, (camera, where) in enumerate(zip(pair.names, pair.maps, strict=True)):
        image, mask = _picture(capture, camera, frame, where)
        writer["sources/images", *place, view] = image
        writer["sources/masks", *place, view] = mask
        if depth_known:
            depth, smooth = _depth(capture, camera, frame, where, mask)
            depths.append(depth)
            valid.append(smooth & (depth > 0))
    if depth_known:
        depth = torch.from_numpy(np.stack(depths)).double()
        writer["sources/disparity", *place] = depth_to_disparity(depth[None], pair.views[None])[0].numpy()
        writer["sources/valid", *place] = np.stack(valid)


def _picture(
    capture: Capture, camera: str, frame: int, where: SamplingMap
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """The person on black and the coverage, resampled together so that no background bleeds into the edge."""
    coverage = capture.mask(camera, frame)[..., None] / np.float32(255)
    colour = capture.image(camera, frame) / np.float32(255) * coverage
    both = np.clip(resample(np.concatenate([colour, coverage], axis=2), where), 0, 1)
    levels = np.rint(both * 255).astype(np.uint8)
    mask = levels[..., 3]
    return np.minimum(levels[..., :3], mask[..., None]), mask


def _depth(
    capture: Capture, camera: str, frame: int, where: SamplingMap, mask: UInt8[np.ndarray, "h w"]
) -> tuple[Float32[np.ndarray, "h w"], np.ndarray]:
    """Depth of the person, 0 elsewhere; and where it was interpolated on one surface."""
    depth, smooth = resample_depth(capture.depth(camera, frame), where)
    return np.where(is_person(mask), depth, np.float32(0)), smooth


def _digests(capture: Capture, cameras: Sequence[str], frames: Sequence[int]) -> dict[str, str]:
    """One digest for each calibration file, and one over all pictures used."""
    files = [*capture.calibration_files, *([capture.joints_file] if capture.joints_file else [])]
    digests = {path.name: store.digest(path) for path in files}
    pictures = hashlib.sha256()
    for kind in (capture.images, capture.masks, capture.depths):
        for camera in cameras:
            for frame in frames if camera in kind else ():
                pictures.update(bytes.fromhex(store.digest(kind[camera][frame])))
    return digests | {"pictures": pictures.hexdigest()}
