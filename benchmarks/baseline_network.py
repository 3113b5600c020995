"""A network of GPS-Gaussian's class (Zheng et al. 2024), after its published description: for timing only.

Features at 1/2, 1/4 and 1/8 of the image's size (32, 48, 96 channels, residual blocks with group normalisation); stereo
at 1/8 as in RAFT-Stereo (all-pairs correlation, 4 levels, radius 4, 3 updates of a GRU with 96 channels, learned
upsampling); a U-Net over depth whose decoder joins image features up to full resolution, with heads for rotation, scale
and opacity there. 4.4 million parameters; the published networks have 5 to 6 million.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
    """Disparity of each view at full resolution, starting from zero."""

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
        self.step = nn.Sequential(nn.Conv2d(channels, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 1, 3, 1, 1))
        self.mask = nn.Sequential(nn.Conv2d(channels, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 9 * 64, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Disparities (2, 1, 8 h, 8 w) from features of both views (2, c, h, w)."""
        match = self.match(features).float()
        volume = torch.einsum("nchw,nchv->nhwv", match, match.flip(0)) / match.shape[1] ** 0.5
        n, height, width, _ = volume.shape
        pyramid = [volume.reshape(n * height * width, 1, 1, width)]
        for _ in range(self.levels - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], (1, 2)))
        hidden, context = self.context(features).chunk(2, dim=1)
        hidden, context = hidden.tanh(), context.relu()
        columns = torch.arange(width, device=features.device).float().expand(n, 1, height, width)
        x = columns
        for _ in range(self.iterations):
            samples = torch.cat([self._lookup(level, x / 2**i) for i, level in enumerate(pyramid)], dim=1)
            flow = x - columns
            known = torch.cat([self.correlations(samples.reshape(n, -1, height, width)), self.flow(flow)], dim=1)
            known = torch.cat([self.motion(known).relu(), flow, context], dim=1)
            update, reset = self.gates(torch.cat([hidden, known], dim=1)).sigmoid().chunk(2, dim=1)
            hidden = (1 - update) * hidden + update * self.candidate(torch.cat([reset * hidden, known], dim=1)).tanh()
            x = x + self.step(hidden)
        weights = self.mask(hidden).reshape(n, 1, 9, 8, 8, height, width).softmax(2)
        cells = F.unfold(8 * (x - columns), 3, padding=1).reshape(n, 1, 9, 1, 1, height, width)
        return (weights * cells).sum(2).permute(0, 1, 4, 2, 5, 3).reshape(n, 1, 8 * height, 8 * width)

    def _lookup(self, level: Tensor, x: Tensor) -> Tensor:
        """Samples around a column with grid_sample, as in the published code."""
        n, _, height, width = x.shape
        about = torch.arange(-self.radius, self.radius + 1, device=x.device).float()
        at = 2 * (x.reshape(-1, 1, 1) + about) / max(level.shape[-1] - 1, 1) - 1
        found = F.grid_sample(level, torch.stack([at, torch.zeros_like(at)], dim=-1), align_corners=True)
        return found.reshape(n, height, width, -1).permute(0, 3, 1, 2)


class BaselineNetwork(nn.Module):
    """Two views (2, 3, h, w) to disparity, rotation, scale and opacity of every pixel; sides divide by 8."""

    def __init__(self):
        super().__init__()
        channels = (32, 48, 96)
        self.image = Encoder(3, channels)
        self.stereo = RaftStereo(96)
        self.depth = Encoder(1, channels)
        half, quarter, eighth = (2 * c for c in channels)
        self.up_quarter = nn.Sequential(Block(eighth, 96), Block(96, 96))
        self.up_half = nn.Sequential(Block(quarter + 96, 64), Block(64, 64))
        self.up_full = nn.Sequential(Block(half + 64, 64), Block(64, 48))
        self.last = nn.Sequential(nn.Conv2d(48 + 4, 32, 3, 1, 1), nn.ReLU())
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, outputs, 1)) for outputs in (4, 3, 1)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Disparity, rotation, scale, opacity."""
        features = self.image(images)
        disparity = self.stereo(features[2])
        deep = self.depth(disparity / images.shape[-1])
        concatenated = [torch.cat(pair, dim=1) for pair in zip(features, deep, strict=True)]
        x = _double(self.up_quarter(concatenated[2]))
        x = _double(self.up_half(torch.cat([concatenated[1], x], dim=1)))
        x = _double(self.up_full(torch.cat([concatenated[0], x], dim=1)))
        x = self.last(torch.cat([x, images, disparity], dim=1))
        rotation, scale, opacity = (head(x) for head in self.heads)
        return disparity, F.normalize(rotation, dim=1), F.softplus(scale).clamp_max(0.01), opacity.sigmoid()


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
