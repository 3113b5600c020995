"""The two encoders: of colour (image and mask) and of pose (heatmaps)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.blocks import Residual, add_coarse, conv, output, unshuffled
from posegaussian.model.coverage import was_filmed
from posegaussian.types import JOINTS


class ColorEncoder(nn.Module):
    """Image and mask to features at 1/2, 1/4, 1/8 and 1/16 of the image's size.

    Those at 1/16 include features at 1/32, for a wide receptive field (docs/method.md, "Encoders").

    Args:
        channels: of the features at the four scales.
        hint: whether the image outside of the mask is an input, too.
    """

    def __init__(self, channels: tuple[int, int, int, int], hint: bool = False):
        super().__init__()
        half, quarter, eighth, sixteenth = channels
        self.to_half = nn.Sequential(conv(28 if hint else 16, half, rectify=True), Residual(half))
        self.to_quarter = _down(half, quarter)
        self.to_eighth = _down(quarter, eighth)
        self.to_sixteenth = _down(eighth, sixteenth)
        self.to_thirtysecond = _down(sixteenth, sixteenth)
        self.from_thirtysecond = output(sixteenth, sixteenth, gain=0.05)

    def forward(
        self,
        images: Float[Tensor, "n 3 h w"],
        masks: Float[Tensor, "n 1 h w"],
        filmed: Float[Tensor, "n 3 h w"] | None = None,
    ) -> tuple[
        Float[Tensor, "n c1 h1 w1"],
        Float[Tensor, "n c2 h2 w2"],
        Float[Tensor, "n c3 h3 w3"],
        Float[Tensor, "n c4 h4 w4"],
    ]:
        """Features of each view.

        What the mask does not cover is set to 0, whatever its colour; as a hint, it follows in channels of its own.

        Args:
            images: the person on black.
            masks: coverage of the person.
            filmed: the images as filmed, where masks are a hint.
        """
        parts = [(4 * images - 2) * masks, masks]
        if filmed is not None:
            parts += [(4 * filmed - 2) * ((1 - masks) * was_filmed(filmed))]
        half = self.to_half(unshuffled(torch.cat(parts, dim=1)))
        quarter = self.to_quarter(half)
        eighth = self.to_eighth(quarter)
        sixteenth = self.to_sixteenth(eighth)
        context = self.from_thirtysecond(self.to_thirtysecond(sixteenth).relu())
        return half, quarter, eighth, add_coarse(sixteenth, context)


class PoseEncoder(nn.Module):
    """Heatmaps at 1/4 of the image's size, one channel per joint, to features at 1/4 and 1/8."""

    def __init__(self, channels: tuple[int, int]):
        super().__init__()
        quarter, eighth = channels
        self.to_quarter = nn.Sequential(conv(len(JOINTS), quarter), Residual(quarter))
        self.to_eighth = nn.Sequential(nn.ReLU(), conv(quarter, eighth, stride=2), Residual(eighth))

    def forward(
        self, heatmaps: Float[Tensor, "n 17 hq wq"]
    ) -> tuple[Float[Tensor, "n c2 h2 w2"], Float[Tensor, "n c3 h3 w3"]]:
        """Features of each view, from heatmaps that are weighted by their scores."""
        quarter = self.to_quarter(heatmaps)
        return quarter, self.to_eighth(quarter)


def _down(inputs: int, outputs: int) -> nn.Sequential:
    """Layers that halve the resolution."""
    return nn.Sequential(nn.ReLU(), conv(inputs, outputs, stride=2), Residual(outputs), Residual(outputs))
