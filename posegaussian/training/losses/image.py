"""Errors of the rendered view: colours, structure and gradients; and its PSNR."""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.evaluation.similarity import similarity
from posegaussian.training.losses.base import LossInputs

_L1_WEIGHT, _SSIM_WEIGHT = 0.8, 0.2
"""Weights of the two parts of the image loss, those of GPS-Gaussian and 3D Gaussian splatting (Kerbl et al. 2023)."""
_GRADIENT_SCALES = 3
"""Scales of the gradient loss, each half as large as the one before. Chosen by hand."""


def image(inputs: LossInputs) -> Float[Tensor, ""]:
    """See `image_loss`."""
    return image_loss(inputs.colors, inputs.batch.target, inputs.batch.target_mask)


def gradient(inputs: LossInputs) -> Float[Tensor, ""]:
    """See `gradient_loss`."""
    return gradient_loss(inputs.colors, inputs.batch.target, inputs.batch.target_mask)


def image_loss(
    image: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """0.8 L1 + 0.2 (1 - SSIM), summed over the image and divided by the person's area."""
    error = _L1_WEIGHT * (image - target).abs() + _SSIM_WEIGHT * (1 - similarity(image, target))
    return error.mean(1).sum() / mask.sum().clamp_min(1)


def gradient_loss(
    image: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """L1 of the difference of image gradients at three scales, each divided by the person's area at that scale."""
    error, total = image - target, image.new_zeros(())
    for scale in range(_GRADIENT_SCALES):
        across, down = error.diff(dim=-1).abs().sum(), error.diff(dim=-2).abs().sum()
        area = mask.sum() / 4**scale
        total = total + (across + down) / (3 * _GRADIENT_SCALES * area.clamp_min(1))
        error = F.avg_pool2d(error, 2)
    return total


def box_psnr(
    image: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], mask: Float[Tensor, "b 1 h w"]
) -> Float[Tensor, ""]:
    """Mean PSNR inside each mask's bounding box, dB."""
    inside = mask[:, 0] > 0.5  # A pixel is the person's from half coverage on (docs/conventions.md, "Masks").
    box = _between(inside.any(-1))[:, :, None] & _between(inside.any(-2))[:, None]
    squares = (image.clamp(0, 1) - target).square().mean(1)
    error = (squares * box).sum((-2, -1)) / box.sum((-2, -1)).clamp_min(1)
    # At most 100 dB: the logarithm of an exact copy would be infinite.
    return -10 * error.clamp_min(1e-10).log10().mean()


def _between(line: Bool[Tensor, "b n"]) -> Bool[Tensor, "b n"]:
    """True from the first to the last true element."""
    return (line.cumsum(-1) > 0) & (line.flip(-1).cumsum(-1) > 0).flip(-1)
