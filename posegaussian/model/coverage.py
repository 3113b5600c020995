"""The person's coverage where the given mattes are a hint, which evidence from the images corrects."""

from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from posegaussian.geometry.unmixing import background_nearby
from posegaussian.model.blocks import computed_once
from posegaussian.types import StereoPair

_CERTAIN = 0.01
"""A matte is never more certain than this, so that evidence of a logit of 4.6 makes it doubtful. Chosen by hand."""


@dataclass(frozen=True)
class Filmed:
    """A pair as filmed around the person."""

    images: Float[Tensor, "b 2 3 h w"]  # RGB
    background: Float[Tensor, "b 2 3 h w"]  # the colour nearby of what the masks leave out; 0 where there is none

    @classmethod
    def of(cls, pair: StereoPair) -> "Filmed":
        """What a pair shows, with the background of its masks."""
        background, known = background_nearby(pair.images, pair.masks)
        return cls(pair.images, computed_once(background * known))

    def alone(self, coverage: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 3 h w"]:
        """The colours without the contribution of the background to soft pixels."""
        return (self.images - (1 - coverage[:, :, None]) * self.background).clamp_min(0)


def was_filmed(images: Float[Tensor, "*b 3 h w"]) -> Bool[Tensor, "*b 1 h w"]:
    """Where the image is known: stores are black beyond a band around the matte."""
    return (images > 0).any(-3, keepdim=True)


def corrected(
    given: Float[Tensor, "*n"], evidence: Float[Tensor, "*n"]
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """given + (sigma(l + e) - sigma(l)) / s, where l is the logit of the given coverage; exactly this without evidence.

    Args:
        given: coverage in [0, 1].
        evidence: e, logits; positive where the person is.

    Returns:
        the corrected coverage, limited to [0, 1].
        l + e: for the loss, since the limits let no gradient pass where a matte is wrong and certain.
    """
    logit = given.clamp(_CERTAIN, 1 - _CERTAIN).logit()
    logits = logit + evidence.to(logit.dtype)
    # Divided by the range of the limited coverage, so that a certain matte can be overruled completely.
    return (given + (logits.sigmoid() - logit.sigmoid()) / (1 - 2 * _CERTAIN)).clamp(0, 1), logits
