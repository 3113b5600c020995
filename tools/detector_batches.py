"""Batches of varied images for training the small detector: torch alone, on any device.

Turned, shifted, scaled, mirrored; before other backgrounds; partly hidden; coarser, darker, tinted and noisier.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

MIRRORED = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
"""COCO-17: the joint that takes each joint's place in a mirrored image."""
PADDING = 1.25
"""As GetBBoxCenterScale in the detector's configuration."""
INPUT = (256, 192)
"""Height and width of the detector's input."""
MAPS = (64, 48)
"""Height and width of its heatmaps."""


@dataclass(frozen=True)
class People:
    """What tools/make_detector_data.py wrote, in memory; key points and boxes with pixel centres at +0.5."""

    images: Tensor
    masks: Tensor
    keypoints: Tensor
    boxes: Tensor

    def __len__(self) -> int:
        return len(self.images)


def load(path: Path, device: torch.device, held_out: float = 0.05) -> tuple[People, People]:
    """Everybody to learn from, and the last few people to check on."""
    with h5py.File(path, "r") as file:
        content = {name: np.asarray(values) for name, values in file.items()}
    values = [torch.from_numpy(content[name]).to(device) for name in ("images", "masks", "keypoints", "boxes")]
    people = content["people"]
    first = int((people < people[int(len(people) * (1 - held_out))]).sum())
    return People(*(value[:first] for value in values)), People(*(value[first:] for value in values))


@dataclass(frozen=True)
class Frames:
    """The input as a window on the image: image = centre + matrix @ (input - middle), integer pixel centres."""

    centre: Tensor
    matrix: Tensor

    middle = torch.tensor([(INPUT[1] - 1) / 2, (INPUT[0] - 1) / 2])

    def to_image(self, points: Tensor) -> Tensor:
        """Input pixels to image pixels: (b, n, 2)."""
        return self.centre[:, None] + (points - self.middle.to(points)) @ self.matrix.mT

    def to_input(self, points: Tensor) -> Tensor:
        """Image pixels to input pixels: (b, n, 2)."""
        return (points - self.centre[:, None]) @ torch.linalg.inv(self.matrix).mT + self.middle.to(points)


def box_frames(boxes: Tensor) -> Frames:
    """The window that MMPose cuts out for a box: padded, of the input's shape, from centre to centre (UDP)."""
    size = PADDING * (boxes[:, 2:] - boxes[:, :2])
    aspect = INPUT[1] / INPUT[0]
    width = torch.maximum(size[:, 0], size[:, 1] * aspect)
    extent = torch.stack([width, width / aspect], dim=1)
    matrix = torch.diag_embed(extent / torch.tensor([INPUT[1] - 1, INPUT[0] - 1]).to(boxes))
    return Frames((boxes[:, :2] + boxes[:, 2:]) / 2 - 0.5, matrix)


def varied_frames(boxes: Tensor, mirrored: Tensor) -> Frames:
    """The same, turned, scaled, shifted and mirrored at random."""
    count, device = len(boxes), boxes.device
    frames = box_frames(boxes)
    angle = (0.35 * torch.randn(count, device=device)).clamp(-0.8, 0.8) * (torch.rand(count, device=device) < 0.6)
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    flip = torch.diag_embed(torch.stack([1 - 2.0 * mirrored, torch.ones(count, device=device)], dim=1))
    scale = torch.exp(_uniform(count, -0.3, 0.3, device))
    matrix = scale[:, None, None] * turn @ frames.matrix @ flip
    shift = 0.12 * (2 * torch.rand(count, 2, device=device) - 1) * torch.tensor([INPUT[1], INPUT[0]]).to(boxes)
    return Frames(frames.centre + (matrix @ shift[:, :, None])[:, :, 0], matrix)


def targets(keypoints: Tensor) -> Tensor:
    """UDP heatmaps (sigma of 2 cells) of joints in input pixels: (b, 17, 64, 48)."""
    cells = keypoints * torch.tensor([(MAPS[1] - 1) / (INPUT[1] - 1), (MAPS[0] - 1) / (INPUT[0] - 1)]).to(keypoints)
    across = torch.arange(MAPS[1]).to(cells) - cells[..., :1]
    down = torch.arange(MAPS[0]).to(cells) - cells[..., 1:]
    return torch.exp(-(down**2) / 8)[..., :, None] * torch.exp(-(across**2) / 8)[..., None, :]


