"""The disparity prior: mean and sigma of the disparity before any matching (docs/method.md, equation 4).

It fuses two estimates, one from the silhouettes and one from a body of capsules around the triangulated joints, so
that stereo starts near the person at any baseline. Nothing here is learned with the network, and no gradient flows
through it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.projection import pixel_grid
from posegaussian.model.blocks import uses_fused_kernels
from posegaussian.model.constants import DISPARITY_PRIOR, DisparityPriorConstants
from posegaussian.model.skeleton import capsules, stiffness
from posegaussian.types import Camera, StereoPair


@dataclass(frozen=True)
class PriorEstimate:
    """The disparity prior, one cell per `stride` x `stride` pixels."""

    disparity: Float[Tensor, "b 2 h w"]  # its mean, in pixels
    sigma: Float[Tensor, "b 2 h w"]  # its standard deviation, in pixels
    pixels_per_metre: Float[Tensor, "b 2 h w"]  # change of the disparity in pixels per metre of depth
    # how much each cell belongs to each capsule, in [0, 1], in cells twice as large
    capsule_weights: Float[Tensor, "b 2 k hs ws"]


@dataclass(frozen=True)
class _Rig:
    """The parameters of the relation between disparity and depth, for a batch of pairs."""

    infinity: Float[Tensor, "b"]  # disparity at infinite depth, pixels
    baseline: Float[Tensor, "b"]  # metres
    scale: Float[Tensor, "b"]  # focal length times baseline, pixels x metres

    @staticmethod
    def of(cameras: Camera) -> "_Rig":
        intrinsics, poses = cameras.intrinsics, cameras.world_to_camera
        baseline = poses[:, 0, 0, 3] - poses[:, 1, 0, 3]
        infinity = intrinsics[:, 0, 0, 2] - intrinsics[:, 1, 0, 2]
        return _Rig(infinity, baseline, intrinsics[:, 0, 0, 0] * baseline)

    def beyond(self, disparity: Float[Tensor, "b *n"]) -> Float[Tensor, "b *n"]:
        """Disparity minus that of infinity, f B / z, in pixels; at least 1, so that wrong disparities stay harmless."""
        return (disparity - _expanded(self.infinity, disparity)).clamp_min(1.0)

    def pixels_per_metre(self, disparity: Float[Tensor, "b *n"]) -> Float[Tensor, "b *n"]:
        """|dd / dz| = (d - d_infinity)^2 / (f B): converts metres of depth into pixels of disparity."""
        return self.beyond(disparity).square() / _expanded(self.scale, disparity)


@dataclass(frozen=True)
class _Joints:
    """Triangulated joints: disparity in pixels, its variance in pixels^2, and a weight in [0, 1]."""

    disparity: Float[Tensor, "b 17"]
    variance: Float[Tensor, "b 17"]
    weight: Float[Tensor, "b 17"]


class DisparityPrior(nn.Module):
    """The module that computes the prior of both views; it is smooth, so half the resolution of the cells is enough.

    Args:
        stride: pixels per cell; twice that divides the image's size.
        pose: False uses the silhouettes alone.
        constants: of the prior; where some are tensors instead of floats, `estimate` is differentiable by them.
    """

    ends: Tensor
    sizes: Tensor
    stiffness: Tensor

    def __init__(self, stride: int, pose: bool = True, constants: DisparityPriorConstants = DISPARITY_PRIOR):
        super().__init__()
        self.stride, self.pose, self.constants = stride, pose, constants
        ends, sizes = capsules(constants.capsules)
        for name, values in (("ends", ends), ("sizes", sizes), ("stiffness", stiffness(constants.links))):
            self.register_buffer(name, values, persistent=False)

    @property
    def capsule_count(self) -> int:
        """The number of capsules, left and right ones counted separately."""
        return self.ends.shape[1]

    @torch.no_grad()
    def forward(self, pair: StereoPair) -> PriorEstimate:
        """The prior from masks, cameras and, where the pair has them, key points with their scores."""
        with torch.autocast(pair.masks.device.type, enabled=False):  # Half precision is too coarse for disparities.
            return self.estimate(pair)

    def estimate(self, pair: StereoPair) -> PriorEstimate:
        """The same, with gradients: for fitting the constants."""
        constants = self.constants
        height, width = pair.masks.shape[-2:]
        step, rig = 2 * self.stride, _Rig.of(pair.cameras)
        grid = step * pixel_grid(height // step, width // step, like=pair.masks)
        disparity = _from_silhouettes(pair.masks[:, :, 0], grid, constants)
        per_metre = rig.pixels_per_metre(disparity)
        disparity = disparity + constants.skin_offset * per_metre
        variance = (constants.silhouette_sigma * per_metre).square()
        if self.pose and pair.keypoints is not None and pair.scores is not None:
            joints = self._triangulated(pair, pair.keypoints, pair.scores, disparity, rig)
            disparity, variance, capsule_weights = self._fuse_capsules(
                pair.keypoints, joints, grid, rig, (disparity, variance)
            )
        else:
            capsule_weights = disparity.new_zeros(*disparity.shape[:2], self.capsule_count, *disparity.shape[2:])
        both = F.interpolate(torch.cat([disparity, variance.sqrt()], dim=1), scale_factor=2.0, mode="bilinear")
        disparity, sigma = both.chunk(2, dim=1)
        return PriorEstimate(disparity, sigma, rig.pixels_per_metre(disparity), capsule_weights)

    def _triangulated(
        self,
        pair: StereoPair,
        keypoints: Float[Tensor, "b 2 17 2"],
        scores: Float[Tensor, "b 2 17"],
        silhouettes: Float[Tensor, "b 2 h w"],
        rig: _Rig,
    ) -> _Joints:
        """Joints whose disparity is a compromise of measurement, silhouettes, and the joints they are linked to.

        The weights are those of a Student t likelihood, so that swapped and missed joints count for little.
        """
        constants = self.constants
        cells = (keypoints / (2 * self.stride)).long()
        rows, columns = silhouettes.shape[-2:]
        index = cells[..., 1].clamp(0, rows - 1) * columns + cells[..., 0].clamp(0, columns - 1)
        expected = silhouettes.flatten(2).gather(-1, index).mean(1)
        per_metre = rig.pixels_per_metre(expected)
        person_height = (pair.masks[:, :, 0] > 0.5).any(-1).sum(-1).amax(1).clamp_min(1)
        noise = 2 * (constants.joint_noise * person_height[:, None]).square()
        silhouette_variance = (constants.joint_sigma * per_metre).square()

        measured, row_error = (keypoints[:, 0] - keypoints[:, 1]).unbind(-1)
        surprise = row_error.square() / noise + (measured - expected).square() / (noise + silhouette_variance)
        weight = scores.prod(1) ** constants.score_power / (1 + surprise / constants.surprise_scale)
        measured_precision, expected_precision = weight / noise, silhouette_variance.reciprocal()
        precision = measured_precision + expected_precision
        weighted_sum = (measured_precision * measured).addcmul(expected, expected_precision)[..., None]
        link_precisions = self.stiffness.to(per_metre) / per_metre.mean(-1).square()[:, None, None]
        linked = link_precisions.sum(-1)
        disparity, total = weighted_sum / precision[..., None], (precision + linked)[..., None]
        for _ in range(constants.rounds):
            disparity = torch.baddbmm(weighted_sum, link_precisions, disparity) / total
        return _Joints(disparity[..., 0], (precision + constants.link_share * linked).reciprocal(), weight)

    def _fuse_capsules(
        self,
        keypoints: Float[Tensor, "b 2 17 2"],
        joints: _Joints,
        grid: Float[Tensor, "hs ws 2"],
        rig: _Rig,
        silhouettes: tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"]],
    ) -> tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 k hs ws"]]:
        """Disparity and variance of silhouettes and capsules fused, and the weight of every capsule in every cell."""
        if uses_fused_kernels(grid):
            from posegaussian.model import capsule_kernel

            values = joints.disparity, joints.variance, joints.weight
            inputs = keypoints, values, (rig.infinity, rig.baseline, rig.scale), silhouettes
            return capsule_kernel.fuse_capsules(self.ends, self.sizes, *inputs, 2 * self.stride, self.constants)
        constants = self.constants
        ends = self.ends.to(keypoints)
        radius, inset, sigma = self.sizes.to(keypoints)[..., None, None]

        def along(values: Float[Tensor, "b 17"], weights: Float[Tensor, "2 k 17"]) -> Float[Tensor, "b 2 k hs ws"]:
            start, end = (values @ weights.mT)[:, :, None, :, None, None]
            return torch.lerp(start, end, t)

        start, end = torch.einsum("ekj,bvjc->ebvkc", ends, keypoints)[..., None, None]
        offset = grid.movedim(-1, 0) - start
        axis = end - start
        t = ((offset * axis).sum(3) / (axis.square().sum(3) + 1e-3)).clamp(0, 1)
        disparity = along(joints.disparity, ends)
        beyond = rig.beyond(disparity)
        radius_in_pixels = radius / _expanded(rig.baseline, beyond) * beyond
        squares = offset.addcmul(t[:, :, :, None], axis, value=-1).square().sum(3) / radius_in_pixels.square()
        per_metre = beyond.square() / _expanded(rig.scale, beyond)
        disparity = disparity.addcmul(inset * (1 - squares).clamp_min(constants.skin_floor).sqrt(), per_metre)
        variance = along(joints.variance, ends.square())
        variance = variance.addcmul(
            (sigma * per_metre).square(), 1 + constants.sigma_growth * squares.clamp_max(constants.sigma_reach)
        )

        # A capsule has the weight of its least certain joint.
        weight = torch.where(ends != 0, joints.weight[:, None, None], 1.0).amin((1, 3))[:, None, :, None, None]
        depth = _expanded(rig.scale / constants.depth_order, disparity) / rig.beyond(disparity)
        share = (weight.clamp_min(1e-9).log() - depth).sub(squares.log1p(), alpha=constants.falloff).softmax(2)
        mean = (share * disparity).sum(2)
        variance = (share * (disparity - mean[:, :, None]).square().add_(variance)).sum(2)
        evidence = (weight / (1 + squares)).sum(2)
        confidence = evidence / (evidence + constants.half_evidence)
        return *_fused(*silhouettes, mean, variance, confidence), share * confidence[:, :, None]


def _fused(
    disparity: Tensor, variance: Tensor, capsule_disparity: Tensor, capsule_variance: Tensor, confidence: Tensor
) -> tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"]]:
    """Silhouettes and capsules weighted by precision; the variance grows where they contradict each other."""
    weight = confidence * variance
    share = weight / (weight + capsule_variance)
    difference = capsule_disparity - disparity
    step = share * difference
    return disparity + step, (1 - share) * variance.addcmul(step, difference)


def _expanded(values: Float[Tensor, "b"], like: Float[Tensor, "b *n"]) -> Tensor:
    """One value per item of the batch, with dimensions added to broadcast with `like`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _from_silhouettes(
    masks: Float[Tensor, "b 2 h w"], grid: Float[Tensor, "hq wq 2"], constants: DisparityPriorConstants
) -> Float[Tensor, "b 2 hq wq"]:
    """Disparity that maps each row of one silhouette to that of the other, edge to edge, smoothed over rows."""
    height, width = masks.shape[-2:]
    x = torch.arange(width, device=masks.device, dtype=masks.dtype)
    inside = masks > 0.5
    left = torch.where(inside, x, float(width)).amin(-1)
    right = torch.where(inside, x + 1, 0.0).amax(-1)
    spans = (right - left).clamp_min(0)
    narrow, wide = spans.amin(1), spans.amax(1).clamp_min(1)
    weight = torch.exp(-0.5 * ((wide - narrow) / (constants.width_tolerance * wide)).square()) * narrow
    y = torch.arange(height, device=masks.device, dtype=masks.dtype) + 0.5
    kernel = torch.exp(-0.5 * ((grid[:, :1, 1] - y) / (constants.row_smoothing * height)).square()) + 1e-6
    weights = kernel * weight[:, None]
    weights = (weights / weights.sum(-1, keepdim=True).clamp_min(1e-9))[:, None]
    left, right = ((weights @ edge[..., None])[..., 0] for edge in (left, right))
    along = ((grid[..., 0] - left[..., None]) / (right - left)[..., None].clamp_min(1)).clamp(0, 1)
    at_left, at_right = (edge[:, 0] - edge[:, 1] for edge in (left, right))
    return at_left[:, None, :, None] + along * (at_right - at_left)[:, None, :, None]
