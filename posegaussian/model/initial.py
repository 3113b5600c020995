"""A first disparity before any matching: from the joints, spread along the limbs, or else from the silhouettes.

Both are coarse. They start the stereo search near the person at any baseline, and say how far off they may be.
Nothing here is learned, and no gradient flows through it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.projection import pixel_grid
from posegaussian.types import JOINTS, Camera, StereoPair

_BONES = (
    ("nose", "left_eye"),
    ("nose", "right_eye"),
    ("left_eye", "left_ear"),
    ("right_eye", "right_ear"),
    ("nose", "left_shoulder"),
    ("nose", "right_shoulder"),
    ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"),
    ("right_elbow", "right_wrist"),
    ("left_shoulder", "left_hip"),
    ("right_shoulder", "right_hip"),
    ("left_shoulder", "right_hip"),
    ("right_shoulder", "left_hip"),
    ("left_hip", "right_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"),
    ("right_knee", "right_ankle"),
)
_SAMPLES = 6
"""Points along each bone."""
_REACH = 0.015
"""A bone point's influence falls with the fourth power of the distance beyond this share of the image's height."""
_SILHOUETTE_REACH = 0.12
"""The silhouettes' estimate counts as much as one bone point at this distance (share of the image's height)."""
_ROW_SMOOTHING = 0.04
"""Standard deviation of the smoothing of silhouettes over rows (share of the image's height)."""
_ROW_TOLERANCE = 0.03
"""A joint seen on two rows that differ by this share of the image's height is hardly one joint."""
_NEAR_BONE, _NEAR_SILHOUETTE = 0.1, 0.16
"""How far (metres, standard deviation) the surface may lie from either estimate."""


@dataclass(frozen=True)
class InitialEstimate:
    """A first disparity in pixels, its standard deviation, and how much disparity one metre in depth makes."""

    disparity: Float[Tensor, "b 2 h w"]
    spread: Float[Tensor, "b 2 h w"]
    per_metre: Float[Tensor, "b 2 h w"]


class InitialDisparity(nn.Module):
    """The estimate for both views, one cell per `stride` x `stride` pixels; smooth, hence made for every other cell.

    Args:
        stride: pixels per cell; twice that divides the image's size.
        pose: False looks at the silhouettes alone.
    """

    starts: Tensor
    ends: Tensor

    def __init__(self, stride: int, pose: bool = True):
        super().__init__()
        self.stride, self.pose = stride, pose
        for name, side in (("starts", 0), ("ends", 1)):
            joints = torch.tensor([JOINTS.index(bone[side]) for bone in _BONES])
            self.register_buffer(name, joints, persistent=False)

    @torch.no_grad()
    def forward(self, pair: StereoPair) -> InitialEstimate:
        """Masks and cameras; key points and scores, where the pair has them."""
        with torch.autocast(pair.masks.device.type, enabled=False):
            return self._estimate(pair)

    def _estimate(self, pair: StereoPair) -> InitialEstimate:
        height, width = pair.masks.shape[-2:]
        step = 2 * self.stride
        grid = step * pixel_grid(height // step, width // step, like=pair.masks)
        disparity = _from_silhouettes(pair.masks[:, :, 0], grid)
        spread = torch.full_like(disparity, _NEAR_SILHOUETTE)
        if self.pose and pair.keypoints is not None and pair.scores is not None:
            at_bones, weight = self._from_bones(pair.keypoints, pair.scores, grid, height)
            share = weight / (weight + (_REACH**2 + _SILHOUETTE_REACH**2) ** -2)
            disparity = disparity + share * (at_bones - disparity)
            spread = spread + share * (_NEAR_BONE - _NEAR_SILHOUETTE)
        both = F.interpolate(torch.cat([disparity, spread], dim=1), scale_factor=2.0, mode="bilinear")
        disparity, spread = both.chunk(2, dim=1)
        per_metre = _per_metre(disparity, pair.cameras)
        return InitialEstimate(disparity, spread * per_metre, per_metre)

    def _from_bones(
        self, keypoints: Float[Tensor, "b 2 17 2"], scores: Float[Tensor, "b 2 17"], grid: Tensor, height: int
    ) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"]]:
        """Disparities of the bones spread by distance, and the weight behind them (1: one point at a distance of 1)."""
        rows = (keypoints[:, 0, :, 1] - keypoints[:, 1, :, 1]) / (_ROW_TOLERANCE * height)
        trust = scores[:, 0] * scores[:, 1] * torch.exp(-0.5 * rows.square())
        trust = torch.minimum(trust[:, self.starts, None], trust[:, self.ends, None])
        trust = trust.expand(-1, -1, _SAMPLES).flatten(1)
        points = self._along_bones(keypoints)
        disparity = points[:, 0, :, 0] - points[:, 1, :, 0]
        squares = ((grid[:, :, None] - points[:, :, None, None]) / height).square().sum(-1)
        weights = trust[:, None, None, None] * (squares + _REACH**2) ** -2
        total = weights.sum(-1)
        return (weights * disparity[:, None, None, None]).sum(-1) / total.clamp_min(1e-6), total

    def _along_bones(self, keypoints: Float[Tensor, "b 2 17 2"]) -> Float[Tensor, "b 2 n 2"]:
        """Points at equal steps along every bone."""
        t = torch.linspace(0, 1, _SAMPLES, device=keypoints.device, dtype=keypoints.dtype)[:, None]
        starts, ends = keypoints[:, :, self.starts, None], keypoints[:, :, self.ends, None]
        return (starts + t * (ends - starts)).flatten(2, 3)


def _per_metre(disparity: Float[Tensor, "b 2 h w"], cameras: Camera) -> Float[Tensor, "b 2 h w"]:
    """|dd / dz| = (d - d_infinity)^2 / (f B): what turns metres into pixels at any rig and resolution."""
    offset = cameras.intrinsics[:, 0, 0, 2] - cameras.intrinsics[:, 1, 0, 2]
    baseline = cameras.world_to_camera[:, 0, 0, 3] - cameras.world_to_camera[:, 1, 0, 3]
    scale = cameras.intrinsics[:, 0, 0, 0] * baseline
    shift = disparity - offset[:, None, None, None]
    return (shift.square() / scale[:, None, None, None]).clamp_min(1e-3)


def _from_silhouettes(masks: Float[Tensor, "b 2 h w"], grid: Float[Tensor, "hq wq 2"]) -> Float[Tensor, "b 2 hq wq"]:
    """Rows of the two silhouettes matched from edge to edge, smoothed over neighbouring rows."""
    height, width = masks.shape[-2:]
    x = torch.arange(width, device=masks.device, dtype=masks.dtype)
    inside = masks > 0.5
    left = torch.where(inside, x, float(width)).amin(-1)
    right = torch.where(inside, x + 1, 0.0).amax(-1)
    spans = (right - left).clamp_min(0)
    narrow, wide = spans.amin(1), spans.amax(1).clamp_min(1)
    trust = torch.exp(-0.5 * ((wide - narrow) / (0.2 * wide)).square()) * narrow
    y = torch.arange(height, device=masks.device, dtype=masks.dtype) + 0.5
    kernel = torch.exp(-0.5 * ((grid[:, :1, 1] - y) / (_ROW_SMOOTHING * height)).square()) + 1e-6
    weights = kernel * trust[:, None]
    weights = (weights / weights.sum(-1, keepdim=True).clamp_min(1e-9))[:, None]
    left, right = ((weights @ edge[..., None])[..., 0] for edge in (left, right))
    along = ((grid[..., 0] - left[..., None]) / (right - left)[..., None].clamp_min(1)).clamp(0, 1)
    at_left, at_right = (edge[:, 0] - edge[:, 1] for edge in (left, right))
    return at_left[:, None, :, None] + along * (at_right - at_left)[:, None, :, None]
