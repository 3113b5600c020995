"""Separable filters of images, by OpenCV on the CPU and as matrix products on a device.

cuDNN plans a convolution anew for every size of an image and every thread, which takes longer than the convolution, and
image crops differ in size from frame to frame. Products of matrices need no plan; those of band matrices are filters.
"""

from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.streams import to_device

_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT_101}
"""OpenCV's names of torch's paddings."""
_STEP = 256
"""Matrices are made for multiples of this many pixels, so that image crops of many sizes share a few. By hand."""


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
        return by_matrices(image, across, down, padding)
    lines = across.cpu().float().numpy(), down.cpu().float().numpy()
    channels = (channel.float().contiguous().numpy() for channel in image)
    filtered = [cv2.sepFilter2D(values, cv2.CV_32F, *lines, borderType=_BORDERS[padding]) for values in channels]
    return torch.stack([torch.from_numpy(values) for values in filtered])


def by_matrices(
    image: Float[Tensor, "c h w"], across: Float[Tensor, "k"], down: Float[Tensor, "k"], padding: str
) -> Float[Tensor, "c h w"]:
    """The same as products with a band matrix from the left and one from the right, on the image's device."""
    (height, width), radius = image.shape[1:], len(across) // 2
    padded = F.pad(image[None].float(), (radius,) * 4, mode=padding)[0]
    return _band(down, height, image.device) @ padded @ _band(across, width, image.device).T


def _band(line: Float[Tensor, "k"], length: int, device: torch.device) -> Float[Tensor, "n m"]:
    """A matrix whose row i has the line from column i on: the corner of a larger one."""
    stream = torch.cuda.current_stream(device) if device.type == "cuda" else None
    larger = _kept_band(tuple(line.tolist()), -(-length // _STEP) * _STEP, device, stream)
    return larger[:length, : length + len(line) - 1]


@lru_cache(maxsize=32)
def _kept_band(
    line: tuple[float, ...], length: int, device: torch.device, _stream: torch.cuda.Stream | None
) -> Float[Tensor, "n m"]:
    """The same, kept for each stream, since it is made by the work of one.

    Cut into rows that are one shorter than its period, a periodic sequence moves by one from row to row.
    """
    columns = length + len(line) - 1
    period = F.pad(to_device(np.array(line, np.float32), device), (0, length))
    return period.repeat(length)[: length * columns].view(length, columns)
