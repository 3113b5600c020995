"""The person's coverage where the given mattes are a hint, which evidence from the images corrects."""

from jaxtyping import Float
from torch import Tensor

_CERTAIN = 0.0025
"""A matte is never more certain than this, so that evidence of a logit of 6 makes it doubtful. Chosen by hand."""


def corrected(
    given: Float[Tensor, "*n"], evidence: Float[Tensor, "*n"]
) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
    """given + sigma(l + e) - sigma(l), where l is the logit of the given coverage; without evidence exactly the given.

    Args:
        given: coverage in [0, 1].
        evidence: e, logits; positive where the person is.

    Returns:
        the corrected coverage, limited to [0, 1].
        l + e: for the loss, since the limits let no gradient pass where a matte is wrong and certain.
    """
    logit = given.clamp(_CERTAIN, 1 - _CERTAIN).logit()
    logits = logit + evidence.to(logit.dtype)
    return (given + (logits.sigmoid() - logit.sigmoid())).clamp(0, 1), logits
