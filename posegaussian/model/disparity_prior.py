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
from posegaussian.model.skeleton import capsules, stiffness
from posegaussian.types import Camera, StereoPair

_ROW_SMOOTHING = 0.04
"""Standard deviation of the smoothing of silhouettes over rows (share of the image's height)."""
_FLESH, _NEAR_SILHOUETTE, _NEAR_JOINT = 0.072, 0.091, 0.124
"""Metres: how far the skin lies before the silhouettes' middle, how far off it may be, and how far off a joint."""
_NOISE = 0.006
"""Error of a joint in one view, along either axis (share of the person's height)."""
_SCORE, _DOUBT = 0.35, 4.1
"""A joint's say is its score to this power, halved by such a surprise (squared standard deviations)."""
_ROUNDS = 2
"""How often joints listen to those that they hang together with."""
_DECAY = 12.7
"""A capsule's say falls with this power of 1 + (distance / radius)^2."""
_DEPTH_ORDER = 0.057
"""A capsule that lies so much nearer, in metres, has e times the say."""
_ELSEWHERE = 0.22
"""The say that all capsules need together to be believed by half."""


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
    """

    ends: Tensor
    sizes: Tensor
    stiffness: Tensor

    def __init__(self, stride: int, pose: bool = True):
        super().__init__()
        self.stride, self.pose = stride, pose
        ends, sizes = capsules()
        for name, values in (("ends", ends), ("sizes", sizes), ("stiffness", stiffness())):
            self.register_buffer(name, values, persistent=False)

    @property
    def limbs(self) -> int:
        """How many capsules there are."""
        return self.ends.shape[1]

    @torch.no_grad()
    def forward(self, pair: StereoPair) -> InitialEstimate:
        """Masks and cameras; key points and scores, where the pair has them."""
        with torch.autocast(pair.masks.device.type, enabled=False):
            return self._estimate(pair)

    def _estimate(self, pair: StereoPair) -> InitialEstimate:
        height, width = pair.masks.shape[-2:]
        step, rig = 2 * self.stride, _Rig.of(pair.cameras)
        grid = step * pixel_grid(height // step, width // step, like=pair.masks)
        disparity = _from_silhouettes(pair.masks[:, :, 0], grid)
        per_metre = rig.per_metre(disparity)
        disparity = disparity + _FLESH * per_metre
        variance = (_NEAR_SILHOUETTE * per_metre).square()
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
        cells = (keypoints / (2 * self.stride)).long()
        rows, columns = silhouettes.shape[-2:]
        index = cells[..., 1].clamp(0, rows - 1) * columns + cells[..., 0].clamp(0, columns - 1)
        expected = silhouettes.flatten(2).gather(-1, index).mean(1)
        per_metre = rig.per_metre(expected)
        tall = (pair.masks[:, :, 0] > 0.5).any(-1).sum(-1).amax(1).clamp_min(1)
        noise = 2 * (_NOISE * tall[:, None]).square()
        about = (_NEAR_JOINT * per_metre).square()

        measured, apart = (keypoints[:, 0] - keypoints[:, 1]).unbind(-1)
        surprise = apart.square() / noise + (measured - expected).square() / (noise + about)
        trust = scores.prod(1) ** _SCORE / (1 + surprise / _DOUBT)
        precision, loose = trust / noise, about.reciprocal()
        known, told = precision + loose, (precision * measured).addcmul(expected, loose)[..., None]
        ties = self.stiffness.to(per_metre) / per_metre.mean(-1).square()[:, None, None]
        tied = ties.sum(-1)
        disparity, all_known = told / known[..., None], (known + tied)[..., None]
        for _ in range(_ROUNDS):
            disparity = torch.baddbmm(told, ties, disparity) / all_known
        return _Joints(disparity[..., 0], (known + 0.5 * tied).reciprocal(), trust)

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

            known, constants = (joints.disparity, joints.variance, joints.trust), (_DECAY, _DEPTH_ORDER, _ELSEWHERE)
            about = keypoints, known, (rig.infinity, rig.baseline, rig.scale), silhouettes
            return capsule_kernel.with_capsules(self.ends, self.sizes, *about, 2 * self.stride, constants)
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
        disparity = disparity.addcmul(inset * (1 - squares).clamp_min(0.02).sqrt(), per_metre)
        variance = along(joints.variance, ends.square())
        variance = variance.addcmul((spread * per_metre).square(), 1 + 0.3 * squares.clamp_max(20))

        trust = torch.where(ends != 0, joints.trust[:, None, None], 1.0).amin((1, 3))[:, None, :, None, None]
        depth = _as(rig.scale / _DEPTH_ORDER, disparity) / rig.beyond(disparity)
        share = (trust.clamp_min(1e-9).log() - depth).sub(squares.log1p(), alpha=_DECAY).softmax(2)
        mean = (share * disparity).sum(2)
        variance = (share * (disparity - mean[:, :, None]).square().add_(variance)).sum(2)
        total = (trust / (1 + squares)).sum(2)
        believed = total / (total + _ELSEWHERE)
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
