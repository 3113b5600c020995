"""What one step of the stream returns: stereo pairs, a novel view of each pair, and their ground truth."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from posegaussian.types import Camera, StereoPair, Tensors


@dataclass(frozen=True)
class SampleSurroundings(Tensors):
    """The pair in its room: an image is foreground x mask + background x (1 - mask), before blur, noise and JPEG.

    Args:
        images: as filmed, RGB.
        foreground: RGB of the person in each pixel that they cover, not multiplied by the mask; 0 elsewhere.
        labels: at pixel centres: 1 the person, 2 other people, 3 things, 4 the room; 0 far away.
        depth: of everything at pixel centres, metres; 0 where nothing is.
    """

    images: Float[Tensor, "b 2 3 h w"]
    foreground: Float[Tensor, "b 2 3 h w"]
    labels: Int[Tensor, "b 2 h w"]
    depth: Float[Tensor, "b 2 h w"]


@dataclass(frozen=True)
class Sample(Tensors):
    """Consecutive frames of clips, clip by clip; batch b = clips x frames.

    Args:
        pair: rectified images on black, without heatmaps.
        depth: at pixel centres, along the optical axis, metres; 0 in the background.
        disparity: as geometry.disparity defines it, pixels.
        valid: 1 where the disparity is known and the pixel is the person's.
        visible: 1 where the other view sees the point too.
        parts: body parts, index into bake.PARTS; 0 in the background.
        joints: COCO-17 in the world, metres.
        joints2d: joints in rectified pixels.
        joint_visible: 1 where nothing but the joint's own body part hides it.
        target: the novel view, RGB on black.
        target_mask: coverage of the person in the novel view.
        target_depth: as `depth`.
        target_camera: camera of the novel view.
        person: seed of the person.
        baseline: angle between the two cameras as seen from the person, degrees.
        surroundings: what is only known where the settings have rooms.
    """

    pair: StereoPair
    depth: Float[Tensor, "b 2 h w"]
    disparity: Float[Tensor, "b 2 h w"]
    valid: Float[Tensor, "b 2 h w"]
    visible: Float[Tensor, "b 2 h w"]
    parts: Int[Tensor, "b 2 h w"]
    joints: Float[Tensor, "b 17 3"]
    joints2d: Float[Tensor, "b 2 17 2"]
    joint_visible: Float[Tensor, "b 2 17"]
    target: Float[Tensor, "b 3 ht wt"]
    target_mask: Float[Tensor, "b 1 ht wt"]
    target_depth: Float[Tensor, "b ht wt"]
    target_camera: Camera
    person: Int[Tensor, b]
    baseline: Float[Tensor, b]
    surroundings: SampleSurroundings | None = None


def concatenate(items: list):
    """Samples, pairs or cameras of one size, joined along the batch axis."""
    first, changes = items[0], {}
    for field in fields(first):
        values = [getattr(item, field.name) for item in items]
        if isinstance(values[0], Tensor):
            changes[field.name] = torch.cat(values)
        elif isinstance(values[0], Tensors):
            changes[field.name] = concatenate(values)
    return replace(first, **changes)
