"""The section `results`: the table over groups of captures, and the goals that its numbers should reach."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, NameOf, Positive, Problem, unknown, without_problems
from posegaussian.registry import METRICS, metrics_on

DERIVED = {"below_ceiling": "how many dB of PSNR a model misses the ceiling by"}
"""What the tables derive from the metrics of image crops, with its description."""
REFERENCES = ("floor", "ceiling")
"""The reference rows of the tables, which no model may be named like."""


@dataclass(frozen=True, config=STRICT)
class GoalSettings:
    """A number of the table, and the bound that it should keep."""

    what: str
    """How the bound is called in the table."""
    group: str
    """Over which of `groups` the mean is taken."""
    metric: Annotated[str, NameOf(METRICS, **DERIVED)]
    """A metric of what `protocol` names, or, of an image crop, `below_ceiling`: how many dB of PSNR a model misses the
    ceiling by."""
    protocol: Literal["full", "bbox", "ghg", "video", "disparity"] = "bbox"
    """What is measured: an image crop (`full`, `bbox`, `ghg`), the `video`, or the `disparity`."""
    method: str | None = None
    """Whose number: a reported model, `floor` or `ceiling`; null: the model that the results are about."""
    against: str | None = None
    """Another group or method, whose mean the number is compared with; null: the number counts by itself."""
    by: Literal["difference", "ratio"] = "difference"
    """Whether the `difference` from `against` or the `ratio` to it is meant."""
    least: float | None = None
    """The number should not be lower."""
    most: float | None = None
    """The number should not be higher."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """What contradicts itself."""
        if self.metric not in (known := metrics_of(self.protocol)):
            yield ("metric",), f"{self.metric!r} is not a metric of protocol `{self.protocol}`: {', '.join(known)}"
        if self.least is not None and self.most is not None and self.least > self.most:
            yield ("least",), f"{self.least:g} is more than `most` {self.most:g}"
        if self.by == "ratio" and self.against is None:
            yield ("by",), "a ratio needs `against`"


def metrics_of(protocol: str) -> list[str]:
    """The metrics of the tables for an image crop, the `video` or the `disparity`, by name."""
    of_crop = protocol not in ("video", "disparity")
    return [*metrics_on("image"), *DERIVED] if of_crop else [*metrics_on(protocol)]


@dataclass(frozen=True, config=STRICT)
class ResultsSettings:
    """The results: one table over all held-out captures, a group of them at a time."""

    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """The tables' rows: names of captures or of presets by the row's title; none: a row for each capture."""
    goals: tuple[GoalSettings, ...] = ()
    """What the numbers should reach."""
    worst: Positive = 10
    """How many of the worst views are shown, each of another capture."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """What contradicts itself."""
        for number, goal in enumerate(self.goals):
            if self.groups and goal.group not in self.groups:
                yield ("goals", number, "group"), unknown(goal.group, "results.groups", self.groups)
