"""Camera paths: cameras between two others, around a point, and through all pairs of a capture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline
from torch import Tensor

from posegaussian.io.store import Reader
from posegaussian.types import Camera

_FAR = 1e4
"""Distance of the pivot of parallel cameras, in baselines; chosen by hand: the arc about it is a straight line."""
_PARALLEL = math.radians(0.1)
"""Optical axes that differ by less than this angle count as parallel; chosen by hand. The pivot of nearly parallel axes
is ill-conditioned."""


def source_cameras(rectified: Reader, pair: int) -> tuple[Camera, Camera]:
    """The left and the right camera of a pair before rectification, without lens distortion."""
    original = rectified["sources/original"]
    intrinsics = torch.from_numpy(original["intrinsics"][pair])
    world_to_camera = torch.from_numpy(original["world_to_camera"][pair])
    sizes = original["size"][pair].tolist()
    left, right = (Camera(intrinsics[view], world_to_camera[view], *sizes[view]) for view in (0, 1))
    return left, right


def pivot_between(first: Camera, second: Camera) -> Float[Tensor, "3"]:
    """The point that two cameras look at: the least-squares intersection of their optical axes, in metres.

    If the axes are parallel or meet behind the cameras, a point very far ahead is returned, so that the arc about it is
    a straight line.
    """
    centres = np.stack([_numpy(camera.centre) for camera in (first, second)])
    axes = np.stack([_numpy(camera.world_to_camera)[2, :3] for camera in (first, second)])
    middle, ahead = centres.mean(0), axes.sum(0)
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    pivot = np.linalg.lstsq(across.sum(0), (across @ centres[:, :, None]).sum(0)[:, 0], rcond=None)[0]
    parallel = np.linalg.norm(np.cross(*axes)) < math.sin(_PARALLEL)
    if parallel or min(np.einsum("nc,nc->n", axes, pivot - centres)) <= 0:
        baseline = np.linalg.norm(centres[1] - centres[0])
        pivot = middle + _FAR * max(baseline, 1.0) * ahead / max(np.linalg.norm(ahead), 1e-9)
    return torch.from_numpy(pivot)


def camera_between(first: Camera, second: Camera, ratio: float, pivot: Float[Tensor, "3"] | None = None) -> Camera:
    """The camera at `ratio` of the way from the first camera (0) to the second (1), on the `Arc` about a pivot.

    Args:
        first: one camera.
        second: another one.
        ratio: 0 gives the first camera exactly, 1 the second.
        pivot: a point in the world, metres; None takes the one that both cameras look at (`pivot_between`).

    Raises:
        TypeError: an argument is no `Camera`.
        ValueError: the ratio is not finite.

    Examples:
        >>> import torch, posegaussian as pg
        >>> intrinsics, left, right = torch.tensor([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]]), torch.eye(4), torch.eye(4)
        >>> right[0, 3] = -0.5
        >>> cameras = [pg.Camera(intrinsics, pose, 64, 48) for pose in (left, right)]
        >>> round(float(pg.camera_between(*cameras, 0.5).centre[0]), 3)
        0.25
    """
    check_camera(first)
    check_camera(second)
    if not math.isfinite(ratio):
        raise ValueError(f"ratio must be finite, got {ratio}")
    if ratio in (0, 1):
        return second if ratio else first
    return Arc(first, second, pivot).camera(ratio)


def check_camera(camera: object) -> None:
    """Raise a TypeError for anything but a `Camera`."""
    if not isinstance(camera, Camera):
        raise TypeError(f"a Camera is needed, got {type(camera).__name__}; that of a SourceCamera is its pinhole()")


class Arc:
    """Cameras on an arc about a pivot, from one camera to another.

    The optical centre moves on a circle about the pivot, in the plane of the pivot and both cameras; its distance from
    the pivot is interpolated linearly. The camera turns with it. The rest of the second camera's rotation (a roll, for
    example) is added by slerp, so a pivot that both cameras see at the same pixel stays at that pixel. Intrinsics and
    image size are interpolated linearly.

    Args:
        first: where the arc begins.
        second: where it ends.
        pivot: a point in the world, metres; None takes the one that both cameras look at (`pivot_between`).
    """

    def __init__(self, first: Camera, second: Camera, pivot: Float[Tensor, "3"] | None = None):
        self._ends = first, second
        self._pivot = _numpy(pivot_between(first, second) if pivot is None else pivot)
        self._start, end = (_numpy(camera.centre) - self._pivot for camera in (first, second))
        self._turn = _shortest_turn(self._start, end, fallback=_numpy(first.world_to_camera)[1, :3])
        self._near, self._far = np.linalg.norm(self._start), np.linalg.norm(end)
        self._from_world, last = (
            Rotation.from_matrix(_numpy(each.world_to_camera)[:3, :3]) for each in (first, second)
        )
        self._beyond = (last * Rotation.from_rotvec(self._turn) * self._from_world.inv()).as_rotvec()

    def camera(self, ratio: float) -> Camera:
        """The camera at a place of the arc: 0 gives the first camera exactly, 1 the second."""
        first, second = self._ends
        if ratio in (0, 1):
            return second if ratio else first
        reach = (1 - ratio) + ratio * self._far / self._near
        centre = self._pivot + Rotation.from_rotvec(ratio * self._turn).apply(self._start) * reach
        back = Rotation.from_rotvec(-ratio * self._turn)
        rotation = Rotation.from_rotvec(ratio * self._beyond) * self._from_world * back

        world_to_camera = np.eye(4)
        world_to_camera[:3, :3] = rotation.as_matrix()
        world_to_camera[:3, 3] = -rotation.apply(centre)
        width = round((1 - ratio) * first.width + ratio * second.width)
        height = round((1 - ratio) * first.height + ratio * second.height)
        intrinsics = [camera.resized(width, height).intrinsics for camera in self._ends]
        return Camera(
            intrinsics=(1 - ratio) * intrinsics[0] + ratio * intrinsics[1],
            world_to_camera=torch.from_numpy(world_to_camera).to(first.world_to_camera),
            width=width,
            height=height,
        )


def orbit_camera(camera: Camera, pivot: Float[Tensor, "3"], degrees: float) -> Camera:
    """The camera after a rotation about a point, around the axis through it that is parallel to the camera's y axis."""
    return turned_camera(camera, pivot, -camera.world_to_camera[:3, :3][1], degrees)


