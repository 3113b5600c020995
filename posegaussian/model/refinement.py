"""The last step of the stereo search: matches to a fraction of a pixel, at half the image's size."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import Residual, add_coarse, concatenated, conv, output
from posegaussian.model.consistency import sample_rows
from posegaussian.model.correlation import correlate_nearby, unit
from posegaussian.model.upsampling import ConvexUpsampling

_RADIUS = 3
_MATCH = 16


class Polish(nn.Module):
    """One look at fine features about the current match, one correction, and the way to full resolution.

    Args:
        channels: of the fine features.
        hidden: of the GRU's state, in cells twice as large.
    """

    def __init__(self, channels: int, hidden: int):
        super().__init__()
        self.match = conv(channels, _MATCH, 1)
        self.recall = conv(hidden, channels, 1)
        self.look = conv(channels + 2 * _RADIUS + 2, channels)
        self.think = Residual(channels)
        self.step = output(channels, 1, gain=0.05)
        self.upsample = ConvexUpsampling(channels, 2)

    def forward(
        self,
        q: Float[Tensor, "n h w"],
        fine: Float[Tensor, "n c h w"],
        hidden: Float[Tensor, "n k hq wq"],
        coverage: Float[Tensor, "n h w"],
        steady: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Float[Tensor, "n hf wf"], Float[Tensor, "n h w"], Float[Tensor, "n c h w"]]:
        """The match at full resolution, the match at half (in cells of their sizes), and what led to it, rectified.

        Args:
            q: the match to start from, in cells at half the image's size; views mirrored by `mirror`.
            fine: features.
            hidden: the GRU's last state, rectified.
            coverage: share of each cell that the person covers.
            steady: what is done to the match at half the image's size before it becomes one at full resolution.
        """
        start, q = q, q.detach()
        match = unit(self.match(fine.relu()))
        nearby = correlate_nearby(match, other_view(match), q, _RADIUS)
        note = disagreement(q).clamp(-4, 4).to(nearby.dtype)[:, None]
        known = add_coarse(fine, self.recall(hidden))
        known = self.think(self.look(concatenated(known.relu(), 3 * nearby, note))).relu()
        q = start + self.step(known)[:, 0].to(q.dtype)
        if steady is not None:
            q = steady(q)
        return self.upsample(q, known, coverage), q, known


def mirror(values: Float[Tensor, "b 2 *rest"]) -> Float[Tensor, "b 2 *rest"]:
    """Flip the right view from left to right: afterwards both views are left ones."""
    mirrored = torch.empty_like(values)  # Keeps the layout in memory, channels last or not.
    mirrored[:, 0], mirrored[:, 1] = values[:, 0], values[:, 1].flip(-1)
    return mirrored


def other_view(values: Float[Tensor, "n *c h w"]) -> Float[Tensor, "n *c h w"]:
    """What the other view shows, in the orientation of this one (views mirrored by `mirror`)."""
    return values.unflatten(0, (-1, 2)).flip(1, -1).flatten(0, 1)


@torch.no_grad()
def disagreement(q: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """How much farther the other view's match reaches, at the cell that this view matches; in cells."""
    match = torch.arange(q.shape[-1], device=q.device, dtype=q.dtype) - q
    return sample_rows(other_view(q), match) - q
