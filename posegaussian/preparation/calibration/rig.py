"""A whole rig from views of a board: the start, the bundle adjustment, the outliers, the checks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from posegaussian.counts import counted
from posegaussian.errors import CalibrationError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.bundle import Solution, adjust
from posegaussian.preparation.calibration.chaining import board_poses, chain_cameras, medoid
from posegaussian.preparation.calibration.detection import View
from posegaussian.preparation.calibration.intrinsics import check_lens, start_intrinsics
from posegaussian.preparation.calibration.selection import chosen_frames, sharp_views
from posegaussian.preparation.calibration.world import check_heights, world_of_cameras, world_on_floor

_OUTLIER = 4.0
"""Corners are outliers beyond this times the median error. Chosen by hand: of normal errors in two directions, whose
median is 1.18 sigma, one in 70,000 is."""
_LEAST_LIMIT = 0.5
"""Errors below this, pixels, are never outliers. Chosen by hand."""
_LEAST_CORNERS = 6
"""Views that keep fewer corners are left out; as in detection."""
_WORST_ERROR = 0.002
"""Largest median error of a camera as a share of the image's longer side. Chosen by hand: 2.6 px at 1280; boards that
move between the exposures of two cameras are further off."""
_MOST_REJECTED = 0.5
"""Largest share of a camera's corners that may be outliers. Chosen by hand."""
_LEAST_SHARED = 3
"""Frames with another camera that must remain; with fewer, a wrong pose cannot be detected. Chosen by hand."""


@dataclass(frozen=True)
class RigCalibration:
    """Cameras calibrated together, and how well."""

    cameras: Mapping[str, SourceCamera]  # by name; the world's z is up
    views: Sequence[View]  # the corners that were used
    errors: Sequence[Float[np.ndarray, "_ 2"]]  # found minus projected corners, pixels, of each view
    rejected: Mapping[str, float]  # share of each camera's corners that were outliers
    places: Float[np.ndarray, "m 3"]  # corners that two cameras or more saw at one time, metres
    on_floor: bool  # whether the floor is z = 0, from a board that lies on it

    def camera_errors(self, camera: str) -> Float[np.ndarray, " n"]:
        """Distances between found and projected corners of a camera, pixels."""
        return np.concatenate(
            [
                np.linalg.norm(error, axis=1)
                for view, error in zip(self.views, self.errors, strict=True)
                if view.camera == camera
            ]
        )

    def shared(self) -> dict[tuple[str, str], int]:
        """Number of frames in which both cameras of a pair see the board."""
        seen = {name: {view.frame for view in self.views if view.camera == name} for name in self.cameras}
        return {(a, b): len(seen[a] & seen[b]) for a, b in combinations(self.cameras, 2)}


def calibrate_rig(
    board: TargetBoard,
    views: Sequence[View],
    sizes: Mapping[str, tuple[int, int]],
    floor: int | None = None,
) -> RigCalibration:
    """Calibrate all cameras of a rig together: lenses, poses, scale from the board's squares.

    Args:
        board: in the views.
        views: of all cameras; frames of the same number are of the same time.
        sizes: width and height of the images by camera, pixels.
        floor: frame in which the board lies on the floor, its print up; None: up is up in the images.

    Raises:
        CalibrationError: the views do not determine all cameras, or contradict each other.
    """
    for camera in sizes:
        if not any(view.camera == camera for view in views):
            hint = f"the board is {board}: are the numbers of squares right, and is it wholly in the images?"
            raise CalibrationError("the board is in none of its images", code="no-board", camera=camera, hint=hint)
    if floor is not None and not any(view.frame == floor for view in views):
        what = "the board, which should lie on the floor here, is seen by no camera"
        raise CalibrationError(what, code="no-board-on-floor", frame=floor, hint="choose another frame")
    sharp = sharp_views(views)
    frames = chosen_frames(board, sharp, sizes)
    used = [view for view in sharp if view.frame in frames and view.frame != floor]
    used += [view for view in views if view.frame == floor]
    solution, kept = _without_outliers(board, used, _start(board, used, sizes))
    rejected = {
        camera: 1
        - sum(len(view.ids) for view in kept if view.camera == camera)
        / sum(len(view.ids) for view in used if view.camera == camera)
        for camera in sizes
    }
    _check_agreement(sizes, kept, solution, rejected)
    if floor is not None and floor not in solution.boards:
        what = "the cameras do not agree on the board that lies on the floor"
        raise CalibrationError(what, code="no-board-on-floor", frame=floor, hint="choose another frame")
    world = (
        world_of_cameras(solution.cameras.values(), solution.boards.values())
        if floor is None
        else world_on_floor(board, solution.boards[floor])
    )
    cameras = {}
    for name, size in sizes.items():
        matrix, lens = solution.lenses[name]
        check_lens(matrix, size, name)
        pose = solution.cameras[name] @ np.linalg.inv(world)
        cameras[name] = SourceCamera(matrix, np.pad(lens, (0, 5 - len(lens))), pose, *size)
    if floor is not None:
        check_heights(cameras)
    places = _places(board, kept, {frame: world @ pose for frame, pose in solution.boards.items()})
    return RigCalibration(cameras, kept, solution.errors, rejected, places, floor is not None)


