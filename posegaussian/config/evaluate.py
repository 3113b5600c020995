"""The section `evaluate`: metrics of novel views."""

from typing import Literal

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT


@dataclass(frozen=True, config=STRICT)
class EvaluateSettings:
    """Metrics."""

    crops: tuple[Literal["full", "bbox", "ghg"], ...] = ("full", "bbox", "ghg")
    """Image crops in which the views are measured."""
    lpips_weights: str | None = None
    """Folder with the weights of AlexNet for LPIPS; null leaves the column empty, with a note."""
