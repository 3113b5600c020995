"""The vocabulary: cameras, stereo pairs, Gaussians and renderings, as frozen dataclasses of torch tensors.

Conventions (docs/conventions.md): OpenCV axes, `world_to_camera`, metres, pixel centres at +0.5, images in [0, 1],
batch first, channels first.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

JOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
"""COCO-17 key points, in the order of every joint axis."""


class Tensors:
    """Base of frozen dataclasses that hold tensors: moves and indexes all of them at once."""

    def map(self, function, *others):
        """The same dataclass with `function` applied to every tensor, also to those of dataclasses inside.

        Args:
            function: from a tensor to a tensor; from one tensor per dataclass if there are `others`.
            others: dataclasses with the same fields; each tensor is passed together with those of the same name.
        """
        changes = {}
        for field in fields(self):  # type: ignore[arg-type]
            values = [getattr(item, field.name) for item in (self, *others)]
            if isinstance(values[0], Tensors):
                changes[field.name] = values[0].map(function, *values[1:])
            elif isinstance(values[0], Tensor):
                changes[field.name] = function(*values)
        return replace(self, **changes)  # type: ignore[type-var]

    def to(self, *args, **kwargs):
        """`Tensor.to` of every tensor."""
        return self.map(lambda value: value.to(*args, **kwargs))

    def __getitem__(self, index):
        """Index the leading (batch) dimensions of every tensor."""
        return self.map(lambda value: value[index])


@dataclass(frozen=True)
class Camera(Tensors):
    """A pinhole camera, or a batch of cameras of one size.

    Args:
        intrinsics: in pixels, pixel centres at +0.5.
        world_to_camera: rigid, metres.
        width: in pixels.
        height: in pixels.

    Examples:
        >>> import torch, posegaussian as pg
        >>> camera = pg.Camera(torch.tensor([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]]), torch.eye(4), 64, 48)
        >>> camera.resized(128, 96).intrinsics[0].tolist()
        [160.0, 0.0, 64.0]
    """

    intrinsics: Float[Tensor, "*batch 3 3"]
    world_to_camera: Float[Tensor, "*batch 4 4"]
    width: int
    height: int

    @property
    def centre(self) -> Float[Tensor, "*batch 3"]:
        """The optical centre in the world, in metres."""
        rotation, translation = self.world_to_camera[..., :3, :3], self.world_to_camera[..., :3, 3]
        return -(rotation.mT @ translation[..., None])[..., 0]

    def resized(self, width: int, height: int) -> Camera:
        """The same view sampled at another size; with centres at +0.5 this is a plain scaling."""
        factors = self.intrinsics.new_tensor([width / self.width, height / self.height, 1.0])
        return replace(self, intrinsics=factors[:, None] * self.intrinsics, width=width, height=height)


@dataclass(frozen=True)
class StereoPair(Tensors):
    """A rectified pair: view 0 is left, view 1 is right; rows match; disparity d = x_left - x_right.

    Args:
        images: RGB in [0, 1]: the person on black; for a network to which masks are a hint, as filmed around the masks.
        masks: coverage of the person in [0, 1].
        cameras: rectified cameras, batch (b, 2); world_to_camera shares its rotation between the two views.
        heatmaps: one map per joint at a quarter of the image's size, in [0, 1]; None where there are none.
        keypoints: joints in rectified pixels (x, y).
        scores: each joint's confidence in [0, 1]; 0 where it was not found.

    Examples:
        >>> import posegaussian as pg
        >>> capture = pg.read_capture("capture")
        >>> pair = pg.rectify(*capture.views(capture.sources[:2], capture.frames[0]), size=(64, 64))
        >>> left, right = pair.cameras[0, 0], pair.cameras[0, 1]
        >>> bool((left.world_to_camera[:3, :3] == right.world_to_camera[:3, :3]).all())
        True
    """

    images: Float[Tensor, "b 2 3 h w"]
    masks: Float[Tensor, "b 2 1 h w"]
    cameras: Camera
    heatmaps: Float[Tensor, "b 2 17 hq wq"] | None = None
    keypoints: Float[Tensor, "b 2 17 2"] | None = None
    scores: Float[Tensor, "b 2 17"] | None = None


@dataclass(frozen=True)
class Gaussians(Tensors):
    """3D Gaussians in the world frame; an opacity of 0 marks an unused entry.

    Args:
        means: metres.
        quaternions: wxyz, world frame, need not be normalised.
        scales: standard deviations along the three axes, metres, linear.
        opacities: in [0, 1], linear.
        colors: RGB in [0, 1].

    Examples:
        >>> import torch, posegaussian as pg
        >>> means, quaternions, scales = torch.zeros(2, 3), torch.eye(4)[[0, 0]], torch.full((2, 3), 0.1)
        >>> gaussians = pg.Gaussians(means, quaternions, scales, torch.tensor([0.9, 0]), torch.ones(2, 3))
        >>> len(gaussians.compact().means)
        1
    """

    means: Float[Tensor, "*batch n 3"]
    quaternions: Float[Tensor, "*batch n 4"]
    scales: Float[Tensor, "*batch n 3"]
    opacities: Float[Tensor, "*batch n"]
    colors: Float[Tensor, "*batch n 3"]

    def compact(self) -> Gaussians:
        """One unbatched set without the entries whose opacity is below 1/255, which rasterisers skip."""
        if self.opacities.ndim != 1:
            raise ValueError(f"compact takes one set of Gaussians, got a batch of shape {tuple(self.opacities.shape)}")
        return self[self.opacities >= 1 / 255]


@dataclass(frozen=True)
class Rendering(Tensors):
    """What a rasteriser returns.

    Args:
        colors: RGB over the background.
        alphas: accumulated opacity in [0, 1].
        depths: expected depth along the optical axis in metres (sum of weight x depth / alpha); 0 where alpha is 0.

    Examples:
        >>> import torch, posegaussian as pg
        >>> mean, color = torch.tensor([[0.0, 0, 2]]), torch.ones(1, 3)
        >>> dot = pg.Gaussians(mean, torch.eye(4)[:1], torch.full((1, 3), 0.1), torch.tensor([0.9]), color)
        >>> camera = pg.Camera(torch.tensor([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]]), torch.eye(4), 64, 48)
        >>> round(float(pg.render(dot, camera).depths[0, 24, 32]), 3)
        2.0
    """

    colors: Float[Tensor, "*batch 3 h w"]
    alphas: Float[Tensor, "*batch 1 h w"]
    depths: Float[Tensor, "*batch 1 h w"]


def stack(items: list):
    """Several Cameras, StereoPairs or other `Tensors` of one shape, stacked along a new first dimension."""
    first, *others = items
    return first.map(lambda *values: torch.stack(values), *others)


def concatenate(items: list):
    """Several Cameras, StereoPairs or other `Tensors`, concatenated along their first (batch) dimension."""
    first, *others = items
    return first.map(lambda *values: torch.cat(values), *others)
