"""Renders as levels of 8 bits: apart from the network, so that `evaluate` imports nothing else."""

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.streams import to_host


def to_bytes(values: Float[Tensor, "*b c h w"]) -> UInt8[np.ndarray, "*b h w c"]:
    """Values in [0, 1] as 8 bits, channels last.

    Examples:
        >>> import torch, posegaussian as pg
        >>> pg.to_bytes(torch.ones(3, 48, 64)).shape
        (48, 64, 3)
    """
    return to_host((values.clamp(0, 1) * 255).round().byte().movedim(-3, -1).contiguous())
