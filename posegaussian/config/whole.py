"""The whole configuration file."""

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT
from posegaussian.config.data import DetectorSettings, RectifySettings
from posegaussian.config.model import ModelSettings
from posegaussian.config.results import ResultsSettings
from posegaussian.config.synthetic import BuiltinSettings
from posegaussian.config.views import EvaluateSettings, RenderSettings


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole configuration file."""

    captures: str = "config/captures.tsv"
    """The sheet of captures."""
    mmpose_env: str = ".venv-mmpose"
    """Folder of the MMPose environment when conda is not used; relative paths start at the repository."""
    container: str | None = None
    """The image that the Dockerfile makes, for `--software-deployment-method apptainer`: a .sif file or a URI."""
    report: tuple[str, ...] = ("demo",)
    """Models that `snakemake` takes as far as the report."""
    builtin: BuiltinSettings = BuiltinSettings()
    """Built-in captures."""
    presets: dict[str, BuiltinSettings] = Field(default_factory=dict)
    """Other kinds of built-in captures by name, for the column `preset` of the sheet."""
    rectify: RectifySettings = RectifySettings()
    """Stereo rectification."""
    detectors: dict[str, DetectorSettings] = Field(default_factory=dict)
    """2D pose detectors by name."""
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    """Models by name."""
    render: RenderSettings = RenderSettings()
    """Novel views."""
    evaluate: EvaluateSettings = EvaluateSettings()
    """Metrics."""
    results: ResultsSettings = ResultsSettings()
    """The table of results over groups of captures."""
