"""The keys `matte`: errors of the mattes of streamed people."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fraction
from posegaussian.config.ranges import between


@dataclass(frozen=True, config=STRICT)
class MatteErrorSettings:
    """Errors of the mattes, drawn for each view; a kind that is not named is off.

    Lengths are in pixels of an image whose longer side has 1024. In rooms the images of the stream are as filmed in a
    band around the erroneous matte; without a room they are black outside of the exact one.
    """

    share: Fraction = 1.0
    """Share of clips that have an error of a kind, drawn for each kind by itself."""
    exact: Fraction = 0.0
    """Share of clips whose mattes have no errors at all."""
    changing: Fraction = 0.0
    """Share of clips whose errors are drawn anew for every frame; the others keep theirs."""
    offset: between(-12, 12) = (0.0, 0.0)
    """How far the edge lies outside (positive) or inside of the true one, pixels."""
    ragged: between(0, 8) = (0.0, 0.0)
    """Standard deviation of the edge's place along the edge, pixels."""
    soft: between(0, 12) = (0.0, 0.0)
    """Standard deviation of the edge's blur, pixels."""
    holes: between(0, 12) = (0.0, 0.0)
    """Number of holes inside of the person."""
    leaks: between(0, 12) = (0.0, 0.0)
    """Number of patches of the background's own colour that belong to the matte, beside the person and near edges of
    the background."""
    lost: Fraction = 0.0
    """Probability that a hand or a foot is missing from the matte."""
    found: Fraction = 0.0
    """Share of clips in rooms whose mattes are those that the networks of the stage `people` find in each image by
    itself, in place of those with the errors above."""
