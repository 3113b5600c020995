"""Separable filters of images, by OpenCV on the CPU and as convolutions on a device."""

import cv2
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}
"""OpenCV's names of torch's paddings."""


def separable(
    image: Float[Tensor, "c h w"], across: Float[Tensor, "k"], down: Float[Tensor, "k"], padding: str
) -> Float[Tensor, "c h w"]:
    """The correlation of each channel with the kernel `down[i] across[j]`, without gradients, in float32.

    Args:
        image: to be filtered.
        across: weights along a row; an odd number.
        down: weights along a column, as many.
        padding: of the image: `replicate` or `reflect`; the latter does not repeat the outermost pixels.
    """
    if image.is_cuda:
        radius, channels = len(across) // 2, len(image)
        across, down = (line.to(image).expand(channels, 1, 1, -1) for line in (across, down))
        values = F.pad(image[None], (radius,) * 4, mode=padding)
        return F.conv2d(F.conv2d(values, across, groups=channels), down.mT, groups=channels)[0]
    lines = across.cpu().float().numpy(), down.cpu().float().numpy()
    channels = (channel.float().contiguous().numpy() for channel in image)
    filtered = [cv2.sepFilter2D(values, cv2.CV_32F, *lines, borderType=_BORDERS[padding]) for values in channels]
    return torch.stack([torch.from_numpy(values) for values in filtered])
