"""Heatmaps of known joints, computed on a device and left there, as one CUDA graph."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.geometry.masks import PERSON
from posegaussian.locks import DEVICE
from posegaussian.pose.detectors.blazepose.joints import COLUMNS, PADDING, ROWS, SIGMA, KnownJoints
from posegaussian.pose.heatmaps import STRIDE


def device_pose(masks: UInt8[Tensor, "2 h w"], joints: Sequence[KnownJoints]) -> dict[str, Tensor]:
    """Heatmaps, key points and scores, a batch of one, on the device of the masks; see `detect_person`.

    Args:
        masks: coverage of the person in both views, 0..255.
        joints: of each view.
    """
    known = np.stack([np.concatenate([each.keypoints, each.scores[:, None]], axis=1) for each in joints])
    found = _graph(masks.device)(masks.device, masks, torch.from_numpy(known))
    return {name: each[None] for name, each in zip(("heatmaps", "keypoints", "scores"), found, strict=True)}


@cache
def _graph(device: torch.device) -> GraphPerShape:
    return GraphPerShape(_pose)


def _pose(masks: UInt8[Tensor, "2 h w"], joints: Float64[Tensor, "2 17 3"]) -> tuple[Tensor, Tensor, Tensor]:
    """Heatmaps, key points and scores of both views; zeros where the mask is empty.

    A map is a product of a row and a column: the Gaussians of `KnownJoints`, resampled as by `resample_maps`.
    """
    height, width = masks.shape[1:]
    rows, columns = ((masks >= PERSON).any(axis) for axis in (2, 1))
    low, high = zip(*(_ends(line) for line in (columns, rows)), strict=True)
    extent = [(last - first).clamp_min(1.0) for first, last in zip(low, high, strict=True)]
    tall = PADDING * torch.maximum(extent[1], extent[0] * (ROWS / COLUMNS))
    scores = joints[..., 2] * rows.any(1, keepdim=True)
    lines = []
    for axis, (size, side, count) in enumerate(((tall * (COLUMNS / ROWS), width, COLUMNS), (tall, height, ROWS))):
        first, pitch = (low[axis] + high[axis] - size) / 2, size / (count - 1)
        lines.append(_line(joints[..., axis], first[:, None, None], pitch[:, None, None], side // STRIDE, count))
    across, down = lines
    seen = rows.any(1)[:, None, None]
    maps = torch.where(seen[..., None], scores[..., None, None] * down[..., :, None] * across[..., None, :], 0.0)
    return maps.clamp(0, 1).float(), torch.where(seen, joints[..., :2], 0.0).float(), scores.float()


def _ends(line: Tensor) -> tuple[Float64[Tensor, " n"], Float64[Tensor, " n"]]:
    """The first true place of each line, and the place after the last."""
    places = torch.arange(line.shape[1], dtype=torch.float64, device=line.device)
    return torch.where(line, places, torch.inf).amin(1), torch.where(line, places + 1, -torch.inf).amax(1)


def _line(
    joints: Float64[Tensor, "2 17"], first: Tensor, pitch: Tensor, cells: int, count: int
) -> Float[Tensor, "2 17 cells"]:
    """Gaussians around joints along one axis, in the cells of the image; see `heatmaps.axis_weights`.

    Args:
        joints: their places, pixels.
        first: of the centre of the first sample, pixels.
        pitch: distance of samples, pixels.
        cells: of the image.
        count: of samples.
    """
    sample = torch.arange(count, dtype=torch.float64, device=joints.device)
    gauss = torch.exp(-0.5 * ((sample - (joints[..., None] - first) / pitch) / SIGMA).square())
    centres = STRIDE * (torch.arange(cells, dtype=torch.float64, device=joints.device)[:, None] + 0.5)
    reach = (STRIDE / pitch).clamp_min(1.0)
    weights = (1 - ((centres - first) / pitch - sample).abs() / reach).clamp_min(0) / reach
    with DEVICE.shared():
        return gauss @ weights.mT
