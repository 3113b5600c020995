"""The whole configuration file, and the checks between its sections."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.assess import AssessSettings
from posegaussian.config.base import STRICT, Problem, unknown, without_problems
from posegaussian.config.builtin import BuiltinSettings
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.evaluate import EvaluateSettings
from posegaussian.config.find_people import FindPeopleSettings
from posegaussian.config.models import ModelSettings
from posegaussian.config.rectify import RectifySettings
from posegaussian.config.render import RenderSettings
from posegaussian.config.results import REFERENCES, ResultsSettings


@dataclass(frozen=True, config=STRICT)
class Config:
    """The whole configuration file."""

    captures: str = "config/captures.tsv"
    """The sheet of captures."""
    mmpose_env: str = ".venv-mmpose"
    """Folder of the MMPose environment when conda is not used; a relative path starts at the repository."""
    container: str | None = None
    """The image made from the Dockerfile, for `--software-deployment-method apptainer`: a `.sif` file or a URI such as
    `docker://...`."""
    report: tuple[str, ...] = ("demo",)
    """The models for which `snakemake` makes a report; each report compares all of them."""
    splats: Literal["report", "all"] = "report"
    """Captures whose Gaussians `render` writes as .ply: `report`: the first two of the split `test`, which reports show
    in 3D; `all`: all, 20 MB a frame at 1024 x 1024."""
    builtin: BuiltinSettings = BuiltinSettings()
    """Built-in captures."""
    presets: dict[str, BuiltinSettings] = Field(default_factory=dict)
    """Other kinds of built-in captures by name, for the column `preset` of the sheet."""
    people: FindPeopleSettings = FindPeopleSettings()
    """Finding the person in every image."""
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
    assess: AssessSettings = AssessSettings()
    """How good views are on a rig, by its own cameras."""
    results: ResultsSettings = ResultsSettings()
    """The table of results over groups of captures."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """What its sections say against each other."""
        for number, name in enumerate(self.report):
            if name not in self.models:
                yield ("report", number), unknown(name, "models", self.models)
        for name, model in self.models.items():
            if name in REFERENCES:
                yield ("models", name), "a reference row of the tables has this name; choose another"
            if model.detector not in self.detectors:
                yield ("models", name, "detector"), unknown(model.detector, "detectors", self.detectors)
            if model.weights == "train":
                yield from self._circle(name)
        yield from self._goals()

    def _circle(self, name: str) -> Iterator[Problem]:
        """A model whose `train.init` leads back to it."""
        path = [name]
        while (following := self.starts_from(path[-1])) not in (None, *path):
            if self.models[following].weights != "train":
                return
            path.append(following)
        if following == name:
            what = f" (through {', '.join(path[1:])})" if path[1:] else ""
            yield ("models", name, "train", "init"), f"a model cannot start from itself{what}"

    def starts_from(self, name: str) -> str | None:
        """The other model that a model's training starts from; None where that is no model of the configuration."""
        init = self.models[name].train.init
        return init if init in self.models and init != "release" else None

    def _goals(self) -> Iterator[Problem]:
        methods = (*REFERENCES, *self.report)
        for number, goal in enumerate(self.results.goals):
            if goal.method not in (None, *methods):
                yield ("results", "goals", number, "method"), unknown(str(goal.method), "report", methods)
            if goal.against not in (None, *methods, *self.results.groups):
                what = f"{goal.against!r} is no group and no reported model"
                yield ("results", "goals", number, "against"), what
            if goal.scope not in ("frames", "disparity", *self.evaluate.crops):
                known = unknown(goal.scope, "evaluate.crops", self.evaluate.crops)
                yield ("results", "goals", number, "scope"), known
