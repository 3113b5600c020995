"""Mattes corrected before any other part of the network sees them: a U-Net of each view by itself."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import Residual, add_coarse, conv, output, unshuffled
from posegaussian.model.coverage import corrected, was_filmed

_CHANNELS = (24, 32, 48, 64)
"""At 1/2 to 1/16 of the image's size. Chosen by hand: a tenth of the network's parameters."""
_INPUTS = 5
"""Channels of a pixel: the image as filmed (3), the matte, and whether the pixel was filmed."""
_LEAST_CHANGE = 0.02
"""Corrections of the coverage by less are not made, so that exact mattes stay as they are. Chosen by hand: five steps
of 8 bits."""


class MatteCorrection(nn.Module):
    """Evidence of the person in every pixel, from the image as filmed around the matte; about 0 before training."""

    def __init__(self):
        super().__init__()
        first, *lower = _CHANNELS
        self.to_half = nn.Sequential(conv(4 * _INPUTS, first, rectify=True), Residual(first))
        self.down = nn.ModuleList(
            nn.Sequential(nn.ReLU(), conv(inputs, outputs, stride=2), Residual(outputs))
            for inputs, outputs in zip(_CHANNELS, lower, strict=False)
        )
        self.lateral = nn.ModuleList(
            conv(inputs, outputs, 1) for inputs, outputs in zip(lower, _CHANNELS, strict=False)
        )
        self.up = nn.ModuleList(Residual(channels) for channels in _CHANNELS[:-1])
        self.evidence = output(first, 4, gain=0.01)

    def forward(
        self, images: Float[Tensor, "b 2 3 h w"], masks: Float[Tensor, "b 2 1 h w"]
    ) -> tuple[Float[Tensor, "b 2 1 h w"], Float[Tensor, "b 2 h w"]]:
        """The corrected mattes, without a gradient: their coverage has a loss of its own.

        Args:
            images: RGB as filmed around the person; sides are multiples of 16 pixels.
            masks: the given mattes.

        Returns:
            coverage in [0, 1]; the given one where nothing was filmed, or where the correction is small.
            the logits of its estimate, for the loss.
        """
        known = was_filmed(images) | (masks > 0)
        seen = torch.cat([(2 * images - 1) * known, 2 * masks - 1, known.to(images.dtype)], dim=2).flatten(0, 1)
        features = self.to_half(unshuffled(seen.to(self.evidence.weight.dtype)))
        skipped = [features]
        for level in self.down:
            skipped.append(level(skipped[-1]))
        features = skipped.pop()
        for lateral, level in zip(reversed(self.lateral), reversed(self.up), strict=True):
            features = level(add_coarse(skipped.pop(), lateral(features.relu())))
        evidence = nn.functional.pixel_shuffle(self.evidence(features.relu()), 2).unflatten(0, (-1, 2))
        estimate, logits = corrected(masks, evidence)
        large = (estimate - masks).abs() >= _LEAST_CHANGE
        return torch.where(known & large, estimate, masks).detach(), logits[:, :, 0]
