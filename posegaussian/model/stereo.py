"""Recurrent stereo on rectified features: posterior over matches, updates by a GRU, then refinement.

Both views are matched at once, each as a left one: the right view is mirrored, which turns its match x + d into x' - d.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from posegaussian.model.blocks import add_coarse, concatenated, conv, output
from posegaussian.model.correlation import CorrelationPyramid, correlate, expected_match, unit
from posegaussian.model.coverage import corrected
from posegaussian.model.disparity_prior import PriorEstimate
from posegaussian.model.refinement import CORRELATION_GAIN, MAX_CUE, Refinement, disagreement, mirror, other_view
from posegaussian.model.upsampling import ConvexUpsampling, bilinear

_LOOKUP_LEVELS, _LOOKUP_RADIUS = 3, 4
"""Levels of the correlation pyramid, and samples to either side of the match; RAFT-Stereo has 4 and 4."""
_MAX_CORRECTION = 0.3
"""The largest correction of the disparity prior, metres. Chosen by hand."""
_MIN_COVERAGE = 0.05
"""Added to the coverage of candidate cells, so that no match is impossible where masks are wrong. Chosen by hand."""
_CUE_PLANES = 5
"""Planes beside the correlations: q against the prior, against the posterior, its sigma, disagreement, coverage."""


@dataclass(frozen=True)
class StereoEstimate:
    """The disparities of both views."""

    # at full resolution, in pixels; the last is the result. In training the earlier estimates come before it, upsampled
    # bilinearly: the posterior mean, one per GRU update, and the match before refinement.
    disparities: tuple[Float[Tensor, "b 2 h w"], ...]
    # the result at half the image's size, one value per 2 x 2 pixels, in pixels of the image
    half: Float[Tensor, "b 2 hh wh"]
    hidden: Float[Tensor, "b 2 c hh wh"]  # features of the refinement at half the image's size, after a ReLU
    # where masks are a hint, the evidence at half the image's size that corrects them; else None
    correction: Float[Tensor, "b 2 hh wh"] | None = None
    # the logits of the person's share at 1/4 and at 1/2; none where masks are exact
    evidence: tuple[Float[Tensor, "b 2 _ _"], ...] = ()


class Stereo(nn.Module):
    """RAFT-style matching around a disparity prior, in cells of 4 x 4 pixels, then of 2 x 2.

    Args:
        channels: of the features at 1/4 of the image's size.
        fine: channels of the features at 1/2.
        hidden: channels of the GRU.
        iterations: GRU updates.
        hint: whether the masks are a hint, which the features correct.
    """

    stride = 4

    def __init__(self, channels: int, fine: int, hidden: int, iterations: int, hint: bool = False):
        super().__init__()
        self.iterations = iterations
        self.match = conv(channels, 64, 1)
        # Matches whose cosines differ by 0.1 differ in likelihood by e^2. Chosen by hand, then learned.
        self.sharpness = nn.Parameter(torch.tensor(20.0))
        self.prior_correction = output(channels, 2)
        self.initial_hidden = conv(channels, hidden, 1)
        self.context = conv(channels, 3 * hidden, 1)
        self.motion_encoder = MotionEncoder(_LOOKUP_LEVELS * (2 * _LOOKUP_RADIUS + 1) + _CUE_PLANES, hidden)
        self.gru = ConvGRU(hidden)
        self.delta_head = nn.Sequential(conv(hidden, hidden, rectify=True), output(hidden, 1, gain=0.05))
        self.upsample = ConvexUpsampling(hidden, 2)
        self.refinement = Refinement(fine, hidden)
        self.evidence = output(channels, 1) if hint else None
        self.fine_evidence = output(fine, 1) if hint else None

    def forward(
        self,
        features: Float[Tensor, "b 2 c hq wq"],
        fine: Float[Tensor, "b 2 d hh wh"],
        masks: Float[Tensor, "b 2 h w"],
        prior: PriorEstimate,
        filter_match: Callable[[Tensor], Tensor] | None = None,
    ) -> StereoEstimate:
        """Disparities of both views.

        Args:
            features: fused features of every cell.
            fine: features at half the image's size.
            masks: coverage of every pixel.
            prior: of the disparity, one value per cell.
            filter_match: applied to the match at half the image's size, in cells, views mirrored: the temporal filter.
        """
        features, fine = (mirror(x).flatten(0, 1) for x in (features, fine))
        cover_half = F.avg_pool2d(mirror(masks).flatten(0, 1), 2)
        cover = F.avg_pool2d(cover_half, 2)
        correction, evidence = None, ()
        if self.evidence is not None and self.fine_evidence is not None:
            coarse = self.evidence(features.relu())
            cover, logits = corrected(cover, coarse[:, 0])
            correction = add_coarse(self.fine_evidence(fine.relu()), coarse)[:, 0]
            cover_half, fine_logits = corrected(cover_half, correction)
            evidence = logits, fine_logits
        planes = torch.stack([prior.disparity, prior.sigma, prior.pixels_per_metre], dim=2) / self.stride
        mean, sigma, cells_per_metre = mirror(planes).flatten(0, 1).unbind(1)

        match = unit(self.match(features.relu()))
        nearer, log_factor = self.prior_correction(features.relu()).tanh().to(mean.dtype).unbind(1)
        mean, sigma = mean + _MAX_CORRECTION * nearer * cells_per_metre, sigma * log_factor.exp()
        q, posterior_sigma = self._posterior(match, cover, mean, sigma)

        hidden = known = self.initial_hidden(features).tanh()
        context = [part.clone() for part in self.context(features.relu()).tensor_split([2 * hidden.shape[1]], dim=1)]
        pyramid = CorrelationPyramid(match, other_view(match), _LOOKUP_LEVELS, _LOOKUP_RADIUS)
        first, certainty, qs = q.detach(), posterior_sigma.detach() / sigma, [q]
        for _ in range(self.iterations):
            q = q.detach()  # As in RAFT no gradient passes from one update to the next.
            cues = [(q - mean) / sigma, (first - q) / sigma, certainty, disagreement(q), cover]
            hidden = self.gru(hidden, self.motion_encoder(pyramid(q), torch.stack(cues, dim=1)), context)
            known = hidden.relu()
            q = q + self.delta_head(known)[:, 0].to(q.dtype)
            qs.append(q)

        del pyramid, context, match, features  # In a large image most of the memory.
        start = self.upsample(q, known, cover)
        full, half, refined = self.refinement(start, fine, known, cover_half, filter_match)
        fulls = [bilinear(q, self.stride) for q in qs] + [bilinear(start, 2)] if self.training else []

        def back(values: Tensor) -> Tensor:
            return mirror(values.unflatten(0, (-1, 2)))

        correction, evidence = None if correction is None else back(correction), tuple(map(back, evidence))
        disparities = tuple(back(q) for q in [*fulls, full])
        return StereoEstimate(disparities, 2 * back(half), back(refined), correction, evidence)

    def _posterior(
        self, match: Tensor, cover: Tensor, mean: Tensor, sigma: Tensor
    ) -> tuple[Float[Tensor, "n h w"], Float[Tensor, "n h w"]]:
        """Mean and sigma of the posterior over matches (docs/method.md, equation 5), in cells.

        Both are smooth, so they are computed at half the resolution of the cells, for an eighth of the correlations.
        """
        match = F.avg_pool2d(match, 2)
        cover, coarse_mean, coarse_sigma = F.avg_pool2d(torch.stack([cover, mean / 2, sigma / 2], dim=1), 2).unbind(1)
        log_coverage = (other_view(cover) + _MIN_COVERAGE).log()[:, :, None]
        logits = self.sharpness * correlate(match, other_view(match)) + log_coverage
        posterior_mean, posterior_sigma = expected_match(logits, coarse_mean, coarse_sigma)
        found = 2 * torch.stack([posterior_mean - coarse_mean, posterior_sigma], dim=1)
        offset, posterior_sigma = F.interpolate(found, scale_factor=2.0, mode="bilinear").unbind(1)
        return mean + offset, posterior_sigma


class MotionEncoder(nn.Module):
    """Correlations around the current match, and cues about it, as features for the GRU."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.first = conv(inputs, channels, 1, rectify=True)
        self.second = conv(channels, channels, rectify=True)

    def forward(
        self, correlations: Float[Tensor, "n f h w"], cues: Float[Tensor, "n k h w"]
    ) -> Float[Tensor, "n c h w"]:
        """Features of every cell, after a ReLU."""
        cues = cues.clamp(-MAX_CUE, MAX_CUE).to(correlations.dtype)
        return self.second(self.first(concatenated(CORRELATION_GAIN * correlations, cues)))


class ConvGRU(nn.Module):
    """A convolutional GRU; the context is added to gates and candidate, and computed once for all updates."""

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
        """The next hidden state."""
        for_gates, for_candidate = context
        update, reset = self.gates(concatenated(hidden, motion)).add_(for_gates).sigmoid_().chunk(2, dim=1)
        candidate = self.candidate(concatenated(reset * hidden, motion)).add_(for_candidate).tanh_()
        return torch.lerp(hidden, candidate, update)
