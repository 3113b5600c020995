"""A network of GPS-Gaussian's class (Zheng et al. 2024), after its published description.

Features at 1/2, 1/4 and 1/8 of the image's size (32, 48, 96 channels, residual blocks with group normalisation); stereo
at 1/8 as in RAFT-Stereo (all-pairs correlation, 4 levels, radius 4, 3 updates of a GRU with 96 channels, learned
upsampling); a U-Net over depth whose decoder joins image features up to full resolution, with heads for rotation, scale
and opacity there. 4.4 million parameters; the published networks have 5 to 6 million.

`BaselineNetwork` is timed by network.py. `BaselineModel` has the interface of `PoseGaussian`, so that the same trainer
trains it (ablations.py).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.config import NetworkSettings
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.geometry.projection import pixel_grid, unproject_pixels
from posegaussian.model.constants import DEFAULTS, InferenceConstants
from posegaussian.model.network import Reconstruction
from posegaussian.types import Gaussians, StereoPair

_MULTIPLE = 8
"""Sides of the images divide by this, the pixels per cell of stereo."""
_MAX_SCALE, _SOFTPLUS_BETA = 0.01, 100
"""The largest scale, metres, and the sharpness of the softplus before it: those of the published code."""


class Block(nn.Module):
    """Two convolutions with group normalisation, and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1),
            nn.GroupNorm(8, outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1),
            nn.GroupNorm(8, outputs),
            nn.ReLU(),
        )
        plain = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if plain else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both branches, after a ReLU."""
        return (self.shortcut(x) + self.body(x)).relu()


class Encoder(nn.Module):
    """Features at 1/2, 1/4 and 1/8."""

    def __init__(self, inputs: int, channels: tuple[int, int, int]):
        super().__init__()
        half, quarter, eighth = channels
        self.stem = nn.Sequential(nn.Conv2d(inputs, half, 5, 2, 2), nn.GroupNorm(8, half), nn.ReLU())
        self.to_half = nn.Sequential(Block(half, half), Block(half, half))
        self.to_quarter = nn.Sequential(Block(half, quarter, 2), Block(quarter, quarter))
        self.to_eighth = nn.Sequential(Block(quarter, eighth, 2), Block(eighth, eighth))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features from fine to coarse."""
        half = self.to_half(self.stem(x))
        quarter = self.to_quarter(half)
        return half, quarter, self.to_eighth(quarter)


