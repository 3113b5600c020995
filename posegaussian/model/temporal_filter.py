"""What was seen and found in the frame before, kept where the pose rests and nothing new is said (equation 13)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.model.constants import TemporalFilterConstants
from posegaussian.model.refinement import mirror

PLANES = 3 * 8**2 + 2 * (2**2 + 4**2)
"""Channels of a state, in cells of 8 x 8 pixels: a view's picture; disparities at 1/4 and 1/2, in two halves each."""


@dataclass(frozen=True)
class Memory:
    """Colours and disparities of the frame before each clip, and how far they are to be trusted.

    Args:
        image: RGB.
        start: the estimate before matching, at 1/4 of the image's size.
        match: the result, at 1/2; both in pixels.
        rest: of every frame, in [0, 1]: 0 where the pose moves, at a cut, and without a frame before.
        tolerances: changes below these are hardly followed: of colours at a rest of 1 - `stillness_margin`, and of the
            result in pixels.
        frames: of a clip.
        constants: of the temporal filter.
    """

    image: Float[Tensor, "c 2 3 h w"]
    start: Float[Tensor, "c 2 hq wq"]
    match: Float[Tensor, "c 2 hh wh"]
    rest: Float[Tensor, "b 2 hs ws"]
    tolerances: Float[Tensor, "2"]
    frames: int
    constants: TemporalFilterConstants

    @staticmethod
    def of(
        planes: Float[Tensor, "c 2 d hs ws"],
        rest: Float[Tensor, "b 2 hs ws"],
        tolerances: Float[Tensor, "2"],
        frames: int,
        constants: TemporalFilterConstants,
    ) -> "Memory":
        """From the planes of a state."""
        image, coarse, fine = planes.float().split((3 * 8**2, 2**2 + 4**2, 2**2 + 4**2), dim=2)
        start, match = (coarse + fine).split((2**2, 4**2), dim=2)
        start, match = F.pixel_shuffle(start, 2)[:, :, 0], F.pixel_shuffle(match, 4)[:, :, 0]
        return Memory(F.pixel_shuffle(image, 8), start, match, rest, tolerances, frames, constants)

    def packed(
        self,
        image: Float[Tensor, "b 2 3 h w"],
        start: Float[Tensor, "b 2 hq wq"],
        match: Float[Tensor, "b 2 hh wh"],
        dtype: torch.dtype,
    ) -> Float[Tensor, "c 2 d hs ws"]:
        """Each clip's last frame as planes of a state; what is too fine for half a float is kept beside it."""
        start, match = (values.unflatten(0, (-1, self.frames))[:, -1, :, None] for values in (start, match))
        values = torch.cat([F.pixel_unshuffle(start, 2), F.pixel_unshuffle(match, 4)], dim=2)
        coarse = values.to(dtype)
        image = F.pixel_unshuffle(image.unflatten(0, (-1, self.frames))[:, -1].to(dtype), 8)
        return torch.cat([image, coarse, (values - coarse).to(dtype)], dim=2)

    def steady_image(self, now: Float[Tensor, "b 2 3 h w"]) -> Float[Tensor, "b 2 3 h w"]:
        """The pictures; they follow changes that are large against the tolerance, which a surer rest widens."""
        margin = self.constants.stillness_margin
        sure = (2 * margin / (1 - self.rest + margin)).square()
        tolerance = F.interpolate(self.tolerances[0] * sure, now.shape[-2:], mode="bilinear")[:, :, None]
        return self._steady(now, self.image.to(now.dtype), tolerance)

    def steady_start(
        self, now: Float[Tensor, "b 2 hq wq"], spread: Float[Tensor, "b 2 hq wq"]
    ) -> Float[Tensor, "b 2 hq wq"]:
        """The estimate before matching; it follows changes that are large against its standard deviation."""
        tolerance = self.constants.prior_tolerance * spread[:, :, None]
        return self._steady(now[:, :, None], self.start[:, :, None], tolerance)[:, :, 0]

    def steady_match(self, q: Float[Tensor, "n hh wh"]) -> Float[Tensor, "n hh wh"]:
        """The match at half the image's size, in cells; views mirrored by `mirror`, as stereo has them."""
        now = mirror(2 * q.unflatten(0, (-1, 2)))[:, :, None]
        return mirror(self._steady(now, self.match[:, :, None], self.tolerances[1])[:, :, 0]).flatten(0, 1) / 2

    def _steady(
        self, now: Float[Tensor, "b 2 k h w"], before: Float[Tensor, "c 2 k h w"], tolerance: Tensor
    ) -> Float[Tensor, "b 2 k h w"]:
        """Equation 13, frame after frame."""
        most = self.constants.max_weight * self.rest
        rest = F.interpolate(most, size=now.shape[-2:], mode="bilinear").to(now.dtype)[:, :, None]
        moments = (
            values.unflatten(0, (-1, self.frames)).unbind(1) for values in (now, rest, tolerance.expand_as(rest))
        )
        steady = []
        for value, resting, width in zip(*moments, strict=True):
            change = (value - before).square().mean(2, keepdim=True)
            before = torch.lerp(value, before, resting / (1 + change / width.square()))
            steady.append(before)
        return torch.stack(steady, dim=1).flatten(0, 1)
