"""Mattes corrected before any other part of the network sees them: a U-Net of each view by itself."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.model.coverage import corrected, was_filmed
from posegaussian.model.unet import UNet, without_normalisation

_LEAST_CHANGE = 0.02
"""Corrections of the coverage by less are not made, so that exact mattes stay as they are. Chosen by hand: five steps
of 8 bits."""
_LEAST_WIDTH = 0.5
"""A view whose correction is narrower than this along the person's outline, in pixels, keeps its matte. Measured on
built-in captures without rooms at 256, 512 and 1024 px: exact mattes get 0.2 to 0.4 px at each size (once 0.7), mattes
that are n px too small or too large 0.5 n to 1.0 n."""
_FIRST_GAIN = 0.01
"""Of the last layer before training, so that no matte changes at first. Chosen by hand."""


class MatteCorrection(nn.Module):
    """Evidence of the person in every pixel, from the image as filmed around the matte; about 0 before training."""

    def __init__(self):
        super().__init__()
        self.unet = UNet().eval()
        without_normalisation(self.unet)
        self.unet.requires_grad_()  # The biases that the merging adds are not trained otherwise.
        self.forget()

    @torch.no_grad()
    def forget(self) -> None:
        """Start the last layer anew: the U-Net finds features, and no evidence."""
        self.unet.logits.reset_parameters()
        self.unet.logits.weight *= _FIRST_GAIN
        assert self.unet.logits.bias is not None
        self.unet.logits.bias.zero_()

    def forward(
        self, images: Float[Tensor, "b 2 3 h w"], masks: Float[Tensor, "b 2 1 h w"]
    ) -> tuple[Float[Tensor, "b 2 1 h w"], Float[Tensor, "b 2 h w"]]:
        """The corrected mattes, without a gradient: their coverage has a loss of its own.

        Args:
            images: RGB as filmed around the person; sides are multiples of `unet.STRIDE`.
            masks: the given mattes.

        Returns:
            coverage in [0, 1]; the given one where nothing was filmed, where the correction is small, and in views that
                hardly change.
            the logits of its estimate, for the loss.
        """
        known = was_filmed(images) | (masks > 0)
        # The last channel is that of the bones of the matting network, whose weights training starts from: there are
        # none. What was not filmed is 0, as outside of the image there.
        seen = torch.cat([2 * images - 1, 2 * masks - 1, torch.full_like(masks, -1)], dim=2) * known
        evidence = self.unet(seen.flatten(0, 1).to(self.unet.logits.weight.dtype)).unflatten(0, (-1, 2))
        estimate, logits = corrected(masks, evidence)
        change = (estimate - masks).abs() * known
        change = change * (change >= _LEAST_CHANGE)
        wrong = change.sum((-2, -1), keepdim=True) > _LEAST_WIDTH * _outline(masks)
        return torch.where((change > 0) & wrong, estimate, masks).detach(), logits[:, :, 0]


def _outline(masks: Float[Tensor, "b 2 1 h w"]) -> Float[Tensor, "b 2 1 1 1"]:
    """Length of the outlines, in pixels: the total variation, which soft edges leave as it is."""
    down = masks[..., 1:, :-1] - masks[..., :-1, :-1]
    right = masks[..., :-1, 1:] - masks[..., :-1, :-1]
    return torch.hypot(down, right).sum((-2, -1), keepdim=True)
