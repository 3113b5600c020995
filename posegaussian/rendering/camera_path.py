"""Camera paths: views between two cameras, and the sweep of a video."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from posegaussian.io.store import Reader
from posegaussian.types import Camera

_FAR = 1e4
"""Cameras that look in parallel turn about a point this many baselines away: their arc is the chord."""
_PARALLEL = math.radians(0.1)


def source_cameras(rectified: Reader, pair: int) -> tuple[Camera, Camera]:
    """The left and the right camera of a pair as they were filmed, before rectification, without distortion."""
    original = rectified["sources/original"]
    intrinsics = torch.from_numpy(original["intrinsics"][pair])
    world_to_camera = torch.from_numpy(original["world_to_camera"][pair])
    sizes = original["size"][pair].tolist()
    left, right = (Camera(intrinsics[view], world_to_camera[view], *sizes[view]) for view in (0, 1))
    return left, right


def pivot_between(first: Camera, second: Camera) -> Float[Tensor, "3"]:
    """The point that two cameras look at: the nearest, in the sense of least squares, to both optical axes.

    Where the axes are parallel or meet behind the cameras the point lies very far ahead, so that the arc about it is a
    straight line.
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
    """The camera at `ratio` of the way from the first camera (0) to the second (1), on the arc about a pivot.

    The optical centre runs on the circle about the pivot, in the plane of the pivot and both cameras, its distance
    changing evenly. The camera turns with it; what the second camera is turned beyond that (a roll, say) is added by
    slerp. So a pivot that both cameras see at one place stays there. Intrinsics and size change evenly.

    Args:
        first: one camera.
        second: another one.
        ratio: 0 gives the first camera exactly, 1 the second.
        pivot: a point in the world, metres; None takes the one that both cameras look at (`pivot_between`).

    Examples:
        >>> import torch, posegaussian as pg
        >>> intrinsics, left, right = torch.tensor([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]]), torch.eye(4), torch.eye(4)
        >>> right[0, 3] = -0.5
        >>> cameras = [pg.Camera(intrinsics, pose, 64, 48) for pose in (left, right)]
        >>> round(float(pg.camera_between(*cameras, 0.5).centre[0]), 3)
        0.25
    """
    if ratio in (0, 1):
        return second if ratio else first
    about = _numpy(pivot_between(first, second) if pivot is None else pivot)
    start, end = (_numpy(camera.centre) - about for camera in (first, second))
    turn = _shortest_turn(start, end, fallback=_numpy(first.world_to_camera)[1, :3])
    reach = (1 - ratio) + ratio * np.linalg.norm(end) / np.linalg.norm(start)
    centre = about + Rotation.from_rotvec(ratio * turn).apply(start) * reach

    from_world = [Rotation.from_matrix(_numpy(camera.world_to_camera)[:3, :3]) for camera in (first, second)]
    beyond = (from_world[1] * Rotation.from_rotvec(turn) * from_world[0].inv()).as_rotvec()
    rotation = Rotation.from_rotvec(ratio * beyond) * from_world[0] * Rotation.from_rotvec(-ratio * turn)

    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = rotation.as_matrix()
    world_to_camera[:3, 3] = -rotation.apply(centre)
    width = round((1 - ratio) * first.width + ratio * second.width)
    height = round((1 - ratio) * first.height + ratio * second.height)
    intrinsics = [camera.resized(width, height).intrinsics for camera in (first, second)]
    return Camera(
        intrinsics=(1 - ratio) * intrinsics[0] + ratio * intrinsics[1],
        world_to_camera=torch.from_numpy(world_to_camera).to(first.world_to_camera),
        width=width,
        height=height,
    )


def orbited(camera: Camera, pivot: Float[Tensor, "3"], degrees: float) -> Camera:
    """A camera carried around a point, about its own upright axis through that point; it keeps looking at it."""
    about = camera.world_to_camera.new_tensor(_numpy(pivot))
    axis = -camera.world_to_camera[:3, :3][1]
    turn = Rotation.from_rotvec(math.radians(degrees) * _numpy(axis)).as_matrix()
    moved = torch.eye(4).to(camera.world_to_camera)
    moved[:3, :3] = moved.new_tensor(turn).mT
    moved[:3, 3] = about - moved[:3, :3] @ about
    return replace(camera, world_to_camera=camera.world_to_camera @ moved)


def _shortest_turn(start: np.ndarray, end: np.ndarray, fallback: np.ndarray) -> np.ndarray:
    """The rotation vector that carries one direction into another; about `fallback` where they are opposite."""
    normal = np.cross(start, end)
    angle = math.atan2(np.linalg.norm(normal), start @ end)
    opposite = np.linalg.norm(normal) < 1e-9 * np.linalg.norm(start) * np.linalg.norm(end)
    axis = fallback - start * (start @ fallback) / (start @ start) if opposite else normal
    return angle * axis / np.linalg.norm(axis)


def _numpy(values: Tensor) -> np.ndarray:
    return values.detach().cpu().double().numpy()


@dataclass(frozen=True)
class Step:
    """One picture of a path: which pair and frame, by index, and how far from the left camera (0) to the right (1)."""

    pair: int
    frame: int
    ratio: float


def sweep(pairs: Sequence[tuple[str, str]], frames: int, steps: int) -> list[Step]:
    """From the first camera through every pair to the last camera and back, slowing down at both ends.

    Each picture shows the next frame; at the end of the capture time runs back. Both loop.

    Args:
        pairs: the cameras' names, (left, right); a pair is passed from right to left where this joins its neighbours.
        frames: how many frames the capture has.
        steps: how many pictures to take.
    """
    there_and_back = [*range(frames), *range(frames - 2, 0, -1)]
    path = []
    for step in range(steps):
        position = len(pairs) * (1 - math.cos(2 * math.pi * step / steps)) / 2
        pair = min(int(position), len(pairs) - 1)
        along = position - pair
        ratio = 1 - along if _backwards(pairs, pair) else along
        path.append(Step(pair, there_and_back[step % len(there_and_back)], ratio))
    return path


def _backwards(pairs: Sequence[tuple[str, str]], pair: int) -> bool:
    left, right = pairs[pair]
    following = pairs[pair + 1] if pair + 1 < len(pairs) else ()
    preceding = pairs[pair - 1] if pair > 0 else ()
    return left in following or right in preceding
