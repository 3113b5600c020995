"""What training minimises: disparity in both views, the picture of a view that was held back, the pose alignment."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from posegaussian.config import TrainSettings
from posegaussian.model.network import Reconstruction
from posegaussian.training.data import Clip
from posegaussian.types import Rendering

_L1, _SSIM = 0.8, 0.2


@dataclass(frozen=True)
class Losses:
    """The parts of the loss, unweighted, and their weighted sum; a part that does not apply is 0."""

    total: Float[Tensor, ""]
    depth: Float[Tensor, ""]
    image: Float[Tensor, ""]
    pose: Float[Tensor, ""]


def combine(result: Reconstruction, view: Rendering | None, clip: Clip, settings: TrainSettings) -> Losses:
    """All losses of a batch; without a rendered view the image counts nothing."""
    depth = 1024 / clip.width * sequence_loss(result.disparities, clip.disparity, clip.valid)
    zero = torch.zeros_like(depth)
    image = zero if view is None else image_loss(view.colors, clip.target, clip.target_mask)
    pose = zero if result.pose_loss is None else result.pose_loss
    weight = settings.depth_loss if view is not None else 1.0
    return Losses(weight * depth + image + settings.pose_loss * pose, depth, image, pose)


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
    _, similarity = structural_similarity_index_measure(image, target, data_range=1.0, return_full_image=True)
    error = _L1 * (image - target).abs() + _SSIM * (1 - similarity)
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
