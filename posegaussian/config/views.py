"""Novel views and how they are measured."""

from typing import Literal

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, NonNegative, Positive, Size
from posegaussian.config.data import DetectorSettings, RectifySettings


@dataclass(frozen=True, config=STRICT)
class RenderSettings:
    """Novel views."""

    path_steps: Positive = 48
    """Pictures along the path between the cameras, per capture."""
    path_size: Size = (512, 512)
    """Width and height of the path's pictures, pixels."""
    fps: Positive = 12
    """Pictures per second of the MP4."""
    neighbours: NonNegative = 1
    """How many further pairs of cameras fill up what the pair around a view does not see; 0: none."""
    backend: Literal["auto", "numba", "gsplat", "inria", "torch"] = "auto"
    """Rasteriser."""


@dataclass(frozen=True, config=STRICT)
class ViewSettings:
    """One novel view rendered by hand, from a capture folder."""

    rectify: RectifySettings | None = None
    """Stereo rectification; null: as for the captures that the weights learned from, with the capture's own masks,
    or else those that its pictures of the empty scene give."""
    detector: DetectorSettings | None = None
    """The 2D pose detector; null: the one that the weights learned with."""
    size: Size | None = None
    """Width and height of the picture, pixels; null: those of the cameras."""
    backend: Literal["auto", "numba", "gsplat", "inria", "torch"] = "auto"
    """Rasteriser."""


@dataclass(frozen=True, config=STRICT)
class ExportSettings:
    """Pictures along a camera path, exported by hand."""

    steps: Positive = 48
    """Pictures along the path."""
    size: Size = (512, 512)
    """Width and height of the pictures, pixels."""
    degrees: float = 360.0
    """How far the path `orbit` goes."""
    fps: Positive = 12
    """Pictures per second of the MP4."""
    backend: Literal["auto", "numba", "gsplat", "inria", "torch"] = "auto"
    """Rasteriser."""


@dataclass(frozen=True, config=STRICT)
class EvaluateSettings:
    """Metrics."""

    protocols: tuple[Literal["full", "bbox", "ghg"], ...] = ("full", "bbox", "ghg")
    """Which crops are measured."""
    lpips_weights: str | None = None
    """Folder with LPIPS weights; null leaves the column empty and says so."""
