"""Recurrent stereo on rectified features: a prior, the matches it leaves open, then refinement by a GRU.

Both views are solved at once, each as a left one: the right view is mirrored, which turns its match x + d into x' - d.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import conv, output
from posegaussian.model.correlation import CorrelationPyramid, correlate, expected_match
from posegaussian.model.initial import InitialEstimate
from posegaussian.model.upsampling import ConvexUpsampling, bilinear

_LEVELS, _RADIUS = 3, 4


@dataclass(frozen=True)
class StereoEstimate:
    """What the stereo search returns.

    Args:
        disparities: at full resolution, in pixels: the posterior mean, then one per refinement; the last is upsampled
            by learned weights, the others bilinearly.
        hidden: the GRU's last state, per cell.
    """

    disparities: tuple[Float[Tensor, "b 2 h w"], ...]
    hidden: Float[Tensor, "b 2 c hq wq"]


class Stereo(nn.Module):
    """RAFT-style matching around an initial estimate.

    Args:
        channels: of the features at one cell.
        hidden: of the GRU.
        stride: pixels per cell.
        iterations: refinement steps.
    """

    def __init__(self, channels: int, hidden: int, stride: int, iterations: int):
        super().__init__()
        self.stride, self.iterations = stride, iterations
        self.match = conv(channels, 64, 1)
        self.sharpness = nn.Parameter(torch.tensor(20.0))
        self.inset = nn.Parameter(torch.tensor(0.1))
        self.start = conv(channels, hidden, 1)
        self.context = conv(channels, 3 * hidden, 1)
        self.motion = MotionEncoder(_LEVELS * (2 * _RADIUS + 1), hidden)
        self.gru = ConvGRU(hidden)
        self.step = nn.Sequential(conv(hidden, hidden), nn.ReLU(), output(hidden, 1, gain=0.05))
        self.upsample = ConvexUpsampling(hidden, stride)

    def forward(
        self,
        features: Float[Tensor, "b 2 c hq wq"],
        coverage: Float[Tensor, "b 2 hq wq"],
        initial: InitialEstimate,
    ) -> StereoEstimate:
        """Disparities of both views.

        Args:
            features: fused features of every cell.
            coverage: share of the cell that the person covers.
            initial: the estimate to start from.
        """
        features = mirror(features).flatten(0, 1)
        coverage = mirror(coverage)
        cover, other_cover = coverage.flatten(0, 1), coverage.flip(1).flip(-1).flatten(0, 1)
        prior, spread, per_metre = (
            mirror(x).flatten(0, 1) / self.stride for x in (initial.disparity, initial.spread, initial.per_metre)
        )

        match = self.match(features.relu())
        volume = correlate(match, _other(match))
        prior = prior + self.inset * per_metre
        logits = self.sharpness * volume + (other_cover + 0.05).log()[:, :, None]
        q, doubt = expected_match(logits, prior, spread)

        hidden = self.start(features).tanh()
        context = self.context(features.relu())
        look_up = CorrelationPyramid(volume, _LEVELS, _RADIUS)
        qs = [q]
        for _ in range(self.iterations):
            q = q.detach()
            notes = torch.stack([(q - prior) / spread, (qs[0].detach() - q) / spread, doubt.detach() / spread], dim=1)
            hidden = self.gru(hidden, self.motion(look_up(q), notes), context)
            q = q + self.step(hidden.relu())[:, 0]
            qs.append(q)

        views = (-1, 2)
        fulls = [bilinear(q, self.stride) for q in qs[:-1]] + [self.upsample(q, hidden.relu(), cover)]
        return StereoEstimate(tuple(mirror(q.unflatten(0, views)) for q in fulls), mirror(hidden.unflatten(0, views)))


class MotionEncoder(nn.Module):
    """What the correlations about the current match, and the match itself, say."""

    def __init__(self, correlations: int, channels: int):
        super().__init__()
        self.correlations = conv(correlations, channels, 1)
        self.notes = conv(3, 16, 3)
        self.mix = conv(channels + 16, channels)

    def forward(
        self, correlations: Float[Tensor, "n f h w"], notes: Float[Tensor, "n 3 h w"]
    ) -> Float[Tensor, "n c h w"]:
        """Features of every cell, rectified."""
        notes = self.notes(notes.clamp(-4, 4))
        return self.mix(torch.cat([self.correlations(3 * correlations), notes], dim=1).relu()).relu()


class ConvGRU(nn.Module):
    """A convolutional GRU whose context enters each gate as a bias computed once."""

    def __init__(self, channels: int):
        super().__init__()
        self.gates = conv(2 * channels, 2 * channels)
        self.candidate = conv(2 * channels, channels)

    def forward(
        self, hidden: Float[Tensor, "n c h w"], motion: Float[Tensor, "n c h w"], context: Float[Tensor, "n k h w"]
    ) -> Float[Tensor, "n c h w"]:
        """The next state."""
        for_update, for_reset, for_candidate = context.chunk(3, dim=1)
        update, reset = self.gates(torch.cat([hidden, motion], dim=1)).chunk(2, dim=1)
        update, reset = (update + for_update).sigmoid(), (reset + for_reset).sigmoid()
        candidate = self.candidate(torch.cat([reset * hidden, motion], dim=1))
        return hidden + update * ((candidate + for_candidate).tanh() - hidden)


def mirror(values: Float[Tensor, "b 2 *rest"]) -> Float[Tensor, "b 2 *rest"]:
    """Flip the right view from left to right: afterwards both views are left ones."""
    return torch.stack([values[:, 0], values[:, 1].flip(-1)], dim=1)


def _other(values: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """What the other view shows, in the orientation of this one (views mirrored by `mirror`)."""
    return values.unflatten(0, (-1, 2)).flip(1, -1).flatten(0, 1)