def _places(
    board: TargetBoard, views: Sequence[View], boards: Mapping[int, Float[np.ndarray, "4 4"]]
) -> Float[np.ndarray, "m 3"]:
    """Corners that two cameras or more saw in one frame, in the world; `boards` are from their axes to the world's."""
    count = Counter((view.frame, corner) for view in views for corner in view.ids.tolist())
    seen = [(boards[frame], board.corners[corner]) for (frame, corner), cameras in count.items() if cameras > 1]
    return np.array([pose[:3, :3] @ corner + pose[:3, 3] for pose, corner in seen]).reshape(-1, 3)


def _start(board: TargetBoard, views: Sequence[View], sizes: Mapping[str, tuple[int, int]]) -> Solution:
    """Lenses camera by camera, poses chained."""
    lenses = {
        name: start_intrinsics(board, [view for view in views if view.camera == name], size)
        for name, size in sizes.items()
    }
    poses = board_poses(board, views, lenses)
    cameras = chain_cameras(list(sizes), poses)
    boards = {
        frame: medoid([np.linalg.inv(cameras[name]) @ pose for (name, at), pose in poses.items() if at == frame])
        for frame in sorted({frame for _, frame in poses})
    }
    return Solution(lenses, cameras, boards, [])


def _without_outliers(board: TargetBoard, views: Sequence[View], start: Solution) -> tuple[Solution, list[View]]:
    """The solution from the corners that fit, and these corners."""
    views = [view for view in views if view.frame in start.boards]
    first = adjust(board, views, start.lenses, start.cameras, start.boards)
    distances = [np.linalg.norm(error, axis=1) for error in first.errors]
    limit = max(_OUTLIER * float(np.median(np.concatenate(distances))), _LEAST_LIMIT)
    kept = []
    for view, distance in zip(views, distances, strict=True):
        good = distance <= limit
        if good.sum() >= _LEAST_CORNERS:
            kept.append(replace(view, ids=view.ids[good], pixels=view.pixels[good]))
    _check_connected(list(start.cameras), kept)
    boards = {view.frame: first.boards[view.frame] for view in kept}
    return adjust(board, kept, first.lenses, first.cameras, boards), kept


def _check_connected(cameras: Sequence[str], views: Sequence[View]) -> None:
    """Raise a CalibrationError where a camera is left with too few frames that others see, too."""
    frames = {name: {view.frame for view in views if view.camera == name} for name in cameras}
    for name in cameras if len(cameras) > 1 else ():
        shared = frames[name] & set().union(*(frames[other] for other in cameras if other != name))
        if len(shared) < _LEAST_SHARED:
            raise _disagreement(name, f"only {counted(len(shared), 'frame')} in agreement with those of other cameras")


def _check_agreement(
    sizes: Mapping[str, tuple[int, int]], views: Sequence[View], solution: Solution, rejected: Mapping[str, float]
) -> None:
    for name, size in sizes.items():
        errors = [e for view, e in zip(views, solution.errors, strict=True) if view.camera == name]
        if rejected[name] > _MOST_REJECTED:
            raise _disagreement(name, f"{rejected[name]:.0%} of the corners contradict those of other cameras")
        median = float(np.median(np.linalg.norm(np.concatenate(errors), axis=1)))
        if not median <= _WORST_ERROR * max(size):
            raise _disagreement(name, f"corners are {median:.1f} px off (median)")


def _disagreement(camera: str, what: str) -> CalibrationError:
    hint = "check that equal frame numbers mean one moment, and that the board is flat, as described and not mirrored"
    return CalibrationError(what, code="contradicting-views", camera=camera, hint=hint)
