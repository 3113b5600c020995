"""Pictures and depths of a lens camera, resampled into a pinhole camera that stands at the same place.

OpenCV's maps count from the centre of the first pixel; the shift by half a pixel happens in this file alone.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from posegaussian.geometry.lens import SourceCamera
from posegaussian.types import Camera

_HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
_SHRINK = 1.2
"""How much Catmull-Rom alone may shrink a picture before it is area-averaged first."""
_STEEPEST = 8.0
"""Depths of neighbouring pixels that differ by more footprints (depth / focal length) than this are an edge."""


@dataclass(frozen=True)
class SamplingMap:
    """Where each pixel of a view lies in the source picture.

    Args:
        x: column, integer pixel centres; outside the picture where the lens model folds back onto itself.
        y: row, likewise.
        scale: source pixels per pixel of the view.
        slant: depth along the view's optical axis / depth along the source's.
        focal: of the source, pixels.
    """

    x: Float32[np.ndarray, "h w"]
    y: Float32[np.ndarray, "h w"]
    scale: float
    slant: Float32[np.ndarray, "h w"]
    focal: float


def sampling_map(source: SourceCamera, view: Camera) -> SamplingMap:
    """The map from a view to the source picture; both cameras share their centre."""
    intrinsics, pose = view.intrinsics.double().numpy(), view.world_to_camera.double().numpy()
    turn = pose[:3, :3] @ source.rotation.T
    size = view.width, view.height
    lens, plane = source.intrinsics - _HALF, intrinsics - _HALF
    x, y = cv2.initUndistortRectifyMap(lens, source.distortion, turn, plane, size, cv2.CV_32FC1)
    straight = cv2.initUndistortRectifyMap(lens, np.zeros(5), turn, plane, size, cv2.CV_32FC1)
    (x_down, x_right), (y_down, y_right) = np.gradient(x), np.gradient(y)
    stretch = x_right * y_down - x_down * y_right
    ahead = (x - lens[0, 2]) * (straight[0] - lens[0, 2]) + (y - lens[1, 2]) * (straight[1] - lens[1, 2])
    columns, rows = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
    depth = np.stack([columns, rows, np.ones_like(rows)], -1) @ (turn.T @ np.linalg.inv(intrinsics))[2]
    usable = (stretch > 0) & (ahead >= 0) & (depth > 0)
    x[~usable] = y[~usable] = -10
    scale = float(np.sqrt(np.median(stretch[usable]))) if usable.any() else 1.0
    slant = np.where(usable, 1 / np.where(usable, depth, 1), 0).astype(np.float32)
    return SamplingMap(x, y, scale, slant, float(lens[0, 0]))


def resample(picture: Float32[np.ndarray, "h w c"], where: SamplingMap) -> Float32[np.ndarray, "h2 w2 c"]:
    """Sample a picture with Catmull-Rom's kernel (Keys, 1981, a = -1/2), after an area average where it shrinks.

    OpenCV's own cubic and Lanczos kernels move what they interpolate by up to 0.05 pixels; this one does not.
    """
    height, width = picture.shape[:2]
    shrink = max(1.0, where.scale / _SHRINK)
    small = max(1, round(width / shrink)), max(1, round(height / shrink))
    if small != (width, height):
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA).reshape(small[1], small[0], -1)
    x = (where.x + 0.5) * (small[0] / width) - 0.5
    y = (where.y + 0.5) * (small[1] / height) - 0.5
    total = np.zeros((*x.shape, picture.shape[2]), np.float32)
    for (row, down), (column, across) in product(_taps(y), _taps(x)):
        values = cv2.remap(picture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        total += (down * across)[..., None] * values.reshape(total.shape)
    return total


def _taps(position: Float32[np.ndarray, "h w"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Catmull-Rom's four weights as three linear lookups: the two in the middle are one."""
    base = np.floor(position)
    t = position - base
    outer, inner, next_, last = (
        t * (t * (1 - t / 2) - 0.5),
        t * t * (1.5 * t - 2.5) + 1,
        t * (t * (2 - 1.5 * t) + 0.5),
        t * t * (t - 1) / 2,
    )
    return [(base - 1, outer), (base + next_ / (inner + next_), inner + next_), (base + 2, last)]


def resample_depth(
    depth: Float32[np.ndarray, "h w"], where: SamplingMap
) -> tuple[Float32[np.ndarray, "h2 w2"], Bool[np.ndarray, "h2 w2"]]:
    """Depth along the view's optical axis.

    Its inverse is interpolated linearly, which is exact on planes. At an edge, and where a neighbour is unknown, the
    depth of the nearest sample is taken.

    Returns:
        depth in metres, 0 where unknown.
        whether it was interpolated between samples of one surface.
    """
    height, width = depth.shape
    left, top = np.floor(where.x), np.floor(where.y)
    samples, weights = [], []
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x, y = left + column, top + row
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        index = np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)
        samples.append(np.where(inside, depth[index], 0))
        weights.append((1 - abs(where.x - x)) * (1 - abs(where.y - y)))
    values, shares = np.stack(samples), np.stack(weights)
    nearest = np.take_along_axis(values, shares.argmax(0)[None], 0)[0]
    values = np.where(shares > 1e-3, values, nearest)  # a sample without weight decides nothing
    lowest, highest = values.min(0), values.max(0)
    smooth = (lowest > 0) & (highest - lowest <= _STEEPEST * lowest / where.focal)
    inverse = (shares / np.where(values > 0, values, 1)).sum(0)
    found = np.where(smooth, 1 / np.where(smooth, inverse, 1), nearest)
    return (found * where.slant).astype(np.float32), smooth
