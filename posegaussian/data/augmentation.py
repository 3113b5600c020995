"""Augmentation of training batches: columns without the person are cropped, and joints are dropped."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.data.batch import Batch
from posegaussian.types import JOINTS, StereoPair

_CROP_MARGIN = 8
"""Background kept on either side of the person, pixels. Chosen by hand."""
_MULTIPLE = 32
"""Widths are multiples of this, by which the network's coarsest features divide the image."""
_STRIDE = 4
"""Crops begin at multiples of this, the size of a heatmap cell in pixels."""


def crop_to_person(batch: Batch, random: np.random.Generator) -> Batch:
    """The batch with all views cropped to one width, at random columns that keep the whole person inside.

    It halves the time of a step for a standing person in a square image. All frames of a clip are cropped alike.
    Disparities, key points and principal points are changed accordingly.
    """
    frames = batch.frames
    person = batch.pair.masks[:, :, 0] > 0
    person = person if batch.coverage is None else person | (batch.coverage > 0)
    columns = person.any(-2).unflatten(0, (-1, frames)).any(1)
    full = columns.shape[-1]
    firsts = columns.float().argmax(-1)
    lasts = full - columns.flip(-1).float().argmax(-1)
    widest = int((lasts - firsts).max()) + 2 * _CROP_MARGIN
    width = min(-(-widest // _MULTIPLE) * _MULTIPLE, full)
    low = -((width - lasts).clamp_max(0) // _STRIDE)
    high = firsts.clamp_max(full - width) // _STRIDE
    shares = torch.from_numpy(random.random(low.shape)).to(low.device)
    cells = low + shares * (high - low).clamp_min(0)
    lefts = (_STRIDE * cells.round().long()).repeat_interleave(frames, dim=0)

    def crop(values: Tensor, stride: int = 1) -> Tensor:
        columns = lefts[..., None] // stride + torch.arange(width // stride, device=lefts.device)
        between = values.dim() - 3
        index = columns.unflatten(1, (-1, *[1] * between)).expand(*values.shape[:-1], -1)
        return values.gather(-1, index)

    pair, shift = batch.pair, lefts.to(batch.disparity.dtype)
    intrinsics = pair.cameras.intrinsics.clone()
    intrinsics[..., 0, 2] -= shift
    keypoints = None if pair.keypoints is None else _shifted(pair.keypoints, shift)
    pair = replace(
        pair,
        images=crop(pair.images),
        masks=crop(pair.masks),
        cameras=replace(pair.cameras, intrinsics=intrinsics, width=width),
        heatmaps=None if pair.heatmaps is None else crop(pair.heatmaps, _STRIDE),
        keypoints=keypoints,
    )
    # x_left - x_right changes by the difference of the two views' left edges.
    disparity = crop(batch.disparity) - (shift[:, :1] - shift[:, 1:])[..., None, None]
    coverage = None if batch.coverage is None else crop(batch.coverage)
    return replace(batch, pair=pair, disparity=disparity, valid=crop(batch.valid), coverage=coverage)


def _shifted(keypoints: Float[Tensor, "b 2 17 2"], left: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2 17 2"]:
    return torch.stack([keypoints[..., 0] - left[..., None], keypoints[..., 1]], dim=-1)


def drop_pose(pair: StereoPair, frames: int, share: float, random: np.random.Generator) -> StereoPair:
    """The pair without the pose of some clips and without some joints of the others.

    Args:
        pair: clip by clip.
        frames: per clip.
        share: of the clips that lose all joints; half of it is the share of the joints that are dropped in one view.
        random: draws what is dropped.
    """
    if pair.heatmaps is None or pair.scores is None:
        return pair
    clips, views = len(pair.scores) // frames, pair.scores.shape[1]
    keep = random.random((clips, views, len(JOINTS))) >= share / 2
    keep &= random.random((clips, 1, 1)) >= share
    kept = torch.from_numpy(keep.astype(np.float32)).repeat_interleave(frames, dim=0).to(pair.scores.device)
    return replace(pair, heatmaps=pair.heatmaps * kept[..., None, None], scores=pair.scores * kept)
