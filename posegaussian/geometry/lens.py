"""A camera with lens distortion: intrinsics, distortion and pose as calibrated, in NumPy, for OpenCV."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float

from posegaussian.types import Camera

_UNDISTORT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-9)
"""Iterations and tolerance of the undistortion: OpenCV's default of five iterations leaves errors of several pixels
where k1 is about -0.4."""
_CONVERGED = 0.01
"""Undistortion has converged where the ray projects this close to its pixel, pixels. Chosen by hand."""


@dataclass(frozen=True)
class SourceCamera:
    """A calibrated camera of a capture.

    Args:
        intrinsics: in pixels, pixel centres at +0.5.
        distortion: OpenCV's coefficients k1, k2, p1, p2, k3, ...
        world_to_camera: rigid, metres.
        width: in pixels.
        height: in pixels.

    Examples:
        >>> import numpy as np, posegaussian as pg
        >>> intrinsics = np.array([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]])
        >>> camera = pg.SourceCamera(intrinsics, np.array([-0.1, 0.01, 0, 0, 0]), np.eye(4), 64, 48)
        >>> camera.project(np.array([[0.0, 0, 2]]))
        array([[32., 24.]])
    """

    intrinsics: Float[np.ndarray, "3 3"]
    distortion: Float[np.ndarray, " coefficients"]
    world_to_camera: Float[np.ndarray, "4 4"]
    width: int
    height: int

    @property
    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """World to camera."""
        return self.world_to_camera[:3, :3]

    @property
    def centre(self) -> Float[np.ndarray, " 3"]:
        """The optical centre in the world, metres."""
        return -self.rotation.T @ self.world_to_camera[:3, 3]

    def directions(self, pixels: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
        """Viewing directions of pixels in the world, of unit depth along the optical axis.

        The distortion is inverted iteratively, to a hundredth of a pixel; NaN where the lens model has no such pixel.
        """
        if not len(pixels):
            return np.empty((0, 3))  # OpenCV returns None for an empty array
        flat = cv2.undistortPoints(pixels[:, None], self.intrinsics, self.distortion, criteria=_UNDISTORT)[:, 0]
        rays = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
        error = np.linalg.norm(self.project(rays @ self.rotation + self.centre) - pixels, axis=1)
        rays[~(error < _CONVERGED)] = np.nan
        return rays @ self.rotation

    def project(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        """Pixels of world points in front of the camera, with distortion."""
        if not len(points):
            return np.empty((0, 2))  # OpenCV refuses an empty array
        turn = cv2.Rodrigues(self.rotation)[0]
        pixels = cv2.projectPoints(points, turn, self.world_to_camera[:3, 3], self.intrinsics, self.distortion)[0]
        return pixels[:, 0]

    def pinhole(self) -> Camera:
        """The same camera without distortion."""
        pose = torch.from_numpy(self.world_to_camera)
        return Camera(torch.from_numpy(self.intrinsics), pose, self.width, self.height)

    def seen_from_here(self, pixels: Float[np.ndarray, "n 2"], view: Camera) -> Float[np.ndarray, "n 2"]:
        """Pixels of this camera's image in a pinhole view from the same centre; NaN where the view cannot show them.

        Args:
            pixels: x and y in this camera's image.
            view: one camera, at this camera's centre.
        """
        rays = self.directions(pixels) @ view.world_to_camera[:3, :3].double().numpy().T
        rays[~(rays[:, 2] > 0)] = np.nan
        return (rays / rays[:, 2:]) @ view.intrinsics[:2].double().numpy().T
