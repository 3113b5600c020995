"""The network: two rectified views, with or without joint heatmaps, to disparities and 3D Gaussians."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.config import NetworkSettings
from posegaussian.geometry.as_filmed import near_matte
from posegaussian.model.blocks import Residual, add_coarse, conv
from posegaussian.model.constants import DEFAULTS, InferenceConstants
from posegaussian.model.coverage import Filmed
from posegaussian.model.disparity_prior import DisparityPrior
from posegaussian.model.encoders import ColorEncoder
from posegaussian.model.gaussian_head import GaussianHead
from posegaussian.model.matte_correction import MatteCorrection, weighted_heatmaps
from posegaussian.model.pose_branch import PoseBranch
from posegaussian.model.stereo import Stereo
from posegaussian.model.temporal_filter import STATE_CHANNELS
from posegaussian.types import JOINTS, Gaussians, StereoPair

_HALF, _QUARTER, _EIGHTH, _SIXTEENTH = 32, 64, 96, 128
"""Channels of the colour features at 1/2 to 1/16 of the image's size. Chosen by hand, as is the next."""
_HIDDEN = 64
"""Channels of the GRU."""
_STRIDE = 4
"""Pixels per cell of stereo and of the heatmaps."""
_NEAR = 0.04
"""Width of the band around the corrected mattes in which images are seen as filmed, as a share of the person's height:
all but the correction of mattes was trained so. Chosen by hand: wider than the errors of mattes that are left."""
_MULTIPLE = 32
"""Images are padded to multiples of this, the pixels per cell of the coarsest features."""


@dataclass(frozen=True)
class Reconstruction:
    """The output of the network for a batch of pairs.

    Args:
        gaussians: world frame, 2 h w per pair, or twice the capacity; None with `depth_only`.
        disparity: x_left - x_right in pixels, in both views; meaningful on the masks.
        disparities: in training all estimates of stereo, of which the last is `disparity`.
        state: of the Temporal Pose Stabilizer, for the next frame; None without it.
        pose_loss: the pose-conditioned loss; None without pose and outside training.
        count: foreground pixels of each view, which may exceed the capacity; None without a capacity.
        evidence: where masks are a hint, logits of the person's share: of pixels, before matching; of cells at 1/4 and
            1/2 of the image's size; and, unless `depth_only`, of pixels again; of the padded image.
    """

    gaussians: Gaussians | None
    disparity: Float[Tensor, "b 2 h w"]
    disparities: tuple[Float[Tensor, "b 2 h w"], ...]
    state: Float[Tensor, "c 2 d hs ws"] | None
    pose_loss: Float[Tensor, ""] | None
    count: Int[Tensor, "b 2"] | None = None
    evidence: tuple[Float[Tensor, "b 2 _ _"], ...] = ()