def turned_camera(camera: Camera, pivot: Float[Tensor, "3"], axis: Float[Tensor, "3"], degrees: float) -> Camera:
    """The camera after a rotation about an axis through a point, counter-clockwise as seen against the axis.

    Args:
        camera: one camera.
        pivot: the point, in the world, metres.
        axis: direction of the axis in the world, of unit length.
        degrees: the angle.
    """
    about = camera.world_to_camera.new_tensor(_numpy(pivot))
    turn = Rotation.from_rotvec(math.radians(degrees) * _numpy(axis)).as_matrix()
    moved = torch.eye(4).to(camera.world_to_camera)
    moved[:3, :3] = moved.new_tensor(turn).mT
    moved[:3, 3] = about - moved[:3, :3] @ about
    return replace(camera, world_to_camera=camera.world_to_camera @ moved)


def between_keys(keys: Sequence[Camera], inserted: int) -> list[Camera]:
    """A smooth path through cameras: centres, focal lengths (as logarithms) and principal points on cubic splines,
    rotations on a spline of continuous acceleration. It begins and ends at rest at the first and the last camera.

    Args:
        keys: two or more, of one size, less than half a turn apart; they are images of the path.
        inserted: number of cameras between two of them; 0: the keys themselves.
    """
    if not inserted or len(keys) < 2:
        return [*keys]
    # At rest: smoothstep in time makes the speed 0 at both ends.
    share = np.linspace(0, 1, (len(keys) - 1) * (inserted + 1) + 1)
    at = share * (len(keys) - 1) if len(keys) > 2 else share**2 * (3 - 2 * share)
    times, matrices = np.arange(len(keys)), np.stack([_numpy(key.intrinsics) for key in keys])
    matrices[:, [0, 1], [0, 1]] = np.log(matrices[:, [0, 1], [0, 1]])
    ends = "clamped" if len(keys) > 2 else "natural"
    intrinsics = CubicSpline(times, matrices, bc_type=ends)(at)
    intrinsics[:, [0, 1], [0, 1]] = np.exp(intrinsics[:, [0, 1], [0, 1]])
    centres = CubicSpline(times, np.stack([_numpy(key.centre) for key in keys]), bc_type=ends)(at)
    poses = np.stack([_numpy(key.world_to_camera) for key in keys])
    rotations = RotationSpline(times, Rotation.from_matrix(poses[:, :3, :3]))(at).as_matrix()
    path = []
    for matrix, rotation, centre in zip(intrinsics, rotations, centres, strict=True):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, -rotation @ centre
        moved = keys[0].world_to_camera.new_tensor(pose)
        path.append(replace(keys[0], intrinsics=keys[0].intrinsics.new_tensor(matrix), world_to_camera=moved))
    return path


def _shortest_turn(start: np.ndarray, end: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """The rotation vector of the shortest rotation from one direction to another; around `fallback` if opposite."""
    normal = np.cross(start, end)
    angle = math.atan2(np.linalg.norm(normal), start @ end)
    opposite = np.linalg.norm(normal) < 1e-9 * np.linalg.norm(start) * np.linalg.norm(end)
    axis = fallback - start * (start @ fallback) / (start @ start) if opposite else normal
    return angle * axis / np.linalg.norm(axis)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


@dataclass(frozen=True)
class PathStep:
    """One image of a camera path.

    Args:
        pair: index of the pair.
        frame: index of the frame.
        ratio: position between the left camera (0) and the right one (1).
    """

    pair: int
    frame: int
    ratio: float


def sweep(pairs: Sequence[tuple[str, str]], frames: int, steps: int) -> list[PathStep]:
    """A path from the first camera through every pair to the last camera and back, slower at both ends.

    Each image shows the next frame. After the last frame the frames run backwards. The path and the frames both loop.

    Args:
        pairs: names of the cameras, (left, right); a pair is passed from right to left if that connects it to its
            neighbours.
        frames: number of frames of the capture.
        steps: number of images.
    """
    there_and_back = [*range(frames), *range(frames - 2, 0, -1)]
    path = []
    for step in range(steps):
        position = len(pairs) * (1 - math.cos(2 * math.pi * step / steps)) / 2
        pair = min(int(position), len(pairs) - 1)
        along = position - pair
        ratio = 1 - along if _backwards(pairs, pair) else along
        path.append(PathStep(pair, there_and_back[step % len(there_and_back)], ratio))
    return path


def _backwards(pairs: Sequence[tuple[str, str]], pair: int) -> bool:
    """Whether a pair is passed from right to left: it shares its left camera with the next pair, or its right one with
    the previous pair."""
    left, right = pairs[pair]
    following = pairs[pair + 1] if pair + 1 < len(pairs) else ()
    preceding = pairs[pair - 1] if pair > 0 else ()
    return left in following or right in preceding
