"""How a view is put into a picture: all of what a camera saw, or the person, as large as the picture allows."""

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import project, unproject_pixels
from posegaussian.rendering.pairs import read_cameras
from posegaussian.store import Reader
from posegaussian.types import Camera

MARGIN = 0.03
"""Free border around the person, as a share of the picture: room for what is nearer than the middle of the person."""
_COVERED = 128


def framed(camera: Camera, width: int, height: int) -> Camera:
    """The same view in a picture of another size and shape: all of it is seen, in the middle, pixels stay square."""
    factor = min(width / camera.width, height / camera.height)
    intrinsics = camera.intrinsics.clone()
    intrinsics[..., :2, :] *= factor
    intrinsics[..., 0, 2] += (width - factor * camera.width) / 2
    intrinsics[..., 1, 2] += (height - factor * camera.height) / 2
    return Camera(intrinsics, camera.world_to_camera, width, height)


def focused(camera: Camera, points: Float[Tensor, "n 3"], width: int, height: int) -> Camera:
    """The same place and direction with another lens: the points fill the picture but for `MARGIN`, in the middle.

    Args:
        camera: where to stand, and what is shown where there are no points before it.
        points: of the world, metres.
        width: of the picture, pixels.
        height: of the picture, pixels.
    """
    unit = Camera(torch.eye(3).to(points), camera.world_to_camera.to(points), 1, 1)
    flat, depth = project(points, unit)
    if not (depth > 0).any():
        return framed(camera, width, height)
    low, high = (getattr(flat[depth > 0], end)(0) for end in ("amin", "amax"))
    size = points.new_tensor([width, height])
    focal = ((1 - 2 * MARGIN) * size / (high - low).clamp_min(1e-6)).min()
    intrinsics = torch.diag(torch.stack([focal, focal, torch.ones_like(focal)]))
    intrinsics[:2, 2] = size / 2 - focal * (low + high) / 2
    return Camera(intrinsics.to(camera.intrinsics), camera.world_to_camera, width, height)


def extent(rectified: Reader) -> Float[Tensor, "n 3"]:
    """Points of the world around the person of all frames: the hulls of both views' masks, at the person's depth.

    That is the depth at which the middles of the two masks' boxes meet. Where nobody is seen there are no points.
    """
    pairs, frames = rectified["sources/masks"].shape[:2]
    found = [torch.zeros(0, 3, dtype=torch.float64)]
    for pair in range(pairs):
        cameras = read_cameras(rectified, pair).to(torch.float64)
        for frame in range(frames):
            hulls = [_hull(mask) for mask in rectified["sources/masks"][pair, frame] >= _COVERED]
            if not all(len(hull) for hull in hulls):
                continue
            left, right = ((hull[:, 0].amin() + hull[:, 0].amax()) / 2 for hull in hulls)
            depth = disparity_to_depth((left - right).expand(1, 2, 1, 1), cameras)[0, :, 0, 0]
            if (depth > 0).all():
                for hull, distance, camera in zip(hulls, depth, (cameras[0, 0], cameras[0, 1]), strict=True):
                    found.append(unproject_pixels(hull, distance.expand(len(hull)), camera))
    return torch.cat(found)


def _hull(covered: Bool[np.ndarray, "h w"]) -> Float[Tensor, "n 2"]:
    """The corners (x, y) of the convex hull of what is covered, pixels."""
    pixels = cv2.findNonZero(covered.astype(np.uint8))
    corners = np.zeros((0, 2)) if pixels is None else cv2.convexHull(pixels)[:, 0] + 0.5
    return torch.from_numpy(corners.astype(np.float64))
