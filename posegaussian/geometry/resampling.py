"""Images and depths of a camera with distortion, resampled into a pinhole camera with the same centre.

`resample` resamples whole images. `resample_levels` and `resample_where` do the same in compiled code for what is
needed of a person, several times as fast; `resample_depth_at` resamples depths.
OpenCV's maps count from the centre of the first pixel; the shift by half a pixel happens in this file alone.
"""

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from posegaussian.geometry import compositing_kernels, resampling_kernels
from posegaussian.geometry.lens import SourceCamera
from posegaussian.types import Camera

_HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""Centre of the first pixel, as part of the intrinsics: 0.5 in the library, 0 in OpenCV."""
_SHRINK = 1.2
"""Largest reduction by the Catmull-Rom kernel alone; beyond it would alias, so an area average comes first. By hand."""
_STEEPEST = 8.0
"""Neighbouring depths that differ by more footprints of a pixel (depth / focal length) are an edge. Chosen by hand."""
_OUTSIDE = -10
"""Column and row outside of any image, more than the kernel's support of 2 pixels away."""


@dataclass(frozen=True)
class SamplingMap:
    """Positions of the pixels of a view in the source image."""

    # column, integer pixel centres; outside the image where the lens model folds back onto itself
    x: Float32[np.ndarray, "h w"]
    y: Float32[np.ndarray, "h w"]  # row, likewise
    scale: float  # source pixels per pixel of the view, along one axis
    slant: Float32[np.ndarray, "h w"]  # depth along the view's optical axis / depth along the source's
    focal: float  # focal length of the source, pixels


def sampling_map(source: SourceCamera, view: Camera) -> SamplingMap:
    """Map from a view to the source image; both cameras share their centre."""
    intrinsics, pose = view.intrinsics.double().numpy(), view.world_to_camera.double().numpy()
    turn = pose[:3, :3] @ source.rotation.T
    size = max(view.width, 2), max(view.height, 2)  # differences take two pixels
    lens, plane = source.intrinsics - _HALF, intrinsics - _HALF
    x, y = cv2.initUndistortRectifyMap(lens, source.distortion, turn, plane, size, cv2.CV_32FC1)
    straight = cv2.initUndistortRectifyMap(lens, np.zeros(5), turn, plane, size, cv2.CV_32FC1)
    (x_down, x_right), (y_down, y_right) = np.gradient(x), np.gradient(y)
    stretch = x_right * y_down - x_down * y_right
    ahead = (x - lens[0, 2]) * (straight[0] - lens[0, 2]) + (y - lens[1, 2]) * (straight[1] - lens[1, 2])
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    depth = np.stack([columns, rows, np.ones_like(rows)], -1) @ (turn.T @ np.linalg.inv(intrinsics))[2]
    usable = (stretch > 0) & (ahead >= 0) & (depth > 0)
    x[~usable] = y[~usable] = _OUTSIDE
    scale = float(np.sqrt(np.median(stretch[usable]))) if usable.any() else 1.0
    slant = np.where(usable, 1 / np.where(usable, depth, 1), 0).astype(np.float32)
    x, y, slant = (values[: view.height, : view.width] for values in (x, y, slant))
    return SamplingMap(x, y, scale, slant, float(lens[0, 0]))


