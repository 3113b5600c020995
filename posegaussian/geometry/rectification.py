"""Rectification: two cameras turned about their centres until the rows of their pictures match."""

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.types import Camera

_QUARTER_TURN = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
_NEAREST_TO_SIDEWAYS = 0.2
"""The least cosine between the rectified optical axis and a ray to the person."""


def rectifying_rotation(first: SourceCamera, second: SourceCamera) -> tuple[Float[np.ndarray, "3 3"], bool]:
    """The rotation that both rectified cameras share.

    The x axis runs along the baseline; pictures keep their side up as far as that allows. The pictures of cameras that
    stand one above the other are turned by a quarter, the upper camera becoming the left one.

    Returns:
        world to rectified axes.
        whether the second camera is the left one.
    """
    relative = second.rotation @ first.rotation.T
    shift = second.world_to_camera[:3, 3] - relative @ first.world_to_camera[:3, 3]
    lens = first.intrinsics, np.zeros(5)
    size = first.width, first.height
    turn = cv2.stereoRectify(*lens, *lens, size, relative, shift[:, None], flags=0)[0]  # cv2 looks at the poses alone
    rotation = turn @ first.rotation
    baseline = rotation @ (second.centre - first.centre)
    if abs(baseline[1]) > abs(baseline[0]):
        rotation, baseline = _QUARTER_TURN @ rotation, _QUARTER_TURN @ baseline
    return rotation, bool(baseline[0] < 0)


def mask_outline(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "n 2"]:
    """The outer corners of each row's first and last pixel of a mask: their convex hull is that of the mask."""
    rows = np.flatnonzero(mask.any(1))
    first = mask[rows].argmax(1)
    last = mask.shape[1] - mask[rows, ::-1].argmax(1)
    return np.concatenate([np.stack([x, y], 1) for x in (first, last) for y in (rows, rows + 1)]).astype(float)


def ray_bounds(
    directions: Float[np.ndarray, "n 3"], rotation: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, " 4"] | None:
    """The box (x0, y0, x1, y1) of viewing rays on the rectified image plane at depth 1; None if some point sideways."""
    rays = directions @ rotation.T
    if (rays[:, 2] < _NEAREST_TO_SIDEWAYS * np.linalg.norm(rays, axis=1)).any():
        return None
    flat = rays[:, :2] / rays[:, 2:]
    return np.concatenate([flat.min(0), flat.max(0)])


def fit_intrinsics(boxes: Float[np.ndarray, "2 4"], size: tuple[int, int], margin: float) -> Float[np.ndarray, "2 3 3"]:
    """Intrinsics that fill both pictures with their boxes: one focal length, one cy, a cx for each view.

    Args:
        boxes: (x0, y0, x1, y1) at depth 1 in the left and right view.
        size: width and height of the pictures, pixels.
        margin: free border, as a share of the picture.
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
    """The rectified cameras, left and right, as a batch of 2 in float64.

    Args:
        centres: of the left and right camera, metres.
        rotation: world to rectified axes.
        intrinsics: as `fit_intrinsics` returns them.
        size: width and height of the pictures, pixels.
    """
    pose = np.tile(np.eye(4), (2, 1, 1))
    pose[:, :3, :3] = rotation
    pose[:, :3, 3] = -centres @ rotation.T
    pose[:, 1:3, 3] = pose[:, 1:3, 3].mean(0)  # equal but for rounding: rows match to the last bit
    return Camera(torch.from_numpy(intrinsics), torch.from_numpy(pose), *size)