class RaftStereo(nn.Module):
    """Displacement of each view's matches along the rows at full resolution, relative to where the search starts."""

    def __init__(self, channels: int, levels: int = 4, radius: int = 4, iterations: int = 3):
        super().__init__()
        self.levels, self.radius, self.iterations = levels, radius, iterations
        self.match = nn.Sequential(Block(channels, 128), nn.Conv2d(128, 256, 3, 1, 1))
        self.context = nn.Sequential(Block(channels, 128), nn.Conv2d(128, 2 * channels, 3, 1, 1))
        samples = levels * (2 * radius + 1)
        self.correlations = nn.Sequential(nn.Conv2d(samples, 64, 1), nn.ReLU(), nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU())
        self.flow = nn.Sequential(nn.Conv2d(1, 64, 7, 1, 3), nn.ReLU(), nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU())
        self.motion = nn.Conv2d(128, 127, 3, 1, 1)
        self.gates = nn.Conv2d(2 * channels + 128, 2 * channels, 3, 1, 1)
        self.candidate = nn.Conv2d(2 * channels + 128, channels, 3, 1, 1)
        self.delta_head = nn.Sequential(nn.Conv2d(channels, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 1, 3, 1, 1))
        self.mask = nn.Sequential(nn.Conv2d(channels, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 9 * 64, 1))

    def forward(self, features: Tensor, start: Tensor) -> list[Tensor]:
        """Displacements (n, 1, 8 h, 8 w), in pixels, from features of n / 2 pairs of views (n, c, h, w).

        Args:
            features: of all views.
            start: the displacement of each view with which the search starts, in pixels (n, 1, 1, 1).

        Returns:
            the result, last, and in training the estimate after every update before it.
        """
        match = self.match(features)
        n, _, height, width = match.shape
        with torch.autocast(match.device.type, enabled=False):
            match = match.float()
            other = match.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
            volume = torch.einsum("nchw,nchv->nhwv", match, other) / match.shape[1] ** 0.5
        pyramid = [volume.reshape(n * height * width, 1, 1, width)]
        for _ in range(self.levels - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], (1, 2)))
        hidden, context = self.context(features).chunk(2, dim=1)
        hidden, context = hidden.tanh(), context.relu()
        first = torch.arange(width, device=features.device).float().expand(n, 1, height, width) + start / 8
        x, estimates = first, []
        for left in reversed(range(self.iterations)):
            x = x.detach()  # As in RAFT no gradient passes from one update to the next.
            samples = torch.cat([self._lookup(level, x / 2**i) for i, level in enumerate(pyramid)], dim=1)
            flow = x - first
            known = torch.cat([self.correlations(samples.reshape(n, -1, height, width)), self.flow(flow)], dim=1)
            known = torch.cat([self.motion(known).relu(), flow, context], dim=1)
            update, reset = self.gates(torch.cat([hidden, known], dim=1)).sigmoid().chunk(2, dim=1)
            hidden = (1 - update) * hidden + update * self.candidate(torch.cat([reset * hidden, known], dim=1)).tanh()
            x = x + self.delta_head(hidden)
            if self.training or not left:
                estimates.append(self._upsampled(x - first, hidden))
        return estimates

    def _upsampled(self, flow: Tensor, hidden: Tensor) -> Tensor:
        """Each pixel as a learned convex combination of the 3 x 3 cells around it."""
        n, _, height, width = flow.shape
        weights = self.mask(hidden).reshape(n, 1, 9, 8, 8, height, width).softmax(2)
        cells = F.unfold(8 * flow, 3, padding=1).reshape(n, 1, 9, 1, 1, height, width)
        return (weights * cells).sum(2).permute(0, 1, 4, 2, 5, 3).reshape(n, 1, 8 * height, 8 * width)

    def _lookup(self, level: Tensor, x: Tensor) -> Tensor:
        """Samples around a column with grid_sample, as in the published code."""
        n, _, height, width = x.shape
        about = torch.arange(-self.radius, self.radius + 1, device=x.device).float()
        at = 2 * (x.reshape(-1, 1, 1) + about) / max(level.shape[-1] - 1, 1) - 1
        found = F.grid_sample(level, torch.stack([at, torch.zeros_like(at)], dim=-1), align_corners=True)
        return found.reshape(n, height, width, -1).permute(0, 3, 1, 2)


