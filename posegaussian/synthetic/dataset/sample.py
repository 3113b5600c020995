"""What one step of the stream returns: stereo pairs, a novel view of each pair, and their ground truth."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from posegaussian.types import Camera, StereoPair, Tensors


@dataclass(frozen=True)
class SampleSurroundings(Tensors):
    """The pair in its room: an image is foreground x mask + background x (1 - mask), before blur, noise and JPEG."""

    images: Float[Tensor, "b 2 3 h w"]  # as filmed, RGB
    # RGB of the person in each pixel that they cover, not multiplied by the mask; 0 elsewhere
    foreground: Float[Tensor, "b 2 3 h w"]
    labels: Int[Tensor, "b 2 h w"]  # at pixel centres: 1 the person, 2 other people, 3 things, 4 the room; 0 far away
    depth: Float[Tensor, "b 2 h w"]  # of everything at pixel centres, metres; 0 where nothing is


@dataclass(frozen=True)
class Sample(Tensors):
    """Consecutive frames of clips, clip by clip; batch b = clips x frames."""

    pair: StereoPair  # rectified images on black, without heatmaps
    depth: Float[Tensor, "b 2 h w"]  # at pixel centres, along the optical axis, metres; 0 in the background
    disparity: Float[Tensor, "b 2 h w"]  # as geometry.disparity defines it, pixels
    valid: Float[Tensor, "b 2 h w"]  # 1 where the disparity is known and the pixel is the person's
    visible: Float[Tensor, "b 2 h w"]  # 1 where the other view sees the point too
    parts: Int[Tensor, "b 2 h w"]  # body parts, index into bake.PARTS; 0 in the background
    joints: Float[Tensor, "b 17 3"]  # COCO-17 in the world, metres
    joints2d: Float[Tensor, "b 2 17 2"]  # joints in rectified pixels
    joint_visible: Float[Tensor, "b 2 17"]  # 1 where nothing but the joint's own body part hides it
    target: Float[Tensor, "b 3 ht wt"]  # the novel view, RGB on black
    target_mask: Float[Tensor, "b 1 ht wt"]  # coverage of the person in the novel view
    target_depth: Float[Tensor, "b ht wt"]  # as `depth`
    target_camera: Camera  # camera of the novel view
    person: Int[Tensor, b]  # seed of the person
    baseline: Float[Tensor, b]  # angle between the two cameras as seen from the person, degrees
    surroundings: SampleSurroundings | None = None  # what is only known where the settings have rooms


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
