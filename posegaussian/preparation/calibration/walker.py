"""Poses of cameras from a person who walks about: landmarks over time, and features of the room, in place of a board.

The first two cameras come from their essential matrix, the others from points that are placed already, and all of them
from one bundle adjustment. BlazePose's landmarks are off by some pixels, and by the same in many frames: features of
the room make the poses exact. The person's height gives the scale, their body up, and their feet the floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from posegaussian.counts import counted
from posegaussian.errors import CalibrationError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.pose.person import LANDMARKS
from posegaussian.preparation.calibration.feature_tracks import Features
from posegaussian.preparation.calibration.intrinsics import check_lens
from posegaussian.preparation.calibration.persons_world import in_persons_world
from posegaussian.preparation.calibration.refinement import LOOSE, refine_poses
from posegaussian.preparation.calibration.room import refine_by_room
from posegaussian.preparation.calibration.tracks import Tracks, focal_of, place

_VISIBLE = 0.5
"""Landmarks of this visibility are used (MediaPipe's usual threshold)."""
_SIGMA = 6.0
"""Standard deviation of a landmark, pixels in an image of 1024. By hand, from 1.5 % of a person's height of 400."""
_LEAST_SHARED = 200
"""Landmarks that a camera must share with others, over all frames. Chosen by hand."""
_LEAST_INLIERS = 0.5
"""Share of a pair's landmarks that must agree on its essential matrix. Chosen by hand."""
_UNKNOWN = 0.3
"""Standard deviation of focal lengths that are not known, as a share. Chosen by hand."""
_STARTS = 0.7, 1.4
"""Focal lengths that the search starts from, as shares of the image's longer side: fields of view of 71 and 39 degrees.
Of four cameras, both ends are within 1 % of each other, also from 0.5 and 2."""
_AGREED = 0.03
"""Largest difference of the two ends, as a share. Chosen by hand: of two cameras, they differ by half."""
_MOST_POINTS = 4000
"""Points that are solved for at most, in frames at equal steps."""
_KEPT_BACK = 5
"""One block of `_BLOCK` frames in so many is kept back, to measure how exact the poses are."""
_BLOCK = 10
_WORST = 20.0
"""Median residual of kept-back landmarks, pixels at 1024, beyond which nothing is calibrated. Chosen by hand."""
_WORSE = 1.5
"""Factor by which features may move landmarks away from their lines. They do by up to 1.2, where errors of landmarks
had moved the cameras (people 150 to 154 of `val`); wrong matches of a pattern that repeats do by more."""


@dataclass(frozen=True)
class WalkerCalibration:
    """Cameras calibrated by a person who walks."""

    cameras: Mapping[str, SourceCamera]  # by name; the world's z is up, the floor is z = 0
    residual: float  # median distance of kept-back landmarks from epipolar lines, pixels
    landmarks: int  # number of points that were solved for
    features: float | None  # the same of kept-back features of the room, pixels; None where these were not used


def calibrate_by_walker(
    trajectories: Mapping[str, Float[np.ndarray, "frames 33 3"]],
    lenses: Mapping[str, SourceCamera],
    height: float,
    frames: Sequence[Mapping[str, Features]] = (),
    *,
    focal: float = 0.0,
) -> WalkerCalibration:
    """Poses of cameras from landmarks over time, and from features of the room where there are enough.

    Args:
        trajectories: x, y (pixels, centres at +0.5) and visibility, by camera, of the same times.
        lenses: intrinsics, distortion and sizes; their poses do not count.
        height: of the person, metres.
        frames: features of some times, by camera.
        focal: standard deviation of the focal lengths, as a share; 0: they are exact.

    Raises:
        CalibrationError: a camera shares too little with the others, or the landmarks contradict each other.
    """
    cameras = {name: replace(lenses[name], world_to_camera=np.eye(4)) for name in trajectories}
    tracks, numbers = _tracks(trajectories, cameras)
    back = (numbers[:, 0] // _BLOCK) % _KEPT_BACK == 0
    fitted, rest = tracks.select(~back), tracks.select(back)
    start = _start(fitted, cameras)
    solved = refine_poses(start, fitted, focal=focal, prior=LOOSE)
    residual, features = _residual(rest, solved), None
    if not residual <= _WORST * max(max(camera.width, camera.height) for camera in cameras.values()) / 1024:
        what = f"landmarks of the person are {residual:.1f} px from their epipolar lines (median)"
        hint = "one person alone, in view of all cameras at one time; check lenses and that the cameras are in sync"
        raise CalibrationError(what, code="contradicting-views", hint=hint)
    refined = refine_by_room(frames, solved, fitted, focal) if frames else None
    if refined is not None and _residual(rest, refined[0]) <= _WORSE * residual:
        solved, features = refined
        residual = _residual(rest, solved)
    points = np.full((len(next(iter(trajectories.values()))), len(LANDMARKS), 3), np.nan)
    points[numbers[:, 0], numbers[:, 1]] = place(tracks, solved).points
    return WalkerCalibration(in_persons_world(solved, points, height), residual, len(fitted), features)


def _residual(landmarks: Tracks, cameras: Mapping[str, SourceCamera]) -> float:
    """Median distance of landmarks from epipolar lines, pixels; infinite where none is seen."""
    residuals = place(landmarks, cameras).residuals()
    known = np.isfinite(residuals)
    return float(np.median(residuals[known])) if known.any() else np.inf


def calibrate_lenses_by_walker(
    trajectories: Mapping[str, Float[np.ndarray, "frames 33 3"]],
    sizes: Mapping[str, tuple[int, int]],
    height: float,
    frames: Sequence[Mapping[str, Features]] = (),
) -> WalkerCalibration:
    """Poses and one focal length of each camera from landmarks over time and features; lenses without distortion.

    Args:
        trajectories: x, y (pixels, centres at +0.5) and visibility, by camera, of the same times.
        sizes: width and height of the images by camera, pixels.
        height: of the person, metres.
        frames: features of some times, by camera.

    Raises:
        CalibrationError: as of `calibrate_by_walker`; or the focal lengths depend on where the search for them starts,
            as those of two cameras that look at one place do (Sturm, 2000).
    """
    short, long = (
        calibrate_by_walker(
            trajectories, {name: _lens(size, share) for name, size in sizes.items()}, height, frames, focal=_UNKNOWN
        )
        for share in _STARTS
    )
    for name, size in sizes.items():
        ends = [focal_of(found.cameras[name]) for found in (short, long)]
        if not abs(ends[0] / ends[1] - 1) <= _AGREED:
            what = f"the landmarks do not determine its focal length: {ends[0]:.0f} and {ends[1]:.0f} px fit alike"
            hint = "give --lenses, or film longer with three cameras or more: two that look at one place are not enough"
            raise CalibrationError(what, code="undetermined-focal-length", camera=name, hint=hint)
        check_lens(short.cameras[name].intrinsics, size, name)
    return short


def _lens(size: tuple[int, int], share: float) -> SourceCamera:
    """A camera with this focal length, as a share of the image's longer side."""
    matrix = np.array([[share * max(size), 0, size[0] / 2], [0, share * max(size), size[1] / 2], [0, 0, 1]])
    return SourceCamera(matrix, np.zeros(5), np.eye(4), *size)


def _tracks(
    trajectories: Mapping[str, Float[np.ndarray, "frames 33 3"]], cameras: Mapping[str, SourceCamera]
) -> tuple[Tracks, np.ndarray]:
    """Landmarks that two cameras or more see, and frame and number of each."""
    names = list(trajectories)
    seen = np.stack([trajectories[name][..., 2] >= _VISIBLE for name in names])
    numbers = np.argwhere(seen.sum(0) >= 2)
    step = -(-len(numbers) // _MOST_POINTS) or 1
    numbers = numbers[numbers[:, 0] % step == 0]  # whole frames: eyes and ankles of one time belong together
    rows = [
        {name: trajectories[name][frame, k, :2] for c, name in enumerate(names) if seen[c, frame, k]}
        for frame, k in numbers
    ]
    sigma = {name: _SIGMA * max(camera.width, camera.height) / 1024 for name, camera in cameras.items()}
    tracks = Tracks.of(names, rows, sigma)
    for name in names:
        count = int(tracks.seen_by(name).sum()) if len(tracks) else 0
        if count < _LEAST_SHARED:
            what = f"only {counted(count, 'landmark')} of the person seen here and by another camera at the same time"
            hint = f"{_LEAST_SHARED} are needed: let one person walk where all cameras see them from head to foot"
            raise CalibrationError(what, code="no-shared-views", camera=name, hint=hint)
    return tracks, numbers


def _start(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> dict[str, SourceCamera]:
    """Poses from the best pair's essential matrix, and of the others from points that are placed."""
    pairs = {pair: found for pair in combinations(tracks.names, 2) if (found := _relative(tracks, cameras, pair))}
    if not pairs:
        what = "no two cameras agree on how the person moves"
        hint = "one person alone, seen from head to foot; check the lenses and that the cameras are in sync"
        raise CalibrationError(what, code="contradicting-views", hint=hint)
    (a, b), (_, pose) = max(pairs.items(), key=lambda each: each[1][0])
    found = {a: cameras[a], b: replace(cameras[b], world_to_camera=pose)}
    left = [name for name in tracks.names if name not in found]
    while left:
        known = _seen_twice(tracks, found)
        placed = place(_of(tracks.select(known), found), found)
        counts = {name: int((known & tracks.seen_by(name)).sum()) for name in left}
        name = max(left, key=lambda each: counts[each])
        both = tracks.seen_by(name)[known] & np.isfinite(placed.points).all(1)
        if both.sum() < _LEAST_SHARED:
            placed_cameras = ", ".join(sorted(found))
            found_here = f"only {counted(int(both.sum()), 'landmark')} of the person seen here"
            what = f"{found_here} and by two of {placed_cameras} at the same time"
            hint = f"{_LEAST_SHARED} are needed: let the person walk where three cameras see them from head to foot"
            raise CalibrationError(what, code="no-shared-views", camera=name, hint=hint)
        pixels = _pixels(tracks.select(known).select(both), name)
        lens, scale = cameras[name], _SIGMA * max(cameras[name].width, cameras[name].height) / 1024
        good, turn, shift, _ = cv2.solvePnPRansac(
            placed.points[both], pixels, lens.intrinsics, lens.distortion, reprojectionError=2 * scale
        )
        if not good:
            raise CalibrationError("its view contradicts the others", code="contradicting-views", camera=name)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], shift[:, 0]
        found[name] = replace(lens, world_to_camera=pose)
        left.remove(name)
        part = _of(tracks.select(_seen_twice(tracks, found)), found)
        found = refine_poses(found, part, prior=LOOSE)
    return {name: found[name] for name in tracks.names}


def _relative(
    tracks: Tracks, cameras: Mapping[str, SourceCamera], pair: tuple[str, str]
) -> tuple[int, np.ndarray] | None:
    """Number of landmarks that agree, and the pose of the second camera in the first one's axes, baseline 1."""
    both = tracks.select(tracks.seen_by(*pair))
    if len(both) < _LEAST_SHARED:
        return None
    flat = [
        cv2.undistortPoints(_pixels(both, name)[:, None], cameras[name].intrinsics, cameras[name].distortion)[:, 0]
        for name in pair
    ]
    focal = np.mean([focal_of(cameras[name]) for name in pair])
    limit = _SIGMA * max(cameras[pair[0]].width, cameras[pair[0]].height) / 1024 / focal
    cv2.setRNGSeed(0)
    matrix, inside = cv2.findEssentialMat(flat[0], flat[1], np.eye(3), cv2.RANSAC, 0.999, float(limit))
    if matrix is None or matrix.shape != (3, 3) or inside.mean() < _LEAST_INLIERS:
        return None
    count, turn, shift, _ = cv2.recoverPose(matrix, flat[0], flat[1], np.eye(3), mask=inside)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, shift[:, 0]
    return int(count), pose


def _pixels(tracks: Tracks, name: str) -> Float[np.ndarray, "p 2"]:
    """Pixels of a camera that sees all points, in the order of the points."""
    mine = tracks.camera == tracks.names.index(name)
    return tracks.pixels[mine][np.argsort(tracks.point[mine], kind="stable")]


def _seen_twice(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Bool[np.ndarray, " p"]:
    """Whether two of some cameras see each point."""
    return np.sum([tracks.seen_by(name) for name in cameras], axis=0) >= 2


def _of(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Tracks:
    """The observations of some cameras, under their names alone."""
    part = tracks.only(*cameras)
    names = tuple(cameras)
    camera = np.array([names.index(tracks.names[number]) for number in part.camera], int)
    return replace(part, names=names, camera=camera)
