"""What training changes about a clip: columns without the person are cut away, some of the pose goes missing."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.data.batch import Batch
from posegaussian.types import JOINTS, StereoPair

_MARGIN, _MULTIPLE, _STRIDE = 8, 32, 4


def crop_to_person(batch: Batch, random: np.random.Generator) -> Batch:
    """Cut each view to one common width about the person, at a random place that keeps the whole person inside.

    It saves half of the time for a standing person in a square image. Consecutive frames share their cut.

    Args:
        batch: the batch; disparities, key points and principal points follow the cut.
        random: chooses the places.
    """
    frames = batch.frames
    columns = (batch.pair.masks[:, :, 0] > 0).any(-2).unflatten(0, (-1, frames)).any(1)
    full = columns.shape[-1]
    firsts = columns.float().argmax(-1)
    lasts = full - columns.flip(-1).float().argmax(-1)
    widest = int((lasts - firsts).max()) + 2 * _MARGIN
    width = min(-(-widest // _MULTIPLE) * _MULTIPLE, full)
    low = -((width - lasts).clamp_max(0) // _STRIDE)
    high = firsts.clamp_max(full - width) // _STRIDE
    places = torch.from_numpy(random.random(low.shape)).to(low.device)
    cells = low + places * (high - low).clamp_min(0)
    lefts = (_STRIDE * cells.round().long()).repeat_interleave(frames, dim=0)

    def cut(values: Tensor, stride: int = 1) -> Tensor:
        columns = lefts[..., None] // stride + torch.arange(width // stride, device=lefts.device)
        between = values.dim() - 3
        index = columns.unflatten(1, (-1, *[1] * between)).expand(*values.shape[:-1], -1)
        return values.gather(-1, index)

    pair, shift = batch.pair, lefts.to(batch.disparity.dtype)
    intrinsics = pair.cameras.intrinsics.clone()
    intrinsics[..., 0, 2] -= shift
    keypoints = None if pair.keypoints is None else _moved(pair.keypoints, shift)
    pair = replace(
        pair,
        images=cut(pair.images),
        masks=cut(pair.masks),
        cameras=replace(pair.cameras, intrinsics=intrinsics, width=width),
        heatmaps=None if pair.heatmaps is None else cut(pair.heatmaps, _STRIDE),
        keypoints=keypoints,
    )
    disparity = cut(batch.disparity) - (shift[:, :1] - shift[:, 1:])[..., None, None]
    return replace(batch, pair=pair, disparity=disparity, valid=cut(batch.valid))


def _moved(keypoints: Float[Tensor, "b 2 17 2"], left: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2 17 2"]:
    return torch.stack([keypoints[..., 0] - left[..., None], keypoints[..., 1]], dim=-1)


def drop_pose(pair: StereoPair, frames: int, share: float, random: np.random.Generator) -> StereoPair:
    """Take the whole pose of each clip away with probability `share`, else each joint of each view with half of it."""
    if pair.heatmaps is None or pair.scores is None:
        return pair
    clips, views = len(pair.scores) // frames, pair.scores.shape[1]
    keep = random.random((clips, views, len(JOINTS))) >= share / 2
    keep &= random.random((clips, 1, 1)) >= share
    kept = torch.from_numpy(keep.astype(np.float32)).repeat_interleave(frames, dim=0).to(pair.scores.device)
    return replace(pair, heatmaps=pair.heatmaps * kept[..., None, None], scores=pair.scores * kept)
