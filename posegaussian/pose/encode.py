"""Heatmaps from joints, and the accuracy of detected joints."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def gaussian_maps(
    keypoints: Float[Tensor, "*b 17 2"],
    scores: Float[Tensor, "*b 17"],
    height: int,
    width: int,
    stride: int = 4,
    sigma: float | Float[Tensor, "*b 17"] = 2.0,
) -> Float[Tensor, "*b 17 h w"]:
    """Heatmaps with one Gaussian per joint, whose peak is the joint's score: the output of an ideal detector.

    Args:
        keypoints: (x, y) in pixels, centres at +0.5.
        scores: in [0, 1]; 0 gives a map of zeros.
        height: of the image, pixels.
        width: of the image, pixels.
        stride: pixels per cell of the maps, which are height / stride x width / stride.
        sigma: standard deviation in cells, one for all or one for each joint. The default of 2 is MMPose's.
    """
    sigma = torch.as_tensor(sigma, device=keypoints.device, dtype=keypoints.dtype)

    def profile(size: int, axis: int) -> Float[Tensor, "*b 17 n"]:
        centres = torch.arange(size // stride, device=keypoints.device, dtype=keypoints.dtype) + 0.5
        offsets = centres - keypoints[..., axis, None] / stride
        return torch.exp(-0.5 * (offsets / sigma[..., None]) ** 2)

    rows = scores[..., None] * profile(height, 1)
    return rows[..., :, None] * profile(width, 0)[..., None, :]


def pck(
    predicted: Float[Tensor, "*b 17 2"],
    truth: Float[Tensor, "*b 17 2"],
    visible: Bool[Tensor, "*b 17"],
    boxes: Float[Tensor, "*b 4"],
    threshold: float = 0.05,
) -> float:
    """PCK, the share of visible joints that lie within a share of the box's diagonal from their true position.

    Args:
        predicted: in pixels.
        truth: true positions, in pixels.
        visible: which joints count.
        boxes: (x0, y0, x1, y1) of the person's mask, without padding, pixels.
        threshold: as a share of the diagonal.

    Returns:
        A share in [0, 1]; nan where no joint is visible.
    """
    diagonals = torch.linalg.vector_norm(boxes[..., 2:] - boxes[..., :2], dim=-1)
    errors = torch.linalg.vector_norm(predicted - truth, dim=-1)
    correct = errors <= threshold * diagonals[..., None]
    return float((correct & visible).sum() / visible.sum())
