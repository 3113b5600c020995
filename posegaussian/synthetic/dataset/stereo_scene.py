"""Cameras of a streamed clip: a rectified pair around the person, and a third camera near the arc between them."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from posegaussian.config import RigSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry import rectification
from posegaussian.geometry.lens import SourceCamera
from posegaussian.synthetic.rigs.calibration import camera_batch, perturb_calibration
from posegaussian.synthetic.rigs.rig import (
    above_floor,
    draw_arc,
    draw_focal,
    draw_framed_camera,
    look_at,
    on_image_plane,
)
from posegaussian.types import Camera, Tensors

_DISTANCE_SPREAD = 0.03
"""Each camera of a pair stands nearer or farther than the arc by up to this share; chosen by hand."""


@dataclass(frozen=True)
class StereoScene(Tensors):
    """Cameras of a clip."""

    declared: Camera  # the rectified pair according to its calibration, batch of 2
    actual: Camera  # the pair that renders the images, with errors of calibration
    target: Camera  # the camera of the novel view
    baseline: float  # angle between the pair as seen from the person, degrees


def draw_stereo_scene(
    rng: np.random.Generator, settings: StreamSettings, extent: Float[np.ndarray, "n 3"]
) -> StereoScene:
    """A random rectified pair around the person, and a third camera near the arc between them.

    In a room, all cameras rise together where a source camera would stand below the floor.

    Raises:
        ConfigError: no such cameras can see the person.
    """
    rig = settings.rig
    middle = (extent.min(0) + extent.max(0)) / 2
    arc = draw_arc(rng, rig, middle)
    baseline = rng.uniform(*rig.baseline)
    arc = arc if settings.room.off else arc.above_floor((-0.5 * baseline, 0.5 * baseline))
    sources = []
    for side in (-0.5, 0.5):
        place = arc.place(side * baseline)
        place = middle + (place - middle) * (1 + rng.uniform(-_DISTANCE_SPREAD, _DISTANCE_SPREAD))
        place = place if settings.room.off else above_floor(place)
        pose = look_at(place, middle, rng.uniform(*rig.roll))
        on_image_plane(pose, extent)
        sources.append(SourceCamera(np.diag([1000.0, 1000, 1]), np.zeros(5), pose, 1000, 1000))
    pair = _rectified(rng, rig, sources, extent, settings.size)
    ratio, above = rng.uniform(*rig.between_cameras), rng.uniform(*rig.above)
    place = arc.place((ratio - 0.5) * baseline, above)
    place = place if settings.room.off else above_floor(place)
    pose = look_at(place, middle, rng.uniform(*rig.roll))
    target = draw_framed_camera(rng, rig, pose, settings.target_size, extent)
    actual = perturb_calibration(rng, settings.sensor, pair, extent)
    if not settings.room.off:
        baseline = _angle(*(camera.centre - middle for camera in sources))  # the floor may have raised a camera
    return StereoScene(pair.to(torch.float32), actual.to(torch.float32), camera_batch([target])[0], baseline)


def _angle(one: Float[np.ndarray, "3"], other: Float[np.ndarray, "3"]) -> float:
    """The angle between two directions, degrees."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other)))


def _rectified(
    rng: np.random.Generator,
    rig: RigSettings,
    sources: list[SourceCamera],
    extent: Float[np.ndarray, "n 3"],
    size: tuple[int, int],
) -> Camera:
    """Rectified cameras, left and right, whose images hold the whole person, not always as large as possible."""
    rotation, swapped = rectification.rectifying_rotation(sources[0], sources[1])
    left, right = reversed(sources) if swapped else sources
    found = [rectification.ray_bounds(extent - camera.centre, rotation) for camera in (left, right)]
    boxes = [box for box in found if box is not None]
    if len(boxes) < 2:
        raise ConfigError(
            "the rig cannot see the person: the rectified cameras do not point at them",
            code="person-out-of-view",
            hint="lower `baseline`",
        )
    intrinsics = rectification.fit_intrinsics(np.stack(boxes), size, rng.uniform(*rig.margin))
    longest = intrinsics[0, 0, 0]
    focal = draw_focal(rng, rig, longest, size)
    middle = np.array(size) / 2
    # A shorter focal length leaves free space, in which the person is shifted at random: x for each view alone, y for
    # both, because rows must match.
    share = np.stack([rng.uniform(-1, 1, 2), np.full(2, rng.uniform(-1, 1))], axis=1)
    slack = middle - np.stack([_half(boxes[view], focal) for view in (0, 1)])
    slack[:, 1] = slack[:, 1].min()
    intrinsics[:, :2, 2] = middle + focal / longest * (intrinsics[:, :2, 2] - middle)
    intrinsics[:, :2, 2] += share * np.maximum(slack - rig.margin[0] * np.array(size), 0)
    intrinsics[:, 0, 0] = intrinsics[:, 1, 1] = focal
    return rectification.rectified_cameras(np.stack([left.centre, right.centre]), rotation, intrinsics, size)


def _half(box: Float[np.ndarray, "4"], focal: float) -> Float[np.ndarray, "2"]:
    """Half of the size of a box in the image, pixels."""
    return focal * (box[2:] - box[:2]) / 2
