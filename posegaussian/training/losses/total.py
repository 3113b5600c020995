"""What training minimises: disparity in both views, the picture of a view that was held back, the pose alignment."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.config import TrainSettings
from posegaussian.data.batch import Clip
from posegaussian.model.network import Reconstruction
from posegaussian.training.losses.similarity import similarity
from posegaussian.types import Rendering

_L1, _SSIM = 0.8, 0.2
_SCALES = 3


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, unweighted, and their weighted sum; a part that does not apply is 0."""

    total: Float[Tensor, ""]
    depth: Float[Tensor, ""]
    image: Float[Tensor, ""]
    temporal: Float[Tensor, ""]
    pose: Float[Tensor, ""]


def combine(result: Reconstruction, view: Rendering | None, clip: Clip, settings: TrainSettings) -> Losses:
    """All losses of a batch; without a rendered view the image counts nothing."""
    scale = 1024 / clip.width
    depth = scale * sequence_loss(result.disparities, clip.disparity, clip.valid)
    change = scale * steadiness(result.disparity - clip.disparity, clip.valid, clip.frames)
    weight = settings.depth_loss if view is not None else 1.0
    total, temporal = weight * depth, weight * change
    image = pose = torch.zeros_like(depth)
    if view is not None:
        image = image_loss(view.colors, clip.target, clip.target_mask)
        if settings.gradient_loss > 0:
            image = image + settings.gradient_loss * gradient_loss(view.colors, clip.target, clip.target_mask)
        known = clip.target_mask.expand_as(clip.target)
        temporal = temporal + steadiness(view.colors - clip.target, known, clip.frames)
        total = total + image
    if result.pose_loss is not None:
        pose = result.pose_loss
        total = total + settings.pose_loss * pose
    return Losses(total + settings.temporal_loss * temporal, depth, image, temporal, pose)


def steadiness(error: Float[Tensor, "b c h w"], known: Float[Tensor, "b c h w"], frames: int) -> Float[Tensor, ""]:
    """How much errors change from frame to frame, where they are known in both (docs/method.md, equation 11).

    An error that stays is not seen to flicker; of a person who stands still this is the change of the result itself.
    """
    if frames == 1:
        return error.new_zeros(())
    errors, weights = (values.unflatten(0, (-1, frames)) for values in (error, known))
    weights = weights[:, 1:] * weights[:, :-1]
    return ((errors[:, 1:] - errors[:, :-1]).abs() * weights).sum() / weights.sum().clamp_min(1)


def gradient_loss(
    image: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """L1 of the difference of image gradients at three scales, each divided by the person's area at that scale."""
    error, total = image - target, image.new_zeros(())
    for scale in range(_SCALES):
        across, down = error.diff(dim=-1).abs().sum(), error.diff(dim=-2).abs().sum()
        area = mask.sum() / 4**scale
        total = total + (across + down) / (3 * _SCALES * area.clamp_min(1))
        error = F.avg_pool2d(error, 2)
    return total


def sequence_loss(
    disparities: tuple[Float[Tensor, "b 2 h w"], ...], truth: Float[Tensor, "b 2 h w"], valid: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute errors, later estimates counting more: gamma = 0.9^(15 / (n - 1)) (RAFT-Stereo)."""
    n = len(disparities)
    gamma = 0.9 ** (15 / max(n - 1, 1))
    errors = [gamma ** (n - 1 - i) * end_point_error(d, truth, valid) for i, d in enumerate(disparities)]
    return torch.stack(errors).sum()


def end_point_error(
    disparity: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], valid: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, ""]:
    """Mean absolute disparity error where the truth is known, pixels."""
    return ((disparity - truth).abs() * valid).sum() / valid.sum().clamp_min(1)


def image_loss(
    image: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """0.8 L1 + 0.2 (1 - SSIM), summed over the image and divided by the person's area."""
    error = _L1 * (image - target).abs() + _SSIM * (1 - similarity(image, target))
    return error.mean(1).sum() / mask.sum().clamp_min(1)


def box_psnr(
    image: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean PSNR inside each mask's bounding box, dB."""
    inside = mask[:, 0] > 0.5
    box = _between(inside.any(-1))[:, :, None] & _between(inside.any(-2))[:, None]
    squares = (image.clamp(0, 1) - target).square().mean(1)
    error = (squares * box).sum((-2, -1)) / box.sum((-2, -1)).clamp_min(1)
    return -10 * error.clamp_min(1e-10).log10().mean()


def _between(line: Bool[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
    """All places from the first to the last that is true."""
    return (line.cumsum(-1) > 0) & (line.flip(-1).cumsum(-1) > 0).flip(-1)
