"""Where a viewer looks from: between and around the two cameras, with the person in the middle of the image."""

import math
import threading
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.rendering.camera_path import Arc, camera_between, turned_camera
from posegaussian.rendering.framing import centred_cameras
from posegaussian.types import Camera, Gaussians

ALONG = (-0.1, 1.1)
"""Bounds of the position along the arc: 0 at the first camera, 1 at the second. The network is trained for views in
this range (`rig.between_cameras`)."""
UP = (-10.0, 10.0)
"""Bounds of the elevation above the arc, degrees, of the same origin (`rig.above`)."""
ZOOM = (1.0, 4.0)
"""Bounds of the magnification. By hand: beyond, single Gaussians can be seen."""
_SAMPLE = 4096
"""Gaussians whose places tell where the person is; more say the same. Chosen by hand."""
_LIMBS = (0.5, 99.5)
"""Percentiles of the places that count as the person's ends: single Gaussians may fly off. By hand."""
_NEAREST = 0.3
"""Least distance from the camera that counts, in distances of the person. Chosen by hand: nobody reaches so far."""
_FOLLOW = 0.6
"""Time constant with which the view follows a person who walks, seconds; chosen by hand: shorter shows every step."""
_SHRINK = 5.0
"""Time constant with which the view comes nearer to a person who bows or lowers the arms, seconds; it moves away at
once. Chosen by hand."""


@dataclass(frozen=True)
class Viewpoint:
    """A viewer's place."""

    along: float = 0.5  # position between the cameras, see `ALONG`
    up: float = 0.0  # elevation above the arc between them, degrees, see `UP`
    zoom: float = 1.0  # magnification, see `ZOOM`

    def bounded(self) -> "Viewpoint":
        """The nearest place where views are good; what is not a finite number becomes the default."""
        values = {}
        for name, (low, high) in {"along": ALONG, "up": UP, "zoom": ZOOM}.items():
            value = getattr(self, name)
            values[name] = min(max(value, low), high) if math.isfinite(value) else getattr(Viewpoint(), name)
        return Viewpoint(**values)


class PersonFraming:
    """Cameras that keep the person in the middle, at a scale that does not pump; for any number of threads.

    Args:
        first: the camera at 0, without lens distortion.
        second: the camera at 1.
    """

    def __init__(self, first: Camera, second: Camera):
        self._first, self._second = first, second
        pose = camera_between(first, second, 0.5).world_to_camera.double().numpy()
        self._axes, self._shift = pose[:3, :3], pose[:3, 3]
        self._lock = threading.Lock()
        self._centre: np.ndarray | None = None
        self._arc: Arc | None = None
        self._reach = np.zeros(3)
        self._time = 0.0

    def update(self, gaussians: Gaussians, time: float) -> None:
        """Follow the person.

        Args:
            gaussians: of a frame.
            time: of it, seconds.
        """
        count = len(gaussians.means)
        if not count:
            return
        # As seen from the middle: what is nearer to the camera than the person's centre reaches farther in the image.
        means = gaussians.means[:: max(1, count // _SAMPLE)].double().cpu().numpy() @ self._axes.T + self._shift
        depth = np.percentile(means[:, 2], _LIMBS).mean()
        means[:, :2] *= depth / np.maximum(means[:, 2:], _NEAREST * depth)
        low, high = np.percentile(means, _LIMBS, axis=0)
        centre, reach = self._axes.T @ ((low + high) / 2 - self._shift), (high - low) / 2
        with self._lock:
            if self._centre is None:
                self._centre, self._reach = centre, reach
            passed, self._time = max(0.0, time - self._time), time
            self._arc = None
            self._centre = self._centre + (1 - math.exp(-passed / _FOLLOW)) * (centre - self._centre)
            reach = reach + np.abs(self._axes @ (centre - self._centre))  # a walker stays in the image, too
            self._reach = np.maximum(reach, self._reach + (1 - math.exp(-passed / _SHRINK)) * (reach - self._reach))

    def camera(self, viewpoint: Viewpoint, width: int, height: int) -> Camera | None:
        """The camera of a viewer; None before the first frame.

        Args:
            viewpoint: the place, within the bounds.
            width: of the view, pixels.
            height: of the view, pixels.
        """
        with self._lock:
            if self._centre is None:
                return None
            centre, reach = torch.from_numpy(self._centre), self._reach
            if self._arc is None:  # the same for all viewers of a frame
                self._arc = Arc(self._first, self._second, centre)
            arc = self._arc
        camera = arc.camera(viewpoint.along)
        across = camera.world_to_camera[0, :3].double().numpy()
        camera = turned_camera(camera, centre, torch.from_numpy(across), -viewpoint.up)
        (found,) = centred_cameras([camera], [_board(camera, centre, reach)], [centre], width, height)
        intrinsics = found.intrinsics.clone()
        intrinsics[[0, 1], [0, 1]] *= viewpoint.zoom
        return replace(found, intrinsics=intrinsics)


def _board(camera: Camera, centre: Float[Tensor, "3"], reach: Float[np.ndarray, "3"]) -> Float[Tensor, "4 3"]:
    """Corners of a board around the person that faces the camera: its size in the image is that of every view."""
    axes = camera.world_to_camera[:3, :3].double()
    wide, high = float(max(reach[0], reach[2])), float(reach[1])
    signs = torch.tensor([(x, y) for x in (-wide, wide) for y in (-high, high)], dtype=torch.float64)
    return centre + signs @ axes[:2]
