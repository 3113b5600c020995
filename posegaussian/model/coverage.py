"""The person's coverage where the given mattes are a hint, which evidence from the images corrects."""

from jaxtyping import Bool, Float
from torch import Tensor

_CERTAIN = 0.01
"""A matte is never more certain than this, so that evidence of a logit of 4.6 makes it doubtful. Chosen by hand."""


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