class PoseGaussian(nn.Module):
    """Colour and pose encoders, pose-guided fusion, stereo, Gaussian head (docs/method.md).

    Args:
        settings: the network and its ablation switches.
        constants: of the disparity prior and the temporal filter, which are not learned.
    """

    def __init__(self, settings: NetworkSettings, constants: InferenceConstants = DEFAULTS):
        super().__init__()
        self.settings, self.constants = settings, constants
        fused, hint = settings.pose == "fused", settings.matte == "hint"
        self.matte = MatteCorrection() if hint else None
        self.disparity_prior = DisparityPrior(_STRIDE, fused, constants.prior)
        self.color_encoder = ColorEncoder((_HALF, _QUARTER, _EIGHTH, _SIXTEENTH), hint)
        capsules, temporal = self.disparity_prior.capsule_count, constants.temporal_filter
        self.pose_branch = PoseBranch(_QUARTER, _EIGHTH, capsules, settings.stabilizer, temporal) if fused else None
        self.to_eighth = conv(_SIXTEENTH, _EIGHTH, 1)
        self.to_quarter = conv(_EIGHTH, _QUARTER, 1)
        self.to_half = conv(_QUARTER, _HALF, 1)
        self.merge = Residual(_QUARTER)
        self.stereo = Stereo(_QUARTER, _HALF, _HIDDEN, settings.iterations, hint)
        self.head = GaussianHead(_HALF, _HALF, hint=hint)

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
            state: returned for the frame before (detach it to stop the gradient); None at the start of a sequence.
            frames: consecutive frames per clip; the batch holds whole clips, oldest frame first.
            depth_only: compute no Gaussians.
            capacity: Gaussians per view, for foreground pixels only; None: one for every pixel.
        """
        height, width = pair.images.shape[-2:]
        pair = _padded(pair)
        dtype, first = self.to_half.weight.dtype, ()
        if self.matte is not None:
            joints = weighted_heatmaps(pair) if self.pose_branch is not None else None
            masks, logits = self.matte(pair.images, pair.masks, joints)
            pair, first = replace(pair, masks=masks), (logits,)
        if self.settings.filmed:
            pair = _near_person(pair)
        prior = self.disparity_prior(pair)
        pose = pose_loss = temporal_filter = None
        if self.pose_branch is not None:
            heatmaps, scores = (values.to(dtype) for values in _pose_of(pair))
            state = self.initial_state(pair, frames) if state is None else state
            pose = self.pose_branch(heatmaps, scores, prior.capsule_weights.to(dtype), state, frames)
            temporal_filter = pose.temporal_filter
        if temporal_filter is not None:
            pair = replace(pair, images=temporal_filter.filter_image(pair.images))
            prior = replace(prior, disparity=temporal_filter.filter_prior(prior.disparity, prior.sigma))
        shown, filmed = (pair.images, pair.masks), None
        if self.settings.filmed:
            filmed = Filmed.of(pair)
            shown = filmed.alone(pair.masks[:, :, 0]), pair.masks, pair.images
        half, quarter, eighth, sixteenth = self.color_encoder(*(view.flatten(0, 1).to(dtype) for view in shown))
        if self.pose_branch is not None and pose is not None:
            quarter = self.pose_branch.fuse_quarter(quarter, pose.quarter)
            eighth = self.pose_branch.fuse_eighth(eighth, pose.eighth)
        eighth = _top_down(eighth, self.to_eighth, sixteenth)
        features = self.merge(_top_down(quarter, self.to_quarter, eighth)).unflatten(0, (-1, 2))
        fine = _top_down(half, self.to_half, features.flatten(0, 1)).unflatten(0, (-1, 2))
        del half, eighth, sixteenth  # In a large image they take much memory.
        if self.pose_branch is not None and pose is not None and self.training:
            pose_loss = self.pose_branch.alignment(features, pose.quarter.unflatten(0, (-1, 2)), heatmaps, scores)

        filter_match = None if temporal_filter is None else temporal_filter.filter_match
        estimate = self.stereo(features, fine, pair.masks[:, :, 0], prior, filter_match)
        if temporal_filter is not None and pose is not None:
            packed = temporal_filter.packed_state(pair.images, prior.disparity, estimate.half, pose.state.dtype)
            state = torch.cat([pose.state, packed], dim=2)
        disparities = tuple(disparity[..., :height, :width] for disparity in estimate.disparities)
        gaussians, count, evidence = None, None, (*first, *estimate.evidence)
        if not depth_only:
            found = estimate.disparities[-1], estimate.half, fine, estimate.hidden
            decoded = self.head(replace(pair, images=shown[0]), *found, capacity, filmed, estimate.correction)
            gaussians, count = decoded.gaussians, decoded.count
            evidence = evidence if decoded.evidence is None else (*evidence, decoded.evidence)
            if capacity is None:
                gaussians = _cropped(gaussians, pair, height, width)
        return Reconstruction(gaussians, disparities[-1], disparities, state, pose_loss, count, evidence)

    def set_constants(self, constants: InferenceConstants) -> None:
        """Use other constants from now on; they must have as many capsules, for which the pose branch is built."""
        self.constants = constants
        prior = DisparityPrior(_STRIDE, self.disparity_prior.pose, constants.prior)
        self.disparity_prior = prior.to(self.to_half.weight)
        if self.pose_branch is not None and self.pose_branch.stabilizer is not None:
            self.pose_branch.stabilizer.constants = constants.temporal_filter

    def initial_state(self, pair: StereoPair, frames: int = 1) -> Float[Tensor, "c 2 d hs ws"] | None:
        """The state before the first frame of every clip, equivalent to None; None without a stabiliser."""
        if self.pose_branch is None or self.pose_branch.stabilizer is None:
            return None
        batch, _, _, height, width = pair.images.shape
        channels = sum(self.pose_branch.stabilizer.state_channels) + STATE_CHANNELS
        cells = (_MULTIPLE // 8 * -(-size // _MULTIPLE) for size in (height, width))
        return self.to_half.weight.new_zeros(batch // frames, 2, channels, *cells)


def _top_down(fine: Float[Tensor, "n c h w"], project: nn.Conv2d, coarse: Float[Tensor, "n k hc wc"]) -> Tensor:
    """The finer features with the coarser ones added, as in a feature pyramid network (Lin et al. 2017)."""
    return add_coarse(fine, project(coarse.relu()))


def _pose_of(pair: StereoPair) -> tuple[Float[Tensor, "b 2 17 hq wq"], Float[Tensor, "b 2 17"]]:
    """Heatmaps and scores; zeros where the pair has none."""
    if pair.heatmaps is not None and pair.scores is not None:
        return pair.heatmaps, pair.scores
    batch, views, _, height, width = pair.masks.shape
    scores = pair.masks.new_zeros(batch, views, len(JOINTS))
    return scores[..., None, None].expand(-1, -1, -1, height // _STRIDE, width // _STRIDE), scores


def _near_person(pair: StereoPair) -> StereoPair:
    """The pair with images that are black farther from the person than what the network needs beside corrections."""
    images = near_matte(pair.images.flatten(0, 1), pair.masks.flatten(0, 2), _NEAR)
    return replace(pair, images=images.unflatten(0, (-1, 2)))


def _padded(pair: StereoPair) -> StereoPair:
    """The pair padded with background on the right and below to a multiple of 32 pixels; cameras are unchanged."""
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
    """The Gaussians of the pixels inside the image before padding."""
    if pair.images.shape[-2:] == (height, width):
        return gaussians
    views = (2, *pair.images.shape[-2:])
    return gaussians.map(lambda values: values.unflatten(1, views)[:, :, :height, :width].flatten(1, 3))
