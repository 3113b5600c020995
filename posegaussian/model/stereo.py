"""Recurrent stereo on rectified features: a prior, the matches it leaves open, refinement by a GRU, then a polish.

Both views are solved at once, each as a left one: the right view is mirrored, which turns its match x + d into x' - d.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.blocks import concatenated, conv, output
from posegaussian.model.correlation import CorrelationPyramid, correlate, expected_match, unit
from posegaussian.model.disparity_prior import InitialEstimate
from posegaussian.model.refinement import Polish, disagreement, mirror, other_view
from posegaussian.model.upsampling import ConvexUpsampling, bilinear

_LEVELS, _RADIUS = 3, 4
_RELIEF = 0.3
"""The most that the surface is thought to lie before or behind the initial estimate, metres."""
_NOTES = 5


@dataclass(frozen=True)
class StereoEstimate:
    """What the stereo search returns.

    Args:
        disparities: at full resolution, in pixels; the last is the result. In training those on the way come before it,
            upsampled bilinearly: the posterior mean, then one per refinement.
        half: the result at half the image's size, one value per 2 x 2 pixels, in pixels of the image.
        hidden: what the polish knows, rectified, at half the image's size.
    """

    disparities: tuple[Float[Tensor, "b 2 h w"], ...]
    half: Float[Tensor, "b 2 hh wh"]
    hidden: Float[Tensor, "b 2 c hh wh"]


class Stereo(nn.Module):
    """RAFT-style matching around an initial estimate, in cells of 4 x 4 pixels, then of 2 x 2.

    Args:
        channels: of the features at one cell.
        fine: of the features at half the image's size.
        hidden: of the GRU.
        iterations: refinement steps.
    """

    stride = 4

    def __init__(self, channels: int, fine: int, hidden: int, iterations: int):
        super().__init__()
        self.iterations = iterations
        self.match = conv(channels, 64, 1)
        self.sharpness = nn.Parameter(torch.tensor(20.0))
        self.surface = output(channels, 2)
        self.start = conv(channels, hidden, 1)
        self.context = conv(channels, 3 * hidden, 1)
        self.motion = MotionEncoder(_LEVELS * (2 * _RADIUS + 1) + _NOTES, hidden)
        self.gru = ConvGRU(hidden)
        self.step = nn.Sequential(conv(hidden, hidden, rectify=True), output(hidden, 1, gain=0.05))
        self.upsample = ConvexUpsampling(hidden, 2)
        self.polish = Polish(fine, hidden)

    def forward(
        self,
        features: Float[Tensor, "b 2 c hq wq"],
        fine: Float[Tensor, "b 2 d hh wh"],
        masks: Float[Tensor, "b 2 h w"],
        initial: InitialEstimate,
        steady: Callable[[Tensor], Tensor] | None = None,
    ) -> StereoEstimate:
        """Disparities of both views.

        Args:
            features: fused features of every cell.
            fine: features at half the image's size.
            masks: coverage of every pixel.
            initial: the estimate to start from, one per cell.
            steady: what the result at half the image's size goes through, in cells, views mirrored.
        """
        features, fine = (mirror(x).flatten(0, 1) for x in (features, fine))
        cover_half = F.avg_pool2d(mirror(masks).flatten(0, 1), 2)
        cover = F.avg_pool2d(cover_half, 2)
        planes = torch.stack([initial.disparity, initial.spread, initial.per_metre], dim=2) / self.stride
        prior, spread, per_metre = mirror(planes).flatten(0, 1).unbind(1)

        match = unit(self.match(features.relu()))
        nearer, doubt = self.surface(features.relu()).tanh().to(prior.dtype).unbind(1)
        prior, spread = prior + _RELIEF * nearer * per_metre, spread * doubt.exp()
        q, doubt = self._posterior(match, cover, prior, spread)

        hidden = known = self.start(features).tanh()
        context = [part.clone() for part in self.context(features.relu()).tensor_split([2 * hidden.shape[1]], dim=1)]
        look_up = CorrelationPyramid(match, other_view(match), _LEVELS, _RADIUS)
        first, doubt, qs = q.detach(), doubt.detach() / spread, [q]
        for _ in range(self.iterations):
            q = q.detach()
            notes = [(q - prior) / spread, (first - q) / spread, doubt, disagreement(q), cover]
            hidden = self.gru(hidden, self.motion(look_up(q), torch.stack(notes, dim=1)), context)
            known = hidden.relu()
            q = q + self.step(known)[:, 0].to(q.dtype)
            qs.append(q)

        start = self.upsample(q, known, cover)
        full, half, knowledge = self.polish(start, fine, known, cover_half, steady)
        fulls = [bilinear(q, self.stride) for q in qs] + [bilinear(start, 2)] if self.training else []

        def back(values: Tensor) -> Tensor:
            return mirror(values.unflatten(0, (-1, 2)))

        return StereoEstimate(tuple(back(q) for q in [*fulls, full]), 2 * back(half), back(knowledge))

    def _posterior(
        self, match: Tensor, cover: Tensor, prior: Tensor, spread: Tensor
    ) -> tuple[Float[Tensor, "n h w"], Float[Tensor, "n h w"]]:
        """Mean and standard deviation of the match given the features, made for every other cell: both are smooth."""
        match = F.avg_pool2d(match, 2)
        cover, middle, width = F.avg_pool2d(torch.stack([cover, prior / 2, spread / 2], dim=1), 2).unbind(1)
        logits = self.sharpness * correlate(match, other_view(match)) + (other_view(cover) + 0.05).log()[:, :, None]
        mean, deviation = expected_match(logits, middle, width)
        found = 2 * torch.stack([mean - middle, deviation], dim=1)
        away, doubt = F.interpolate(found, scale_factor=2.0, mode="bilinear").unbind(1)
        return prior + away, doubt


class MotionEncoder(nn.Module):
    """What the correlations about the current match, and the match itself, say."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.look = conv(inputs, channels, 1, rectify=True)
        self.mix = conv(channels, channels, rectify=True)

    def forward(
        self, correlations: Float[Tensor, "n f h w"], notes: Float[Tensor, "n k h w"]
    ) -> Float[Tensor, "n c h w"]:
        """Features of every cell, rectified."""
        seen = concatenated(3 * correlations, notes.clamp(-4, 4).to(correlations.dtype))
        return self.mix(self.look(seen))


class ConvGRU(nn.Module):
    """A convolutional GRU whose context enters the gates and the candidate as biases computed once."""

    def __init__(self, channels: int):
        super().__init__()
        self.gates = conv(2 * channels, 2 * channels, bias=False)
        self.candidate = conv(2 * channels, channels, bias=False)

    def forward(
        self,
        hidden: Float[Tensor, "n c h w"],
        motion: Float[Tensor, "n c h w"],
        context: list[Float[Tensor, "n _ h w"]],
    ) -> Float[Tensor, "n c h w"]:
        """The next state."""
        for_gates, for_candidate = context
        update, reset = (self.gates(concatenated(hidden, motion)) + for_gates).sigmoid().chunk(2, dim=1)
        candidate = self.candidate(concatenated(reset * hidden, motion)) + for_candidate
        return torch.lerp(hidden, candidate.tanh(), update)
