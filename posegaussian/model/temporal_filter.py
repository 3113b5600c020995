"""The temporal filter: images and disparities averaged over frames where the pose is still (equation 13)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.model.constants import TemporalFilterConstants
from posegaussian.model.refinement import mirror

STATE_CHANNELS = 3 * 8**2 + 2 * (2**2 + 4**2)
"""Channels of the filter's part of a state, in cells of 8 x 8 pixels: the image of a view, and its disparities at 1/4
and 1/2, each as a coarse and a fine part (see `TemporalFilter.packed_state`)."""


@dataclass(frozen=True)
class TemporalFilter:
    """A recursive filter for one batch of clips, with the filtered values of the frame before each clip."""

    image: Float[Tensor, "c 2 3 h w"]  # RGB
    prior: Float[Tensor, "c 2 hq wq"]  # mean of the disparity prior at 1/4 of the image's size, in pixels
    match: Float[Tensor, "c 2 hh wh"]  # the match at 1/2 of the image's size, in pixels
    # of every frame, in [0, 1]: 0 where the pose moves, at a cut, and without a frame before
    stillness: Float[Tensor, "b 2 hs ws"]
    # changes below these are averaged away: of colours at a stillness of 1 - `stillness_margin`, and of the match, in
    # pixels
    tolerances: Float[Tensor, "2"]
    frames: int  # per clip
    constants: TemporalFilterConstants  # of the temporal filter

    @staticmethod
    def from_state(
        planes: Float[Tensor, "c 2 d hs ws"],
        stillness: Float[Tensor, "b 2 hs ws"],
        tolerances: Float[Tensor, "2"],
        frames: int,
        constants: TemporalFilterConstants,
    ) -> "TemporalFilter":
        """The filter with the values that `packed_state` packed."""
        image, coarse, fine = planes.float().split((3 * 8**2, 2**2 + 4**2, 2**2 + 4**2), dim=2)
        prior, match = (coarse + fine).split((2**2, 4**2), dim=2)
        prior, match = F.pixel_shuffle(prior, 2)[:, :, 0], F.pixel_shuffle(match, 4)[:, :, 0]
        return TemporalFilter(F.pixel_shuffle(image, 8), prior, match, stillness, tolerances, frames, constants)

    def packed_state(
        self,
        image: Float[Tensor, "b 2 3 h w"],
        prior: Float[Tensor, "b 2 hq wq"],
        match: Float[Tensor, "b 2 hh wh"],
        dtype: torch.dtype,
    ) -> Float[Tensor, "c 2 d hs ws"]:
        """The filtered values of each clip's last frame as planes of a state.

        A disparity is the sum of two planes, its value in `dtype` and the rounding error: float16 alone has steps of up
        to half a pixel at large disparities.
        """
        prior, match = (values.unflatten(0, (-1, self.frames))[:, -1, :, None] for values in (prior, match))
        values = torch.cat([F.pixel_unshuffle(prior, 2), F.pixel_unshuffle(match, 4)], dim=2)
        coarse = values.to(dtype)
        image = F.pixel_unshuffle(image.unflatten(0, (-1, self.frames))[:, -1].to(dtype), 8)
        return torch.cat([image, coarse, (values - coarse).to(dtype)], dim=2)

    def filter_image(self, now: Float[Tensor, "b 2 3 h w"]) -> Float[Tensor, "b 2 3 h w"]:
        """The filtered images; the tolerance grows with the stillness."""
        margin = self.constants.stillness_margin
        factor = (2 * margin / (1 - self.stillness + margin)).square()
        tolerance = F.interpolate(self.tolerances[0] * factor, now.shape[-2:], mode="bilinear")[:, :, None]
        return self._filtered(now, self.image.to(now.dtype), tolerance)

    def filter_prior(
        self, now: Float[Tensor, "b 2 hq wq"], sigma: Float[Tensor, "b 2 hq wq"]
    ) -> Float[Tensor, "b 2 hq wq"]:
        """The filtered mean of the disparity prior; the tolerance is a share of its standard deviation `sigma`."""
        tolerance = self.constants.prior_tolerance * sigma[:, :, None]
        return self._filtered(now[:, :, None], self.prior[:, :, None], tolerance)[:, :, 0]

    def filter_match(self, q: Float[Tensor, "n hh wh"]) -> Float[Tensor, "n hh wh"]:
        """The filtered match at half the image's size, in cells; views mirrored by `mirror`, as in stereo."""
        now = mirror(2 * q.unflatten(0, (-1, 2)))[:, :, None]
        return mirror(self._filtered(now, self.match[:, :, None], self.tolerances[1])[:, :, 0]).flatten(0, 1) / 2

    def _filtered(
        self, now: Float[Tensor, "b 2 k h w"], before: Float[Tensor, "c 2 k h w"], tolerance: Tensor
    ) -> Float[Tensor, "b 2 k h w"]:
        """Equation 13, frame after frame: a change much larger than the tolerance is followed at once."""
        weight = self.constants.max_weight * self.stillness
        weight = F.interpolate(weight, size=now.shape[-2:], mode="bilinear").to(now.dtype)[:, :, None]
        frames = (
            values.unflatten(0, (-1, self.frames)).unbind(1) for values in (now, weight, tolerance.expand_as(weight))
        )
        filtered = []
        for value, most, width in zip(*frames, strict=True):
            change = (value - before).square().mean(2, keepdim=True)
            before = torch.lerp(value, before, most / (1 + change / width.square()))
            filtered.append(before)
        return torch.stack(filtered, dim=1).flatten(0, 1)
