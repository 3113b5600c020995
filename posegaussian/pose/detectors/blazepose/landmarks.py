"""The network that finds the 33 landmarks and the coarse matte of the person in a crop."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.pose.brightness import brightened
from posegaussian.pose.detectors.blazepose.crops import (
    Crops,
    resample_crop,
    sample_crops,
    upright_crops,
)
from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.pose.person import MATTE, Person, matte_box
from posegaussian.types import Tensors

_HIPS, _TOP = 33, 34
"""Two further points, which say where the next crop lies: the middle of the hips, and a point on the circle."""


@dataclass(frozen=True)
class People(Tensors):
    """One person in each of several images."""

    crops: Crops  # that were looked at
    next_crops: Crops  # where the person lies, as seen in them: crops to look at again, or in the next frame
    score: Float[Tensor, "*b"]  # probability that there is a person, in [0, 1]
    # x and y in image pixels, and z, the depth behind the middle of the hips, in the same unit
    points: Float[Tensor, "*b 33 3"]
    visibility: Float[Tensor, "*b 33"]  # probability that the landmark lies in the image and nothing hides it
    presence: Float[Tensor, "*b 33"]  # probability that it lies in the image
    # metres, from the middle of the hips, in the axes of the crop; a guess from one image
    world: Float[Tensor, "*b 33 3"]
    matte_logits: Float[Tensor, "*b rows columns"]  # of the person's coverage, in the crops

    @property
    def boxes(self) -> Float[Tensor, "*b 4"]:
        """Smallest boxes (x0, y0, x1, y1) around the landmarks, image pixels: the crown and the skin lie outside."""
        return torch.cat([self.points[..., :2].amin(-2), self.points[..., :2].amax(-2)], dim=-1)

    def records(self) -> list[Person]:
        """Each person of a batch as a record of arrays."""
        mattes = (255 * self.matte_logits.sigmoid()).round().byte()
        if mattes.shape[1:] != (MATTE, MATTE):
            raise ValueError(f"a matte of {tuple(mattes.shape[1:])} cells, not {MATTE} x {MATTE}")
        parts = (self.points.flatten(1), self.visibility, self.presence, self.boxes, self.crops.rows())
        table = torch.cat([self.score[:, None], *parts, self.next_crops.rows()], dim=1)
        # One copy of all: on a device each waits for it.
        both = torch.cat([table.view(torch.uint8), mattes.flatten(1)], dim=1).cpu().numpy()
        table, mattes = both[:, : -MATTE * MATTE].copy().view(np.float32), both[:, -MATTE * MATTE :]
        widths = [1, *(part.shape[1] for part in parts), 4]
        columns = np.split(table, np.cumsum(widths)[:-1], axis=1)
        score, points, visibility, presence, boxes, crops, following = (np.ascontiguousarray(each) for each in columns)
        rows = score[:, 0], points.reshape(-1, 33, 3), visibility, presence, boxes, mattes.reshape(-1, MATTE, MATTE)
        each = zip(*rows, crops, following, strict=True)
        return [
            Person(
                score=float(score),
                points=points,
                visibility=visibility,
                presence=presence,
                crop=crop,
                next_crop=next_crop,
                matte=matte,
                box=_joined(box, matte_box(crop, matte)),
            )
            for score, points, visibility, presence, box, matte, crop, next_crop in each
        ]


def measure_people(
    network: Network, images: "list[UInt8[Tensor, '3 _ _']]", crops: Crops, refinements: int = 2
) -> People:
    """The person in a crop of each image.

    Args:
        network: of pose_landmark_full.tflite or pose_landmark_heavy.tflite.
        images: RGB, of any sizes, on the network's device.
        crops: one of each image, on any device.
        refinements: how often the crop is corrected by its own landmarks, and looked at again.
    """
    for _ in range(refinements):
        crops = _measure(network, images, crops).next_crops
    return _measure(network, images, crops)


def _measure(network: Network, images: "list[UInt8[Tensor, '3 _ _']]", crops: Crops) -> People:
    if images[0].is_cuda:
        rows, following, *found = network.graph(_measured)(images[0].device, crops.rows(), *images)
        return People(Crops.of_rows(rows), Crops.of_rows(following), *found)
    with torch.inference_mode():
        return _people(network, sample_crops(images, crops, network.size[0], "border"), crops)


def _measured(network: Network, rows: Float[Tensor, "b 4"], *images: UInt8[Tensor, "3 _ _"]) -> tuple[Tensor, ...]:
    """The people in crops as tensors, in the order of the fields, without looking at a value on the host."""
    size, crops = network.size[0], Crops.of_rows(rows)
    seen = torch.stack([resample_crop(image, crops[index], size) for index, image in enumerate(images)])
    found = _people(network, seen, crops)
    rest = found.score, found.points, found.visibility, found.presence, found.world, found.matte_logits
    return rows, found.next_crops.rows(), *rest


def _people(network: Network, seen: Float[Tensor, "b 3 size size"], crops: Crops) -> People:
    """The people that the network sees in the pixels of crops."""
    size = network.size[0]
    values, score, matte, _, world = network(brightened(seen))
    landmarks = values.unflatten(-1, (-1, 5))
    pixels = crops.to_image(landmarks[..., :2] / size)
    depth = landmarks[..., 2:3] / size * crops.side[:, None, None]
    sure = landmarks[:, :33, 3:].sigmoid()
    return People(
        crops=crops,
        next_crops=upright_crops(pixels[:, _HIPS], pixels[:, _TOP]),
        score=score[:, 0],
        points=torch.cat([pixels, depth], dim=-1)[:, :33],
        visibility=sure[..., 0],
        presence=sure[..., 1],
        world=world.unflatten(-1, (-1, 3))[:, :33],
        matte_logits=matte[:, 0],
    )


def _joined(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The smallest box around two boxes."""
    low, high = np.minimum(first, second)[:2], np.maximum(first, second)[2:]
    return np.concatenate([low, high]).astype(np.float32)