class Regressor(nn.Module):
    """Rotation, scale and opacity of every pixel from image features and depth: a U-Net over depth."""

    def __init__(self, channels: tuple[int, int, int]):
        super().__init__()
        self.depth = Encoder(1, channels)
        half, quarter, eighth = (2 * c for c in channels)
        self.up_quarter = nn.Sequential(Block(eighth, 96), Block(96, 96))
        self.up_half = nn.Sequential(Block(quarter + 96, 64), Block(64, 64))
        self.up_full = nn.Sequential(Block(half + 64, 64), Block(64, 48))
        self.last = nn.Sequential(nn.Conv2d(48 + 4, 32, 3, 1, 1), nn.ReLU())
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, outputs, 1)) for outputs in (4, 3, 1)
        )

    def forward(self, images: Tensor, features: tuple[Tensor, ...], flow: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The attributes, (n, 4, h, w), (n, 3, h, w) in metres and (n, 1, h, w)."""
        flow = flow / images.shape[-1]
        concatenated = [torch.cat(both, dim=1) for both in zip(features, self.depth(flow), strict=True)]
        x = _double(self.up_quarter(concatenated[2]))
        x = _double(self.up_half(torch.cat([concatenated[1], x], dim=1)))
        x = _double(self.up_full(torch.cat([concatenated[0], x], dim=1)))
        x = self.last(torch.cat([x, images, flow], dim=1))
        rotation, scale, opacity = (head(x) for head in self.heads)
        scale = F.softplus(scale, beta=_SOFTPLUS_BETA).clamp_max(_MAX_SCALE)
        return F.normalize(rotation, dim=1), scale, opacity.sigmoid()


class BaselineNetwork(nn.Module):
    """Views of pairs (n, 3, h, w) to displacements, rotation, scale and opacity of every pixel; sides divide by 8."""

    def __init__(self):
        super().__init__()
        channels = (32, 48, 96)
        self.image = Encoder(3, channels)
        self.stereo = RaftStereo(96)
        self.head = Regressor(channels)

    def forward(
        self, images: Tensor, start: Tensor, depth_only: bool = False
    ) -> tuple[list[Tensor], tuple[Tensor, Tensor, Tensor] | None]:
        """Displacements as `RaftStereo` returns them, and the attributes of `Regressor`; None with `depth_only`."""
        features = self.image(images)
        flows = self.stereo(features[2], start)
        return flows, None if depth_only else self.head(images, features, flows[-1])


class BaselineModel(BaselineNetwork):
    """The same with the interface of `PoseGaussian`; it has neither pose nor temporal state."""

    def __init__(self, settings: NetworkSettings, constants: InferenceConstants = DEFAULTS):
        super().__init__()
        self.settings, self.constants = settings, constants

    def set_constants(self, constants: InferenceConstants) -> None:
        """Keep the constants for the metadata of the weights; nothing else depends on them."""
        self.constants = constants

    def forward(
        self, pair: StereoPair, state: None = None, frames: int = 1, depth_only: bool = False
    ) -> Reconstruction:
        """Reconstruct a batch of pairs; arguments as for `PoseGaussian`."""
        height, width = pair.images.shape[-2:]
        images = (pair.images * pair.masks).flatten(0, 1)
        images = F.pad(images, (0, -width % _MULTIPLE, 0, -height % _MULTIPLE))
        # The published pipeline rectifies the person into the middle of both images; ours does not.
        shift = _middles(pair.masks)[:, :1] - _middles(pair.masks)[:, 1:]
        sign = images.new_tensor([-1.0, 1.0])[:, None, None]  # A match lies at x - d in the right view.
        flows, attributes = super().forward(2 * images - 1, (sign * shift).flatten(0, 1)[:, None], depth_only)
        disparities = tuple(shift + sign * _cropped(flow, height, width)[:, :, 0].float() for flow in flows)
        gaussians = None
        if attributes is not None:
            gaussians = _gaussians(pair, disparities[-1], *(_cropped(x, height, width).float() for x in attributes))
        return Reconstruction(gaussians, disparities[-1], disparities, None, None)


def _gaussians(pair: StereoPair, disparity: Tensor, rotation: Tensor, scale: Tensor, opacity: Tensor) -> Gaussians:
    """One Gaussian per pixel in the pixel's colour, in the world frame; attributes (b, 2, c, h, w)."""
    depth = disparity_to_depth(disparity.flatten(2)[..., None], pair.cameras)[..., 0]
    known = (pair.masks.flatten(2) > 0) & (depth > 0)
    depth = depth.where(known, torch.ones_like(depth))
    pixels = pixel_grid(*disparity.shape[-2:], like=disparity).flatten(0, 1).expand(*depth.shape, 2)
    lists = (x.movedim(2, -1).flatten(2, 3).flatten(1, 2) for x in (rotation, scale, pair.images))
    quaternions, scales, colors = lists
    opacities = opacity.flatten(2) * known
    return Gaussians(
        means=unproject_pixels(pixels, depth, pair.cameras).flatten(1, 2),
        quaternions=quaternions,
        scales=scales,
        opacities=opacities.flatten(1, 2),
        colors=colors,
    )


def _middles(masks: Tensor) -> Tensor:
    """The person's mean column in each view (b, 2, 1, 1), in pixels."""
    columns = masks.sum((-3, -2))
    places = torch.arange(columns.shape[-1], device=masks.device, dtype=masks.dtype)
    return ((columns * places).sum(-1) / columns.sum(-1).clamp_min(1))[..., None, None]


def _cropped(values: Tensor, height: int, width: int) -> Tensor:
    """Values of views (2 b, c, h, w) as pairs (b, 2, c, height, width) without the padding."""
    return values.unflatten(0, (-1, 2))[..., :height, :width]


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
