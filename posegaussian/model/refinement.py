"""Refinement: the last step of stereo, which corrects the match at half the image's size and upsamples it."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import Residual, add_coarse, concatenated, conv, output
from posegaussian.model.consistency import sample_rows
from posegaussian.model.correlation import local_correlation, unit
from posegaussian.model.upsampling import ConvexUpsampling

_REFINEMENT_RADIUS = 3
"""Cells to either side of the match whose correlations are sampled. Chosen by hand."""
_MATCH_CHANNELS = 16
"""Channels of the features that are correlated; a power of two, which the Triton kernel needs. Chosen by hand."""
CORRELATION_GAIN = 3
"""Multiplies correlations, which are cosines, to about the range of the other inputs. Chosen by hand."""
MAX_CUE = 4
"""Cues are clamped to this, so that outliers do not dominate. Chosen by hand."""


class Refinement(nn.Module):
    """One correction of the match from local correlations of fine features, then upsampling to full resolution.

    Args:
        channels: of the fine features.
        hidden: channels of the GRU's hidden state, whose cells are twice as large.
    """

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.match = conv(channels, _MATCH_CHANNELS, 1)
        self.from_hidden = conv(hidden, channels, 1)
        self.join = conv(channels + 2 * _REFINEMENT_RADIUS + 2, channels)
        self.residual = Residual(channels)
        self.delta_head = output(channels, 1, gain=0.05)
        self.upsample = ConvexUpsampling(channels, 2)

    def forward(
        self,
        q: Float[Tensor, "n h w"],
        fine: Float[Tensor, "n c h w"],
        hidden: Float[Tensor, "n k hq wq"],
        coverage: Float[Tensor, "n h w"],
        filter_match: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Float[Tensor, "n hf wf"], Float[Tensor, "n h w"], Float[Tensor, "n c h w"]]:
        """Refine the match of every cell.

        Args:
            q: the match so far, in cells at half the image's size; views mirrored by `mirror`.
            fine: features at half the image's size.
            hidden: the GRU's last hidden state after a ReLU.
            coverage: share of each cell that the person covers.
            filter_match: applied to the match at half the image's size before it is upsampled: the temporal filter.

        Returns:
            the match at full resolution, in pixels.
            the match at half the image's size, in cells.
            the features from which the correction was computed, after a ReLU.
        """
        start, q = q, q.detach()  # As in RAFT, the gradient flows through the sum below, not through the lookup.
        match = unit(self.match(fine.relu()))
        nearby = local_correlation(match, other_view(match), q, _REFINEMENT_RADIUS)
        cue = disagreement(q).clamp(-MAX_CUE, MAX_CUE).to(nearby.dtype)[:, None]
        features = add_coarse(fine, self.from_hidden(hidden))
        features = self.residual(self.join(concatenated(features.relu(), CORRELATION_GAIN * nearby, cue))).relu()
        q = start + self.delta_head(features)[:, 0].to(q.dtype)
        if filter_match is not None:
            q = filter_match(q)
        return self.upsample(q, features, coverage), q, features


def mirror(values: Float[Tensor, "b 2 *rest"]) -> Float[Tensor, "b 2 *rest"]:
    """The values with the right view flipped horizontally, so that matches lie to the left (x - q) in both views."""
    mirrored = torch.empty_like(values)  # Keeps the memory format, channels last or not.
    mirrored[:, 0], mirrored[:, 1] = values[:, 0], values[:, 1].flip(-1)
    return mirrored


def other_view(values: Float[Tensor, "n *c h w"]) -> Float[Tensor, "n *c h w"]:
    """The values of the other view, in the orientation of this one; views mirrored by `mirror`."""
    return values.unflatten(0, (-1, 2)).flip(1, -1).flatten(0, 1)


@torch.no_grad()
def disagreement(q: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """The q of the other view at the matched cell, minus the q of this view; in cells, 0 where they are consistent."""
    match = torch.arange(q.shape[-1], device=q.device, dtype=q.dtype) - q
    return sample_rows(other_view(q), match) - q
