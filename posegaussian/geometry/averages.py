"""Area averages as matrices, for tensors on any device."""

import torch
from jaxtyping import Float
from torch import Tensor


def average_matrix(length: int, fewer: int, device: torch.device) -> Float[Tensor, "fewer length"]:
    """The matrix that averages pixels along one axis, each by its share, as OpenCV's `INTER_AREA` does.

    Args:
        length: of the axis, pixels.
        fewer: pixels of the result.
        device: of the matrix.
    """
    edges = torch.arange(fewer + 1, dtype=torch.float64, device=device) * (length / fewer)
    pixel = torch.arange(length, dtype=torch.float64, device=device)
    shares = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
    return (shares.clamp_min(0) * (fewer / length)).float()
