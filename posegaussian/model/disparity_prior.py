"""A first disparity before any matching: a body of capsules about the triangulated joints, and the silhouettes.

It starts the stereo search near the person at any baseline, and says how far off it may be
(docs/method.md, equation 4).
Nothing here is learned with the network, and no gradient flows through it.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.geometry.projection import pixel_grid
from posegaussian.model.blocks import immediate
from posegaussian.model.constants import DISPARITY_PRIOR, DisparityPriorConstants
from posegaussian.model.skeleton import capsules, stiffness
from posegaussian.types import Camera, StereoPair


@dataclass(frozen=True)
class InitialEstimate:
    """What is known before matching, one cell per `stride` x `stride` pixels.

    Args:
        disparity: in pixels.
        spread: its standard deviation, in pixels.
        per_metre: pixels of disparity that one metre in depth makes.
        limbs: how much each cell belongs to each capsule, in [0, 1], in cells twice as large.
    """

    disparity: Float[Tensor, "b 2 h w"]
    spread: Float[Tensor, "b 2 h w"]
    per_metre: Float[Tensor, "b 2 h w"]
    limbs: Float[Tensor, "b 2 k hs ws"]


@dataclass(frozen=True)
class _Rig:
    """What turns disparities into metres, of a batch.

    Args:
        infinity: disparity of what is infinitely far.
        baseline: metres.
        scale: focal length times baseline.
    """

    infinity: Float[Tensor, "b"]
    baseline: Float[Tensor, "b"]
    scale: Float[Tensor, "b"]

    @staticmethod
    def of(cameras: Camera) -> "_Rig":
        intrinsics, poses = cameras.intrinsics, cameras.world_to_camera
        baseline = poses[:, 0, 0, 3] - poses[:, 1, 0, 3]
        infinity = intrinsics[:, 0, 0, 2] - intrinsics[:, 1, 0, 2]
        return _Rig(infinity, baseline, intrinsics[:, 0, 0, 0] * baseline)

    def beyond(self, disparity: Float[Tensor, "b *n"]) -> Float[Tensor, "b *n"]:
        """Disparity beyond that of infinity, f B / z; a pixel at the least, however wrong the disparity."""
        return (disparity - _as(self.infinity, disparity)).clamp_min(1.0)

    def per_metre(self, disparity: Float[Tensor, "b *n"]) -> Float[Tensor, "b *n"]:
        """|dd / dz| = (d - d_infinity)^2 / (f B): what turns metres into pixels at any rig and resolution."""
        return self.beyond(disparity).square() / _as(self.scale, disparity)


@dataclass(frozen=True)
class _Joints:
    """Joints triangulated: disparity and its variance in pixels, and how much each is believed, in [0, 1]."""

    disparity: Float[Tensor, "b 17"]
    variance: Float[Tensor, "b 17"]
    trust: Float[Tensor, "b 17"]


class InitialDisparity(nn.Module):
    """The estimate for both views; smooth, hence made for every other cell.

    Args:
        stride: pixels per cell; twice that divides the image's size.
        pose: False looks at the silhouettes alone.
        constants: its numbers; where some are tensors instead of floats, `estimate` is differentiable by them.
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
    def limbs(self) -> int:
        """How many capsules there are."""
        return self.ends.shape[1]

    @torch.no_grad()
    def forward(self, pair: StereoPair) -> InitialEstimate:
        """Masks and cameras; key points and scores, where the pair has them."""
        with torch.autocast(pair.masks.device.type, enabled=False):
            return self.estimate(pair)

    def estimate(self, pair: StereoPair) -> InitialEstimate:
        """The same in the precision of the masks, with gradients where they are wanted."""
        constants = self.constants
        height, width = pair.masks.shape[-2:]
        step, rig = 2 * self.stride, _Rig.of(pair.cameras)
        grid = step * pixel_grid(height // step, width // step, like=pair.masks)
        disparity = _from_silhouettes(pair.masks[:, :, 0], grid, constants)
        per_metre = rig.per_metre(disparity)
        disparity = disparity + constants.skin_offset * per_metre
        variance = (constants.silhouette_sigma * per_metre).square()
        if self.pose and pair.keypoints is not None and pair.scores is not None:
            joints = self._triangulated(pair, pair.keypoints, pair.scores, disparity, rig)
            disparity, variance, limbs = self._with_limbs(pair.keypoints, joints, grid, rig, (disparity, variance))
        else:
            limbs = disparity.new_zeros(*disparity.shape[:2], self.limbs, *disparity.shape[2:])
        both = F.interpolate(torch.cat([disparity, variance.sqrt()], dim=1), scale_factor=2.0, mode="bilinear")
        disparity, spread = both.chunk(2, dim=1)
        return InitialEstimate(disparity, spread, rig.per_metre(disparity), limbs)

    def _triangulated(
        self,
        pair: StereoPair,
        keypoints: Float[Tensor, "b 2 17 2"],
        scores: Float[Tensor, "b 2 17"],
        silhouettes: Float[Tensor, "b 2 h w"],
        rig: _Rig,
    ) -> _Joints:
        """Disparities of the joints: as measured, near the silhouettes' middle, and near those that they hang on to."""
        constants = self.constants
        cells = (keypoints / (2 * self.stride)).long()
        rows, columns = silhouettes.shape[-2:]
        index = cells[..., 1].clamp(0, rows - 1) * columns + cells[..., 0].clamp(0, columns - 1)
        expected = silhouettes.flatten(2).gather(-1, index).mean(1)
        per_metre = rig.per_metre(expected)
        tall = (pair.masks[:, :, 0] > 0.5).any(-1).sum(-1).amax(1).clamp_min(1)
        noise = 2 * (constants.joint_noise * tall[:, None]).square()
        about = (constants.joint_sigma * per_metre).square()

        measured, apart = (keypoints[:, 0] - keypoints[:, 1]).unbind(-1)
        surprise = apart.square() / noise + (measured - expected).square() / (noise + about)
        trust = scores.prod(1) ** constants.score_power / (1 + surprise / constants.surprise_scale)
        precision, loose = trust / noise, about.reciprocal()
        known, told = precision + loose, (precision * measured).addcmul(expected, loose)[..., None]
        ties = self.stiffness.to(per_metre) / per_metre.mean(-1).square()[:, None, None]
        tied = ties.sum(-1)
        disparity, all_known = told / known[..., None], (known + tied)[..., None]
        for _ in range(constants.rounds):
            disparity = torch.baddbmm(told, ties, disparity) / all_known
        return _Joints(disparity[..., 0], (known + constants.link_share * tied).reciprocal(), trust)

    def _with_limbs(
        self,
        keypoints: Float[Tensor, "b 2 17 2"],
        joints: _Joints,
        grid: Float[Tensor, "hs ws 2"],
        rig: _Rig,
        silhouettes: tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"]],
    ) -> tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 k hs ws"]]:
        """Disparity and variance of the silhouettes fused with the capsules', and what each cell holds of each."""
        if immediate(grid):
            from posegaussian.model import capsule_kernel

            known = joints.disparity, joints.variance, joints.trust
            about = keypoints, known, (rig.infinity, rig.baseline, rig.scale), silhouettes
            return capsule_kernel.with_capsules(self.ends, self.sizes, *about, 2 * self.stride, self.constants)
        constants = self.constants
        ends = self.ends.to(keypoints)
        radius, inset, spread = self.sizes.to(keypoints)[..., None, None]

        def along(values: Float[Tensor, "b 17"], weights: Float[Tensor, "2 k 17"]) -> Float[Tensor, "b 2 k hs ws"]:
            start, end = (values @ weights.mT)[:, :, None, :, None, None]
            return torch.lerp(start, end, t)

        start, end = torch.einsum("ekj,bvjc->ebvkc", ends, keypoints)[..., None, None]
        away = grid.movedim(-1, 0) - start
        axis = end - start
        t = ((away * axis).sum(3) / (axis.square().sum(3) + 1e-3)).clamp(0, 1)
        disparity = along(joints.disparity, ends)
        beyond = rig.beyond(disparity)
        thick = radius / _as(rig.baseline, beyond) * beyond
        squares = away.addcmul(t[:, :, :, None], axis, value=-1).square().sum(3) / thick.square()
        per_metre = beyond.square() / _as(rig.scale, beyond)
        disparity = disparity.addcmul(inset * (1 - squares).clamp_min(constants.skin_floor).sqrt(), per_metre)
        variance = along(joints.variance, ends.square())
        variance = variance.addcmul(
            (spread * per_metre).square(), 1 + constants.sigma_growth * squares.clamp_max(constants.sigma_reach)
        )

        trust = torch.where(ends != 0, joints.trust[:, None, None], 1.0).amin((1, 3))[:, None, :, None, None]
        depth = _as(rig.scale / constants.depth_order, disparity) / rig.beyond(disparity)
        share = (trust.clamp_min(1e-9).log() - depth).sub(squares.log1p(), alpha=constants.falloff).softmax(2)
        mean = (share * disparity).sum(2)
        variance = (share * (disparity - mean[:, :, None]).square().add_(variance)).sum(2)
        total = (trust / (1 + squares)).sum(2)
        believed = total / (total + constants.half_evidence)
        return *_fused(*silhouettes, mean, variance, believed), share * believed[:, :, None]


def _fused(
    disparity: Tensor, variance: Tensor, at_limbs: Tensor, spread: Tensor, believed: Tensor
) -> tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"]]:
    """Silhouettes and capsules weighted by precision, and the variance, larger where they contradict each other."""
    weight = believed * variance
    share = weight / (weight + spread)
    step = share * (at_limbs - disparity)
    return disparity + step, (1 - share) * variance.addcmul(step, at_limbs - disparity)


def _as(values: Float[Tensor, "b"], like: Float[Tensor, "b *n"]) -> Tensor:
    """One value per item of the batch, ready to meet a tensor of more dimensions."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _from_silhouettes(
    masks: Float[Tensor, "b 2 h w"], grid: Float[Tensor, "hq wq 2"], constants: DisparityPriorConstants
) -> Float[Tensor, "b 2 hq wq"]:
    """Rows of the two silhouettes matched from edge to edge, smoothed over neighbouring rows."""
    height, width = masks.shape[-2:]
    x = torch.arange(width, device=masks.device, dtype=masks.dtype)
    inside = masks > 0.5
    left = torch.where(inside, x, float(width)).amin(-1)
    right = torch.where(inside, x + 1, 0.0).amax(-1)
    spans = (right - left).clamp_min(0)
    narrow, wide = spans.amin(1), spans.amax(1).clamp_min(1)
    trust = torch.exp(-0.5 * ((wide - narrow) / (constants.width_tolerance * wide)).square()) * narrow
    y = torch.arange(height, device=masks.device, dtype=masks.dtype) + 0.5
    kernel = torch.exp(-0.5 * ((grid[:, :1, 1] - y) / (constants.row_smoothing * height)).square()) + 1e-6
    weights = kernel * trust[:, None]
    weights = (weights / weights.sum(-1, keepdim=True).clamp_min(1e-9))[:, None]
    left, right = ((weights @ edge[..., None])[..., 0] for edge in (left, right))
    along = ((grid[..., 0] - left[..., None]) / (right - left)[..., None].clamp_min(1)).clamp(0, 1)
    at_left, at_right = (edge[:, 0] - edge[:, 1] for edge in (left, right))
    return at_left[:, None, :, None] + along * (at_right - at_left)[:, None, :, None]
