"""The network: two rectified views, with or without joint heatmaps, to disparities and 3D Gaussians."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.config import NetworkSettings
from posegaussian.model.blocks import Residual, conv
from posegaussian.model.encoders import ColorEncoder
from posegaussian.model.gaussian_head import GaussianHead
from posegaussian.model.initial import InitialDisparity
from posegaussian.model.pathway import PosePathway
from posegaussian.model.stereo import Stereo
from posegaussian.types import JOINTS, Gaussians, StereoPair

_HALF, _QUARTER, _EIGHTH = 32, 48, 96
_HIDDEN = 48
_STRIDE = 4
_MULTIPLE = 8


@dataclass(frozen=True)
class Reconstruction:
    """What the network makes of a pair.

    Args:
        gaussians: world frame, 2 h w per pair; None where only depth was asked for.
        disparity: x_left - x_right in pixels, in both views; meaningful on the masks.
        disparities: all estimates on the way, the last is `disparity`.
        state: of the Temporal Pose Stabilizer, for the next frame; None without it.
        pose_loss: the pose-conditioned loss; None without pose and outside training.
    """

    gaussians: Gaussians | None
    disparity: Float[Tensor, "b 2 h w"]
    disparities: tuple[Float[Tensor, "b 2 h w"], ...]
    state: Float[Tensor, "c 2 d hs ws"] | None
    pose_loss: Float[Tensor, ""] | None


class PoseGaussian(nn.Module):
    """Colour and pose encoders, pose-guided fusion, stereo, Gaussian head (docs/method.md)."""

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.settings = settings
        self.color = ColorEncoder((_HALF, _QUARTER, _EIGHTH))
        self.pose = PosePathway(_QUARTER, _EIGHTH, settings.stabilizer) if settings.pose == "fused" else None
        self.lift = conv(_EIGHTH, _QUARTER, 1)
        self.merge = Residual(_QUARTER)
        self.initial = InitialDisparity(_STRIDE, pose=settings.pose == "fused")
        self.stereo = Stereo(_QUARTER, _HIDDEN, _STRIDE, settings.iterations)
        self.head = GaussianHead(_HALF, _QUARTER + _HIDDEN)

    def forward(
        self,
        pair: StereoPair,
        state: Float[Tensor, "c 2 d hs ws"] | None = None,
        frames: int = 1,
        depth_only: bool = False,
    ) -> Reconstruction:
        """Reconstruct a batch of pairs.

        Args:
            pair: of any size.
            state: what the frame before returned (detach it to cut the gradient); None after a cut.
            frames: the batch holds clips of this many consecutive frames, oldest first.
            depth_only: leave the Gaussians out.
        """
        height, width = pair.images.shape[-2:]
        pair = _padded(pair)
        half, quarter, eighth = self.color(pair.images.flatten(0, 1), pair.masks.flatten(0, 1))
        pose_loss = None
        if self.pose is not None:
            heatmaps, scores = _pose_of(pair)
            pose_quarter, pose_eighth, state = self.pose(heatmaps, scores, state, frames)
            quarter = self.pose.fuse_quarter(quarter, pose_quarter)
            eighth = self.pose.fuse_eighth(eighth, pose_eighth)
        fused = self.merge(quarter + F.interpolate(self.lift(eighth.relu()), scale_factor=2.0, mode="nearest"))
        features = fused.unflatten(0, (-1, 2))
        if self.pose is not None and self.training:
            pose_loss = self.pose.alignment(features, pose_quarter.unflatten(0, (-1, 2)), heatmaps, scores)

        coverage = F.avg_pool2d(pair.masks[:, :, 0], _STRIDE)
        estimate = self.stereo(features, coverage, self.initial(pair))
        disparities = tuple(disparity[..., :height, :width] for disparity in estimate.disparities)
        gaussians = None
        if not depth_only:
            known = torch.cat([features, estimate.hidden], dim=2)
            gaussians = self.head(pair, estimate.disparities[-1], half.unflatten(0, (-1, 2)), known)
        return Reconstruction(_cropped(gaussians, pair, height, width), disparities[-1], disparities, state, pose_loss)


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

    def pad(values: Tensor, rows: int, columns: int) -> Tensor:
        return F.pad(values, (0, columns - values.shape[-1], 0, rows - values.shape[-2]))

    heatmaps = None if pair.heatmaps is None else pad(pair.heatmaps, height // _STRIDE, width // _STRIDE)
    return replace(
        pair, images=pad(pair.images, height, width), masks=pad(pair.masks, height, width), heatmaps=heatmaps
    )


def _cropped(gaussians: Gaussians | None, pair: StereoPair, height: int, width: int) -> Gaussians | None:
    """The Gaussians of the pixels inside the unpadded image."""
    if gaussians is None or pair.images.shape[-2:] == (height, width):
        return gaussians
    views = (2, *pair.images.shape[-2:])
    return gaussians._map(lambda values: values.unflatten(1, views)[:, :, :height, :width].flatten(1, 3))
