"""The network: two rectified views, with or without joint heatmaps, to disparities and 3D Gaussians."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.config import NetworkSettings
from posegaussian.model.blocks import Residual, add_coarse, conv
from posegaussian.model.constants import DEFAULTS, InferenceConstants
from posegaussian.model.disparity_prior import InitialDisparity
from posegaussian.model.encoders import ColorEncoder
from posegaussian.model.gaussian_head import GaussianHead
from posegaussian.model.pose_branch import PosePathway
from posegaussian.model.stereo import Stereo
from posegaussian.model.temporal_filter import PLANES
from posegaussian.types import JOINTS, Gaussians, StereoPair

_HALF, _QUARTER, _EIGHTH, _SIXTEENTH = 32, 64, 96, 128
_HIDDEN = 64
_STRIDE = 4
_MULTIPLE = 32


@dataclass(frozen=True)
class Reconstruction:
    """What the network makes of a pair.

    Args:
        gaussians: world frame, 2 h w per pair, or twice the capacity; None where only depth was asked for.
        disparity: x_left - x_right in pixels, in both views; meaningful on the masks.
        disparities: in training all estimates on the way, the last is `disparity`.
        state: of the Temporal Pose Stabilizer, for the next frame; None without it.
        pose_loss: the pose-conditioned loss; None without pose and outside training.
        count: pixels of each view that wanted a Gaussian; None without a capacity, when all have one.
    """

    gaussians: Gaussians | None
    disparity: Float[Tensor, "b 2 h w"]
    disparities: tuple[Float[Tensor, "b 2 h w"], ...]
    state: Float[Tensor, "c 2 d hs ws"] | None
    pose_loss: Float[Tensor, ""] | None
    count: Int[Tensor, "b 2"] | None = None


class PoseGaussian(nn.Module):
    """Colour and pose encoders, pose-guided fusion, stereo, Gaussian head (docs/method.md).

    Args:
        settings: its parts.
        constants: the numbers beside the learned ones that change what it returns.
    """

    def __init__(self, settings: NetworkSettings, constants: InferenceConstants = DEFAULTS):
        super().__init__()
        self.settings, self.constants = settings, constants
        fused = settings.pose == "fused"
        self.initial = InitialDisparity(_STRIDE, fused, constants.prior)
        self.color = ColorEncoder((_HALF, _QUARTER, _EIGHTH, _SIXTEENTH))
        limbs, temporal = self.initial.limbs, constants.temporal_filter
        self.pose = PosePathway(_QUARTER, _EIGHTH, limbs, settings.stabilizer, temporal) if fused else None
        self.to_eighth = conv(_SIXTEENTH, _EIGHTH, 1)
        self.to_quarter = conv(_EIGHTH, _QUARTER, 1)
        self.to_half = conv(_QUARTER, _HALF, 1)
        self.merge = Residual(_QUARTER)
        self.stereo = Stereo(_QUARTER, _HALF, _HIDDEN, settings.iterations)
        self.head = GaussianHead(_HALF, _HALF)

    def forward(
        self,
        pair: StereoPair,
        state: Float[Tensor, "c 2 d hs ws"] | None = None,
        frames: int = 1,
        depth_only: bool = False,
        capacity: int | None = None,
    ) -> Reconstruction:
        """Reconstruct a batch of pairs.

        Args:
            pair: of any size.
            state: what the frame before returned (detach it to cut the gradient); None after a cut.
            frames: the batch holds clips of this many consecutive frames, oldest first.
            depth_only: leave the Gaussians out.
            capacity: Gaussians per view, for the person's pixels alone; None makes one for every pixel.
        """
        height, width = pair.images.shape[-2:]
        pair = _padded(pair)
        dtype = self.to_half.weight.dtype
        initial = self.initial(pair)
        pose = pose_loss = memory = None
        if self.pose is not None:
            heatmaps, scores = (values.to(dtype) for values in _pose_of(pair))
            state = self.fresh_state(pair, frames) if state is None else state
            pose = self.pose(heatmaps, scores, initial.limbs.to(dtype), state, frames)
            memory = pose.memory
        if memory is not None:
            pair = replace(pair, images=memory.steady_image(pair.images))
            initial = replace(initial, disparity=memory.steady_start(initial.disparity, initial.spread))
        views = (pair.images.flatten(0, 1).to(dtype), pair.masks.flatten(0, 1).to(dtype))
        half, quarter, eighth, sixteenth = self.color(*views)
        if self.pose is not None and pose is not None:
            quarter = self.pose.fuse_quarter(quarter, pose.quarter)
            eighth = self.pose.fuse_eighth(eighth, pose.eighth)
        eighth = _joined(eighth, self.to_eighth, sixteenth)
        features = self.merge(_joined(quarter, self.to_quarter, eighth)).unflatten(0, (-1, 2))
        fine = _joined(half, self.to_half, features.flatten(0, 1)).unflatten(0, (-1, 2))
        if self.pose is not None and pose is not None and self.training:
            pose_loss = self.pose.alignment(features, pose.quarter.unflatten(0, (-1, 2)), heatmaps, scores)

        steady = None if memory is None else memory.steady_match
        estimate = self.stereo(features, fine, pair.masks[:, :, 0], initial, steady)
        if memory is not None and pose is not None:
            kept = memory.packed(pair.images, initial.disparity, estimate.half, pose.state.dtype)
            state = torch.cat([pose.state, kept], dim=2)
        disparities = tuple(disparity[..., :height, :width] for disparity in estimate.disparities)
        gaussians = count = None
        if not depth_only:
            found = (estimate.disparities[-1], estimate.half, fine, estimate.hidden)
            decoded = self.head(pair, *found, capacity)
            gaussians, count = decoded.gaussians, decoded.count
            if capacity is None:
                gaussians = _cropped(gaussians, pair, height, width)
        return Reconstruction(gaussians, disparities[-1], disparities, state, pose_loss, count)

    def use(self, constants: InferenceConstants) -> None:
        """Run with other constants from now on; the number of capsules, which the pose branch is built for, stays."""
        self.constants = constants
        self.initial = InitialDisparity(_STRIDE, self.initial.pose, constants.prior).to(self.to_half.weight)
        if self.pose is not None and self.pose.stabilizer is not None:
            self.pose.stabilizer.constants = constants.temporal_filter

    def fresh_state(self, pair: StereoPair, frames: int = 1) -> Float[Tensor, "c 2 d hs ws"] | None:
        """The state before the first of so many frames, which means the same as None; None without a stabiliser."""
        if self.pose is None or self.pose.stabilizer is None:
            return None
        batch, _, _, height, width = pair.images.shape
        cells = (_MULTIPLE // 8 * -(-size // _MULTIPLE) for size in (height, width))
        return self.to_half.weight.new_zeros(batch // frames, 2, sum(self.pose.stabilizer.parts) + PLANES, *cells)


def _joined(fine: Float[Tensor, "n c h w"], lift: nn.Conv2d, coarse: Float[Tensor, "n k hc wc"]) -> Tensor:
    """What the coarser scale knows, added to the finer one."""
    return add_coarse(fine, lift(coarse.relu()))


def _pose_of(pair: StereoPair) -> tuple[Float[Tensor, "b 2 17 hq wq"], Float[Tensor, "b 2 17"]]:
    """Heatmaps and scores; zeros where the pair has none."""
    if pair.heatmaps is not None and pair.scores is not None:
        return pair.heatmaps, pair.scores
    batch, views, _, height, width = pair.masks.shape
    scores = pair.masks.new_zeros(batch, views, len(JOINTS))
    return scores[..., None, None].expand(-1, -1, -1, height // _STRIDE, width // _STRIDE), scores


def _padded(pair: StereoPair) -> StereoPair:
    """The pair with background to the right and below, so that its size divides; the cameras stay true."""
    height, width = (-(-size // _MULTIPLE) * _MULTIPLE for size in pair.images.shape[-2:])
    if pair.images.shape[-2:] == (height, width):
        return pair

    def pad(values: Tensor, rows: int, columns: int) -> Tensor:
        return F.pad(values, (0, columns - values.shape[-1], 0, rows - values.shape[-2]))

    heatmaps = None if pair.heatmaps is None else pad(pair.heatmaps, height // _STRIDE, width // _STRIDE)
    return replace(
        pair, images=pad(pair.images, height, width), masks=pad(pair.masks, height, width), heatmaps=heatmaps
    )


def _cropped(gaussians: Gaussians, pair: StereoPair, height: int, width: int) -> Gaussians:
    """The Gaussians of the pixels inside the unpadded image."""
    if pair.images.shape[-2:] == (height, width):
        return gaussians
    views = (2, *pair.images.shape[-2:])
    return gaussians.map(lambda values: values.unflatten(1, views)[:, :, :height, :width].flatten(1, 3))