def plain_batch(people: People, index: Tensor) -> tuple[Tensor, Frames]:
    """Images in 0..1 as the detector will see them, and their frames."""
    frames = box_frames(people.boxes[index])
    return _cut(_rgb(people, index), frames), frames


def varied_batch(people: People, count: int) -> tuple[Tensor, Tensor]:
    """Random images in 0..1, varied, and their heatmaps."""
    device = people.images.device
    index = torch.randint(len(people), (count,), device=device)
    mirrored = torch.rand(count, device=device) < 0.5
    frames = varied_frames(people.boxes[index], mirrored)
    keypoints = frames.to_input(people.keypoints[index] - 0.5)
    keypoints = torch.where(mirrored[:, None, None], keypoints[:, MIRRORED], keypoints)
    cover = people.masks[index][:, None].float() / 255
    images = _rgb(people, index)
    # The studio behind the person is of one colour: take it off, so that another can be put there.
    person = images - images[:, :, :1, :1] * (1 - cover)
    cut = _cut(torch.cat([person, cover], dim=1), frames)
    studio = torch.rand(count, 1, 1, 1, device=device) < 0.2
    background = torch.where(studio, images[:, :, :1, :1], _backgrounds(count, device))
    images = cut[:, :3] + (1 - cut[:, 3:]) * background
    return _degraded(_hidden(images)), targets(keypoints)


def _rgb(people: People, index: Tensor) -> Tensor:
    return people.images[index].permute(0, 3, 1, 2).float() / 255


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return low + (high - low) * torch.rand(count, device=device)


def _cut(images: Tensor, frames: Frames) -> Tensor:
    size = images.shape[-1]
    rows, columns = torch.meshgrid(torch.arange(INPUT[0]), torch.arange(INPUT[1]), indexing="ij")
    pixels = torch.stack([columns, rows], dim=-1).reshape(1, -1, 2).to(images)
    grid = (frames.to_image(pixels.expand(len(images), -1, -1)) + 0.5) * 2 / size - 1
    return F.grid_sample(images, grid.reshape(len(images), *INPUT, 2), align_corners=False)


def _backgrounds(count: int, device: torch.device) -> Tensor:
    """A third black, a third plain, a third textured."""
    kind = torch.randint(3, (count, 1, 1, 1), device=device)
    colour = torch.rand(count, 3, 1, 1, device=device)
    return (kind > 0) * (colour + (kind > 1) * _texture(count, device)).clamp(0, 1)


def _texture(count: int, device: torch.device) -> Tensor:
    """Noise of several sizes, some of it with hard edges."""
    total = torch.zeros(count, 3, *INPUT, device=device)
    for cells in (3, 8, 24, 64):
        noise = torch.randn(count, 3, cells, cells * 3 // 4, device=device)
        hard = torch.rand(1).item() < 0.5
        fine = F.interpolate(noise, INPUT, mode="nearest" if hard else "bilinear")
        total += fine * 0.3 * torch.rand(count, 1, 1, 1, device=device)
    return total


def _hidden(images: Tensor) -> Tensor:
    """Three in ten have a rectangle in front."""
    count, device = len(images), images.device
    centre, half = torch.rand(2, count, device=device), 0.03 + 0.15 * torch.rand(2, count, device=device)
    down = (torch.arange(INPUT[0], device=device) / INPUT[0] - centre[0, :, None]).abs() < half[0, :, None]
    across = (torch.arange(INPUT[1], device=device) / INPUT[1] - centre[1, :, None]).abs() < half[1, :, None]
    there = (down[:, :, None] & across[:, None, :])[:, None] & (torch.rand(count, 1, 1, 1, device=device) < 0.3)
    return torch.where(there, _backgrounds(count, device), images)


def _degraded(images: Tensor) -> Tensor:
    """Coarser (half of the batches), brighter or darker, tinted, of another contrast, noisy."""
    count, device = len(images), images.device

    def factor(spread: float, channels: int = 1) -> Tensor:
        return torch.exp(spread * (2 * torch.rand(count, channels, 1, 1, device=device) - 1))

    if torch.rand(1).item() < 0.5:
        share = math.exp(-torch.rand(1).item())
        small = [round(size * share) for size in INPUT]
        images = F.interpolate(F.interpolate(images, small, mode="area"), INPUT, mode="bilinear")
    images = (images.clamp(0, 1) + 1e-4) ** factor(0.4) * factor(0.5) * factor(0.15, 3)
    noise = 0.06 * torch.rand(count, 1, 1, 1, device=device) ** 2
    return (images + noise * torch.randn_like(images)).clamp(0, 1)
