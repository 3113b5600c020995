"""Stereo rectification: two cameras rotated about their centres so that the rows of their images match."""

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.types import Camera

_QUARTER_TURN = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
"""Rotation about the optical axis that makes a vertical baseline horizontal."""
_LEAST_COSINE = 0.2
"""Smallest cosine between the rectified optical axis and a ray to the person (78 degrees): beyond it, the image plane
would be stretched more than fivefold. Chosen by hand."""


def rectifying_rotation(first: SourceCamera, second: SourceCamera) -> tuple[Float[np.ndarray, "3 3"], bool]:
    """Rotation that both rectified cameras share, and whether the second camera is the left one.

    The x axis points along the baseline. Images stay upright as far as that allows. The images of cameras that stand
    one above the other are rotated by 90 degrees, and the upper camera becomes the left one.

    Returns:
        world to rectified axes;
        whether the second camera is the left one.
    """
    relative = second.rotation @ first.rotation.T
    shift = second.world_to_camera[:3, 3] - relative @ first.world_to_camera[:3, 3]
    lens = first.intrinsics, np.zeros(5)
    size = first.width, first.height
    turn = cv2.stereoRectify(*lens, *lens, size, relative, shift[:, None], flags=0)[0]  # it depends on the poses alone
    rotation = turn @ first.rotation
    baseline = rotation @ (second.centre - first.centre)
    if abs(baseline[1]) > abs(baseline[0]):
        rotation, baseline = _QUARTER_TURN @ rotation, _QUARTER_TURN @ baseline
    return rotation, bool(baseline[0] < 0)


def mask_outline(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "n 2"]:
    """Outer corners (x, y) of the first and last pixel of each row of a mask; their convex hull is that of the mask."""
    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(1)
    return np.concatenate([np.stack([x, y], 1) for x in (first, last) for y in (rows, rows + 1)]).astype(float)


def ray_bounds(
    directions: Float[np.ndarray, "n 3"], rotation: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, " 4"] | None:
    """Bounding box (x0, y0, x1, y1) of rays on the rectified image plane at depth 1; None if a ray is too oblique."""
    rays = directions @ rotation.T
    if (rays[:, 2] < _LEAST_COSINE * np.linalg.norm(rays, axis=1)).any():
        return None
    flat = rays[:, :2] / rays[:, 2:]
    return np.concatenate([flat.min(0), flat.max(0)])


def fit_intrinsics(boxes: Float[np.ndarray, "2 4"], size: tuple[int, int], margin: float) -> Float[np.ndarray, "2 3 3"]:
    """Intrinsics with which both boxes fill their images: one focal length, one cy, a cx for each view.

    Args:
        boxes: (x0, y0, x1, y1) at depth 1 in the left and right view.
        size: width and height of the images, pixels.
        margin: free border, as a share of the image.
    """
    widths = boxes[:, 2] - boxes[:, 0]
    top, bottom = boxes[:, 1].min(), boxes[:, 3].max()
    focal = (1 - 2 * margin) * min(size[0] / widths.max(), size[1] / (bottom - top))
    intrinsics = np.zeros((2, 3, 3))
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    intrinsics[:, 0, 2] = size[0] / 2 - focal * (boxes[:, 0] + boxes[:, 2]) / 2
    intrinsics[:, 1, 2] = size[1] / 2 - focal * (top + bottom) / 2
    intrinsics[:, 2, 2] = 1
    return intrinsics


def rectified_cameras(
    centres: Float[np.ndarray, "2 3"],
    rotation: Float[np.ndarray, "3 3"],
    intrinsics: Float[np.ndarray, "2 3 3"],
    size: tuple[int, int],
) -> Camera:
    """Rectified cameras, left and right, as a batch of 2 in float64.

    Args:
        centres: of the left and right camera, metres.
        rotation: world to rectified axes.
        intrinsics: as `fit_intrinsics` returns them.
        size: width and height of the images, pixels.
    """
    pose = np.tile(np.eye(4), (2, 1, 1))
    pose[:, :3, :3] = rotation
    pose[:, :3, 3] = -centres @ rotation.T
    pose[:, 1:3, 3] = pose[:, 1:3, 3].mean(0)  # remove the difference by rounding, so that rows match exactly
    return Camera(torch.from_numpy(intrinsics), torch.from_numpy(pose), *size)
