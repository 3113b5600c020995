"""The rig: source cameras on an arc about the person, and a target camera halfway between each two neighbours."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class View:
    """A pinhole camera in NumPy: pixel centres at +0.5, OpenCV axes, metres."""

    intrinsics: Float[np.ndarray, "3 3"]
    world_to_camera: Float[np.ndarray, "4 4"]
    width: int
    height: int

    @property
    def centre(self) -> Float[np.ndarray, "3"]:
        """The optical centre in the world, metres."""
        return -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]

    def project(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of points in the world."""
        camera = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        return (camera / camera[..., 2:]) @ self.intrinsics[:2].T


@dataclass(frozen=True)
class Rig:
    """Cameras by name: those that are inputs, those that never are, and which sources are neighbours."""

    sources: dict[str, View]
    targets: dict[str, View]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Neighbouring sources; target number i stands halfway between the two of pair i."""
        names = list(self.sources)
        return list(itertools.pairwise(names))

    @property
    def views(self) -> dict[str, View]:
        """All cameras."""
        return {**self.sources, **self.targets}


def look_at(centre: Float[np.ndarray, "3"], point: Float[np.ndarray, "3"]) -> Float[np.ndarray, "4 4"]:
    """world_to_camera of an upright camera at `centre` whose optical axis meets `point`."""
    forward = (point - centre) / np.linalg.norm(point - centre)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = [right, np.cross(forward, right), forward]
    matrix[:3, 3] = -matrix[:3, :3] @ centre
    return matrix


def make_rig(
    sources: int, baseline: float, radius: float, middle: float, size: tuple[int, int], extent: Float[np.ndarray, "n 3"]
) -> Rig:
    """Level cameras on an arc about the vertical through the origin, all with the same focal length.

    Args:
        sources: how many source cameras; the arc's middle lies on the negative y axis.
        baseline: angle between neighbouring sources, degrees.
        radius: of the arc, metres.
        middle: height of all cameras above the floor, metres.
        size: width and height of every picture, pixels.
        extent: points that every camera must see, with a margin.
    """
    angles = np.deg2rad(baseline) * (np.arange(2 * sources - 1) - (sources - 1)) / 2 - np.pi / 2
    poses = [
        look_at(np.array([radius * np.cos(a), radius * np.sin(a), middle]), np.array([0, 0, middle])) for a in angles
    ]
    focal = _longest_focal(poses, size, extent)
    names = [f"{i // 2:02d}" if i % 2 == 0 else f"t{i // 2:02d}" for i in range(len(poses))]
    views = {
        name: View(_intrinsics(focal, size, i), pose, *size)
        for i, (name, pose) in enumerate(zip(names, poses, strict=True))
    }
    return Rig(
        {name: view for name, view in views.items() if not name.startswith("t")},
        {name: view for name, view in views.items() if name.startswith("t")},
    )


MARGIN = 0.04
"""Share of the picture that stays free on every side."""


def _intrinsics(focal: float, size: tuple[int, int], index: int) -> Float[np.ndarray, "3 3"]:
    """Principal points differ a little from camera to camera, as in real rigs (at most 1 % of the size)."""
    width, height = size
    x = width * (0.5 + 0.01 * np.sin(2.4 * index + 1))
    y = height * (0.5 + 0.01 * np.cos(1.7 * index))
    return np.array([[focal, 0, x], [0, focal, y], [0, 0, 1.0]])


def _longest_focal(poses: list[np.ndarray], size: tuple[int, int], extent: np.ndarray) -> float:
    """The focal length at which all points just keep the margin in every picture, pixels."""
    focal = np.inf
    for pose in poses:
        camera = extent @ pose[:3, :3].T + pose[:3, 3]
        slopes = abs(camera[:, :2] / camera[:, 2:]).max(0)
        focal = min(focal, *((0.49 - MARGIN) * np.array(size) / slopes))
    return float(focal)
