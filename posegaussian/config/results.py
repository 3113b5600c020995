"""The section `results`: tables of means over groups of captures, and goals for their numbers."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, NameOf, Positive, Problem, unknown, without_problems
from posegaussian.registry import METRICS, metrics_on

DERIVED = {"gap_to_gt_depth": "PSNR of the model minus PSNR of `gt_depth`, dB; positive: the model is better"}
"""Metrics of image crops that the tables derive from others, with their descriptions."""
REFERENCES = ("plane_warp", "gt_depth")
"""The reference rows of the tables; no model may have one of these names."""


@dataclass(frozen=True, config=STRICT)
class GoalSettings:
    """A number of the tables, and the bounds that it should keep."""

    what: str
    """Title of the goal in the table of goals."""
    group: str
    """The one of `groups` over which the mean is taken."""
    metric: Annotated[str, NameOf(METRICS, **DERIVED)]
    """A metric of the scope; `gap_to_gt_depth` (of an image crop) is PSNR of the model minus PSNR of `gt_depth`, dB:
    positive means that the model is better."""
    scope: Literal["full", "bbox", "ghg", "frames", "disparity"] = "bbox"
    """What the metric is measured on: an image crop (`full`, `bbox`, `ghg`), all `frames` of a camera, or the
    `disparity`."""
    method: str | None = None
    """The model or reference row that is measured: a reported model, `plane_warp` or `gt_depth`; null: the model that
    the results are about."""
    against: str | None = None
    """Another group or method to compare with; null: the bounds apply to the number itself."""
    by: Literal["difference", "ratio"] = "difference"
    """How the number is compared with that of `against`."""
    least: float | None = None
    """Lower bound."""
    most: float | None = None
    """Upper bound."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions between the keys."""
        if self.metric not in (known := metrics_of(self.scope)):
            yield ("metric",), f"{self.metric!r} is not a metric of scope `{self.scope}`: {', '.join(known)}"
        if self.least is not None and self.most is not None and self.least > self.most:
            yield ("least",), f"{self.least:g} is more than `most` {self.most:g}"
        if self.by == "ratio" and self.against is None:
            yield ("by",), "a ratio needs `against`"


def metrics_of(scope: str) -> list[str]:
    """Names of the metrics of an image crop, of `frames` or of `disparity`."""
    return [*metrics_on(scope)] if scope in ("frames", "disparity") else [*metrics_on("image"), *DERIVED]


@dataclass(frozen=True, config=STRICT)
class ResultsSettings:
    """The tables of results over all held-out captures."""

    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Rows of the tables: names of captures or presets by the title of the row; none: one row per capture."""
    goals: tuple[GoalSettings, ...] = ()
    """Bounds that numbers of the tables should keep."""
    worst: Positive = 10
    """Number of worst views to show, one per capture."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions between the keys."""
        for number, goal in enumerate(self.goals):
            if self.groups and goal.group not in self.groups:
                yield ("goals", number, "group"), unknown(goal.group, "results.groups", self.groups)
