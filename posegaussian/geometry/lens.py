"""A camera with a lens: intrinsics, distortion and pose as calibrated, in numpy, for OpenCV."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float

from posegaussian.types import Camera


@dataclass(frozen=True)
class SourceCamera:
    """A calibrated camera as it stands in a capture.

    Args:
        intrinsics: in pixels, pixel centres at +0.5.
        distortion: OpenCV's coefficients k1, k2, p1, p2, k3, ...
        world_to_camera: rigid, metres.
        width: in pixels.
        height: in pixels.
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
        """Viewing rays of pixels in the world, of unit depth along the optical axis.

        The distortion is undone iteratively, to about a hundredth of a pixel.
        """
        flat = cv2.undistortPoints(pixels[:, None], self.intrinsics, self.distortion)[:, 0]
        return np.concatenate([flat, np.ones((len(flat), 1))], axis=1) @ self.rotation

    def pinhole(self) -> Camera:
        """The same camera with a perfect lens."""
        pose = torch.from_numpy(self.world_to_camera)
        return Camera(torch.from_numpy(self.intrinsics), pose, self.width, self.height)
