"""What was found in the frame before, kept where the pose rests and nothing new is said (docs/method.md)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.model.polish import mirror

_KEPT = 0.9
"""The most that the past counts."""
_START_TOLERANCE = 0.2
"""A change of the estimate before matching that is small against its standard deviation says nothing."""
PLANES = 2 * (2**2 + 4**2)
"""Channels that a state needs for the disparities of a view at 1/4 and 1/2, in cells of 8 x 8 pixels, in two halves."""


@dataclass(frozen=True)
class Memory:
    """Disparities of the last frame of each clip, in pixels, and how far they are to be trusted.

    Args:
        start: the estimate before matching, at 1/4 of the image's size.
        match: the result, at 1/2.
        rest: of every frame, in [0, 1]: 0 where the pose moves, at a cut, and without a frame before.
        tolerance: changes of the result below so many pixels are hardly followed.
        frames: of a clip.
    """

    start: Float[Tensor, "c 2 hq wq"]
    match: Float[Tensor, "c 2 hh wh"]
    rest: Float[Tensor, "b 2 hs ws"]
    tolerance: Float[Tensor, ""]
    frames: int

    @staticmethod
    def of(
        planes: Float[Tensor, "c 2 d hs ws"],
        rest: Float[Tensor, "b 2 hs ws"],
        tolerance: Float[Tensor, ""],
        frames: int,
    ) -> "Memory":
        """From the planes of a state."""
        coarse, fine = planes.float().chunk(2, dim=2)
        start, match = (coarse + fine).split((2**2, 4**2), dim=2)
        start, match = F.pixel_shuffle(start, 2)[:, :, 0], F.pixel_shuffle(match, 4)[:, :, 0]
        return Memory(start, match, rest, tolerance, frames)

    def packed(
        self, start: Float[Tensor, "b 2 hq wq"], match: Float[Tensor, "b 2 hh wh"], dtype: torch.dtype
    ) -> Float[Tensor, "c 2 d hs ws"]:
        """Each clip's last frame as planes of a state; what is too fine for half a float is kept beside it."""
        start, match = (values.unflatten(0, (-1, self.frames))[:, -1, :, None] for values in (start, match))
        values = torch.cat([F.pixel_unshuffle(start, 2), F.pixel_unshuffle(match, 4)], dim=2)
        coarse = values.to(dtype)
        return torch.cat([coarse, (values - coarse).to(dtype)], dim=2)

    def steady_start(
        self, now: Float[Tensor, "b 2 hq wq"], spread: Float[Tensor, "b 2 hq wq"]
    ) -> Float[Tensor, "b 2 hq wq"]:
        """The estimate before matching; it follows changes that are large against its standard deviation."""
        return self._steady(now, self.start, _START_TOLERANCE * spread)

    def steady_match(self, q: Float[Tensor, "n hh wh"]) -> Float[Tensor, "n hh wh"]:
        """The match at half the image's size, in cells; views mirrored by `mirror`, as stereo has them."""
        now = mirror(2 * q.unflatten(0, (-1, 2)))
        return mirror(self._steady(now, self.match, self.tolerance.expand_as(now))).flatten(0, 1) / 2

    def _steady(self, now: Tensor, before: Tensor, tolerance: Tensor) -> Tensor:
        rest = F.interpolate(self.rest, size=now.shape[-2:], mode="bilinear").to(now.dtype)
        moments = (values.unflatten(0, (-1, self.frames)).unbind(1) for values in (now, rest, tolerance))
        steady = []
        for value, resting, width in zip(*moments, strict=True):
            kept = _KEPT * resting / (1 + ((value - before) / width).square())
            before = torch.lerp(value, before, kept)
            steady.append(before)
        return torch.stack(steady, dim=1).flatten(0, 1)
