"""The table of results over groups of captures, and what it is held against."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT


@dataclass(frozen=True, config=STRICT)
class TargetSettings:
    """A number of the table, and the bound that it should keep."""

    what: str
    """How the bound is called in the table."""
    group: str
    """Over which of `groups` the mean is taken."""
    metric: str
    """Which metric: a column of the tables, or `below_ceiling`: by how many dB of PSNR a model misses the ceiling."""
    protocol: str = "bbox"
    """By which protocol."""
    method: str | None = None
    """Of which model, `floor` or `ceiling`; null: of the model that the results are about."""
    against: str | None = None
    """The mean over this group, or of this method, is set against it; null: nothing is."""
    by: Literal["difference", "ratio"] = "difference"
    """How it is set against it."""
    least: float | None = None
    """The number should not be lower."""
    most: float | None = None
    """The number should not be higher."""


@dataclass(frozen=True, config=STRICT)
class ResultsSettings:
    """The results: one table over all held-out captures, a group of them at a time."""

    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """What stands in a row: names of captures or of presets by the row's title; none: a row for each capture."""
    targets: tuple[TargetSettings, ...] = ()
    """What the numbers should reach."""
    worst: int = 10
    """How many of the worst views are shown, of as many captures."""