def resample(image: Float32[np.ndarray, "h w c"], where: SamplingMap) -> Float32[np.ndarray, "h2 w2 c"]:
    """Image resampled with the Catmull-Rom kernel (Keys, 1981, a = -1/2), after an area average if it is reduced.

    OpenCV's own cubic and Lanczos kernels shift what they interpolate by up to 0.05 pixels; this one does not.
    """
    image, x, y = _reduced(image, where)
    total = np.zeros((*x.shape, image.shape[2]), np.float32)
    for (row, down), (column, across) in product(_taps(y), _taps(x)):
        values = cv2.remap(image, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        total += (down * across)[..., None] * values.reshape(total.shape)
    return total


def _reduced(image: np.ndarray, where: SamplingMap) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image, in [0, 1] and averaged where the view is much smaller; and the samples' columns and rows in it."""
    size = image.shape[1], image.shape[0]
    small = reduced_size(*size, where)
    if small == size:
        return image, where.x, where.y
    image = cv2.resize(unit(image), small, interpolation=cv2.INTER_AREA).reshape(small[1], small[0], -1)
    return image, *positions(size, small, where)


def reduced_size(width: int, height: int, where: SamplingMap) -> tuple[int, int]:
    """Width and height to which an image is averaged before it is sampled; its own where the view is not smaller."""
    shrink = max(1.0, where.scale / _SHRINK)
    return max(1, round(width / shrink)), max(1, round(height / shrink))


def positions(size: tuple[int, int], small: tuple[int, int], where: SamplingMap) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows of the samples, integer pixel centres, in an image of `size` that was reduced to `small`."""
    x, y = ((values + 0.5) * (b / a) - 0.5 for values, a, b in zip((where.x, where.y), size, small, strict=True))
    return x, y


def unit(image: UInt8[np.ndarray, "*shape"] | Float32[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Values in [0, 1] of an image that has them, or levels of 8 bits."""
    return image * np.float32(1 / 255) if image.dtype == np.uint8 else image


def resample_levels(
    image: Float32[np.ndarray, "h w c"], where: SamplingMap, box: tuple[int, int, int, int] | None
) -> UInt8[np.ndarray, "h2 w2 c"]:
    """Image in [0, 1], resampled as by `resample`, in 8 bits; only the part that samples a box is computed.

    Args:
        image: black outside the box.
        where: to sample it.
        box: edges (x0, y0, x1, y1), pixels; None: all is black.
    """
    small, x, y = _reduced(image, where)
    result = np.zeros((*x.shape, image.shape[2]), np.uint8)
    if box is not None:
        scale = np.array(small.shape[1::-1] * 2) / (image.shape[1::-1] * 2)
        edges = np.array(box) * scale
        corners = (*np.floor(edges[:2]), *np.ceil(edges[2:]))
        left, top, right, bottom = map(int, corners)
        inside = left, top, right, bottom
        resampling_kernels.sample_box(small, x, y, inside, _near(small, inside), result)
    return result


def _near(image: Float32[np.ndarray, "h w c"], box: tuple[int, int, int, int]) -> UInt8[np.ndarray, "h w"]:
    """1 where a pixel is not black, or one that the kernel reaches from there; the image is black outside the box.

    2 where the kernel reaches nothing but pixels that are 1, as most pixels of a mask.
    """
    found, reach = np.zeros(image.shape[:2], np.uint8), np.ones((5, 5), np.uint8)
    left, top, right, bottom = box
    compositing_kernels.mark_shown(image[top:bottom, left:right], found[top:bottom, left:right])
    found = np.asarray(cv2.dilate(found, reach))
    if image.shape[2] == 1:
        found += cv2.erode((image[..., 0] == 1).astype(np.uint8), reach, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return found


def resample_where(
    image: UInt8[np.ndarray, "h w c"] | Float32[np.ndarray, "h w c"],
    where: SamplingMap,
    wanted: Bool[np.ndarray, "h2 w2"],
) -> UInt8[np.ndarray, "h2 w2 c"]:
    """The image resampled as by `resample` where it is wanted, in 8 bits; black elsewhere."""
    small, x, y = _reduced(image, where)
    scale = np.float32(1 / 255 if small.dtype == np.uint8 else 1)
    result = np.zeros((*wanted.shape, image.shape[2]), np.uint8)
    resampling_kernels.sample_where(np.ascontiguousarray(small), scale, x, y, wanted, result)
    return result


def resample_depth_at(
    depth: Float32[np.ndarray, "h w"], where: SamplingMap, wanted: Bool[np.ndarray, "h2 w2"]
) -> tuple[Float32[np.ndarray, "h2 w2"], Bool[np.ndarray, "h2 w2"]]:
    """Depth along the view's optical axis where it is wanted, and where it was interpolated; 0 and False elsewhere.

    The inverse depth is interpolated linearly, which is exact on planes. At an edge, and where a neighbour is unknown,
    the nearest sample is used.

    Returns:
        depth in metres, 0 where unknown;
        whether it was interpolated between samples of one surface.
    """
    result, smooth = np.zeros(wanted.shape, np.float32), np.zeros(wanted.shape, bool)
    rows, columns = np.nonzero(wanted)
    steepest = _STEEPEST / where.focal
    depth = np.ascontiguousarray(depth)
    resampling_kernels.sample_depths(depth, where.x, where.y, where.slant, steepest, rows, columns, result, smooth)
    return result, smooth


def _taps(position: Float32[np.ndarray, "h w"]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions and weights of the Catmull-Rom kernel as three linear lookups: one serves both inner samples."""
    base = np.floor(position)
    t = position - base
    outer, inner, next_, last = (
        t * (t * (1 - t / 2) - 0.5),
        t * t * (1.5 * t - 2.5) + 1,
        t * (t * (2 - 1.5 * t) + 0.5),
        t * t * (t - 1) / 2,
    )
    return [(base - 1, outer), (base + next_ / (inner + next_), inner + next_), (base + 2, last)]
