"""Framing of novel views: the whole view of a camera, or the person as large as the image allows."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import scipy
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from posegaussian.data.rectified import read_cameras
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.projection import project, unproject_pixels
from posegaussian.io.store import Reader
from posegaussian.parallel import in_order
from posegaussian.rendering.camera_path import PathStep, camera_between, pivot_between, source_cameras
from posegaussian.types import Camera

MARGIN = 0.05
"""Free border around the person, as a share of the image; chosen by hand. Points nearer than the middle of the person
appear larger than the outline from which the scale is computed."""
_SMOOTHING = 3.0
"""Standard deviation of the Gaussian that smooths the person's path over time, frames; chosen by hand."""


def fitted_camera(camera: Camera, width: int, height: int) -> Camera:
    """The camera with an image of another size: the whole view is visible and centred, and pixels stay square."""
    factor = min(width / camera.width, height / camera.height)
    intrinsics = camera.intrinsics.clone()
    intrinsics[..., :2, :] *= factor
    intrinsics[..., 0, 2] += (width - factor * camera.width) / 2
    intrinsics[..., 1, 2] += (height - factor * camera.height) / 2
    return Camera(intrinsics, camera.world_to_camera, width, height)


def person_centred_cameras(rectified: Reader, path: Sequence[PathStep], width: int, height: int) -> list[Camera]:
    """The cameras of a path, each with intrinsics that centre the person.

    All images have one scale, the largest at which the person fits into every image of the path. If all masks are
    empty, each image shows the whole view of its camera.
    """
    ends = {pair: source_cameras(rectified, pair) for pair in {step.pair for step in path}}
    return path_cameras(path, ends, person_outlines(rectified), width, height)


def path_cameras(
    path: Sequence[PathStep],
    ends: Mapping[int, tuple[Camera, Camera]],
    outlines: Sequence[Float[Tensor, "_ 3"]],
    width: int,
    height: int,
) -> list[Camera]:
    """The cameras of a path, as `person_centred_cameras` makes them.

    Args:
        path: the steps.
        ends: the left and the right camera of each pair, without lens distortion.
        outlines: points on the person's outline by frame, in the world, metres; none where nobody is there.
        width: of the images, pixels.
        height: of the images, pixels.
    """
    cameras = [camera_between(*ends[step.pair], step.ratio, pivot_between(*ends[step.pair])) for step in path]
    if not any(map(len, outlines)):
        return [fitted_camera(camera, width, height) for camera in cameras]
    centres = _centres(outlines)
    return centred_cameras(
        cameras, [outlines[step.frame] for step in path], [centres[step.frame] for step in path], width, height
    )


def centred_cameras(
    cameras: Sequence[Camera],
    outlines: Sequence[Float[Tensor, "_ 3"]],
    centres: Sequence[Float[Tensor, "3"]],
    width: int,
    height: int,
) -> list[Camera]:
    """Cameras at the same poses, with intrinsics that centre a point, at the largest scale that shows all outlines.

    Args:
        cameras: give the poses.
        outlines: points of the world that each camera must show, with `MARGIN` to spare; metres.
        centres: the point at the centre of each image; metres.
        width: of the images, pixels.
        height: of the images, pixels.
    """
    size = torch.tensor([width, height], dtype=torch.float64)
    middles, scales = [], []
    for camera, points, centre in zip(cameras, outlines, centres, strict=True):
        flat, depths = project(torch.cat([centre[None], points]), _unit(camera))
        middles.append((flat[0], depths[0]))
        reach = (flat - flat[0])[depths > 0].abs().amax(0) * depths[0]  # metres, at the centre's distance
        scales.append(((0.5 - MARGIN) * size / reach.clamp_min(1e-6)).min())
    scale = min(scales)
    return [
        Camera(_intrinsics(scale * depth, flat, size), camera.world_to_camera, width, height)
        for camera, (flat, depth) in zip(cameras, middles, strict=True)
    ]


def person_outlines(rectified: Reader) -> list[Float[Tensor, "_ 3"]]:
    """Points of the world on the person's outline, by frame: the convex hulls of all masks, at the person's depth.

    The depth is that of the disparity between the middles of a pair's two masks. A frame with an empty mask adds no
    points for its pair.
    """
    pairs, frames = rectified["sources/masks"].shape[:2]
    cameras = [read_cameras(rectified, pair).to(torch.float64) for pair in range(pairs)]

    def outlines(frame: int) -> Float[Tensor, "_ 3"]:
        return torch.cat([pair_outline(rectified["sources/masks"][n, frame], cameras[n]) for n in range(pairs)])

    return list(in_order(outlines, range(frames)))


def pair_outline(masks: UInt8[np.ndarray, "2 h w"], cameras: Camera) -> Float[Tensor, "_ 3"]:
    """Points of the world on the person's outline in the masks of one rectified pair; see `person_outlines`.

    Args:
        masks: coverage of the person, 0..255.
        cameras: rectified, a batch (1, 2) in float64.
    """
    hulls = [_hull(mask) for mask in is_person(masks)]
    points = [torch.zeros(0, 3, dtype=torch.float64)]
    if all(len(hull) for hull in hulls):
        left, right = ((hull[:, 0].amin() + hull[:, 0].amax()) / 2 for hull in hulls)
        depth = disparity_to_depth((left - right).expand(1, 2, 1, 1), cameras)[0, :, 0, 0]
        if (depth > 0).all():
            points += [unproject_pixels(h, depth[v].expand(len(h)), cameras[0, v]) for v, h in enumerate(hulls)]
    return torch.cat(points)


def _centres(outlines: Sequence[Float[Tensor, "_ 3"]]) -> Float[Tensor, "n 3"]:
    """The middles of the outlines, smoothed over time; missing frames are interpolated, the ends mirrored."""
    seen = [frame for frame, points in enumerate(outlines) if len(points)]
    middles = np.stack([(outlines[frame].amin(0) + outlines[frame].amax(0)).numpy() / 2 for frame in seen])
    every = np.stack([np.interp(np.arange(len(outlines)), seen, axis) for axis in middles.T], axis=1)
    return torch.from_numpy(scipy.ndimage.gaussian_filter1d(every, _SMOOTHING, axis=0, mode="mirror"))


def _unit(camera: Camera) -> Camera:
    """The camera with a focal length of 1, in double precision: its pixel coordinates are x/z and y/z."""
    return Camera(torch.eye(3, dtype=torch.float64), camera.world_to_camera.double(), 1, 1)


def _intrinsics(focal: Tensor, middle: Float[Tensor, "2"], size: Float[Tensor, "2"]) -> Float[Tensor, "3 3"]:
    """Intrinsics that show the direction `middle` (x/z, y/z) at the centre of the image."""
    intrinsics = torch.diag(torch.stack([focal, focal, torch.ones_like(focal)]))
    intrinsics[:2, 2] = size / 2 - focal * middle
    return intrinsics


def _hull(covered: Bool[np.ndarray, "h w"]) -> Float[Tensor, "n 2"]:
    """The corners (x, y) of the convex hull of the covered pixels' centres, pixels; none for an empty mask."""
    rows = np.flatnonzero(covered.any(1))
    if not len(rows):
        return torch.zeros(0, 2, dtype=torch.float64)
    lines = covered[rows]  # no corner lies between the ends of its row
    ends = lines.argmax(1), lines.shape[1] - 1 - lines[:, ::-1].argmax(1)
    pixels = np.concatenate([np.stack([columns, rows], axis=1) for columns in ends])
    return torch.from_numpy(cv2.convexHull(pixels.astype(np.int32))[:, 0] + 0.5)
