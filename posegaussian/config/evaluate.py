"""The section `evaluate`: metrics of the novel views."""

from typing import Literal

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT


@dataclass(frozen=True, config=STRICT)
class EvaluateSettings:
    """Metrics."""

    protocols: tuple[Literal["full", "bbox", "ghg"], ...] = ("full", "bbox", "ghg")
    """Which image crops are measured (docs/conventions.md)."""
    lpips_weights: str | None = None
    """Folder with LPIPS weights; null leaves the column empty and says so."""
