"""Which settings and files each stage of the workflow takes, by model and capture. No file is opened here.

A relative path is made by a rule; an absolute one is a file that is there already.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from posegaussian.config.builtin import BuiltinSettings
from posegaussian.config.load import without_defaults
from posegaussian.config.results import ResultsSettings
from posegaussian.config.sheet import BUILTIN, FETCHED, SCAN, CaptureRow, find
from posegaussian.config.whole import Config
from posegaussian.names import natural_order
from posegaussian.registry import DETECTORS

VIEWERS = 2
"""Number of captures whose Gaussians a report contains; chosen by hand, for the page's size."""
_PACKAGE = "package:"


def _no_masks(capture: str) -> bool:
    return False


@dataclass(frozen=True)
class Plan:
    """What the rules take from the configuration and the captures sheet.

    Args:
        config: the whole configuration.
        captures: the rows of the sheet by the capture's name.
        root: the repository.
        has_masks: whether all cameras of a user's capture have masks; called with its name, and only where it matters.
    """

    config: Config
    captures: Mapping[str, CaptureRow]
    root: Path
    has_masks: Callable[[str], bool] = _no_masks

    def of_split(self, split: str) -> list[str]:
        """The captures of a split, in the sheet's order."""
        return [name for name, row in self.captures.items() if row.split == split]

    def shown_in_3d(self) -> list[str]:
        """The captures whose Gaussians a report contains."""
        return self.of_split("test")[:VIEWERS]

    def with_splats(self) -> list[str]:
        """The captures whose Gaussians are written."""
        return list(self.captures) if self.config.splats == "all" else self.shown_in_3d()

    @cached_property
    def seeds(self) -> dict[str, int]:
        """The seed of each built-in capture."""
        return {name: int(seed) for name, seed in self._made(BUILTIN).items()}

    @cached_property
    def scans(self) -> dict[str, str]:
        """The folder of each scan that a capture is rendered from."""
        return self._made(SCAN)

    @cached_property
    def fetched(self) -> dict[str, str]:
        """The footage that each capture is, which is downloaded."""
        return self._made(FETCHED)

    def _made(self, kind: str) -> dict[str, str]:
        return {name: row.path.removeprefix(kind) for name, row in self.captures.items() if row.path.startswith(kind)}

    def is_made(self, capture: str) -> bool:
        """Whether a rule makes the capture."""
        return capture in self.seeds or capture in self.scans or capture in self.fetched

    def builtin(self, capture: str) -> BuiltinSettings:
        """How a built-in capture or a scan's is made."""
        preset = self.captures[capture].preset
        return self.config.presets[preset] if preset else self.config.builtin

    def person(self, capture: str) -> int:
        """Which of several people a capture is about."""
        return int(self.captures[capture].person or 1)

    def people(self, captures: Iterable[str]) -> list[str]:
        """The files of the people in captures."""
        return [f"results/people/{capture}.h5" for capture in captures]

    def people_of_heatmaps(self, detector: str, capture: str) -> list[str]:
        """The file of the people whose joints a detector takes; none where it looks at the rectified images itself.

        A detector of the same network as the stage `people` takes them, of footage whose masks are found: given masks
        may be those of another person.
        """
        chosen, given = self.config.detectors[detector], self.config.people.weights
        kind = DETECTORS[chosen.kind]
        same = kind.reads_people and (chosen.weights or kind.weights) == (given or kind.weights)
        return self.people([capture]) if same and self._finds_masks(capture) else []

    def people_of_rectify(self, capture: str) -> list[str]:
        """The file of the people that masks are made of, and that lists the frames with the person.

        None where masks are given. With `background` and `median`, nobody has to be found: what differs from the empty
        scene is taken then. So they need the file only where frames without the person are left out.
        """
        needed = self.config.rectify.masks == "auto" or self.config.people.missing == "skip"
        return self.people([capture]) if needed and self._finds_masks(capture) else []

    def people_of_report(self, model: str) -> list[str]:
        """The files of the people that the results of a model were made of."""
        detector, tested = self.config.models[model].detector, self.of_split("test")
        both = [(*self.people_of_rectify(name), *self.people_of_heatmaps(detector, name)) for name in tested]
        return list(dict.fromkeys(path for paths in both for path in paths))

    def person_option(self, capture: str) -> str:
        """The option of `rectify` that chooses among several people where it looks for them itself."""
        number = self.person(capture)
        return f"--person {number}" if number > 1 and self._finds_masks(capture) else ""

    def _finds_masks(self, capture: str) -> bool:
        """Whether masks are found. Most built-in captures and scans have true masks; fetched ones have none."""
        kind = self.config.rectify.masks
        if kind == "given":
            return False
        if capture in self.seeds or capture in self.scans:
            return not self.builtin(capture).source_masks
        return kind != "auto" or capture in self.fetched or not self.has_masks(capture)

    def rectified(self, captures: Iterable[str]) -> list[str]:
        """The rectified files of captures."""
        return [f"results/rectified/{capture}.h5" for capture in captures]

    def heatmaps(self, model: str, captures: Iterable[str]) -> list[str]:
        """The heatmap files of captures that a model reads."""
        detector = self.config.models[model].detector
        return [f"results/heatmaps/{detector}/{capture}.h5" for capture in captures]

    def environment(self, detector: str) -> str:
        """The environment that a detector runs in, by the name of its file in envs/."""
        return DETECTORS[self.config.detectors[detector].kind].environment

    def detector_files(self, detector: str) -> list[str]:
        """A detector's configuration and weights, except what is downloaded; a name of MMPose's is no file."""
        chosen = self.config.detectors[detector]
        kind = DETECTORS[chosen.kind]
        packaged = self.root / "posegaussian/assets" / kind.assets
        files = [
            packaged / name.removeprefix(_PACKAGE) if name.startswith(_PACKAGE) else Path(name)
            for name in (chosen.config, chosen.weights or kind.weights)
            if name
        ]
        return [str(path) for path in files if chosen.url is None or path.parent == packaged]

    def phases(self, model: str) -> tuple[str, ...]:
        """The phases of a model's training; none for weights that are given."""
        if self.config.models[model].weights != "train":
            return ()
        return ("depth", "full") if self.config.models[model].train.depth_steps else ("full",)

    def train_settings(self, model: str, phase: str) -> dict[str, Any]:
        """A model's settings as far as a phase of its training depends on them."""
        values = without_defaults(replace(self.config.models[model], weights="train"))
        if phase == "depth":
            values.get("train", {}).pop("full_steps", None)
        return values

    def learned(self, model: str) -> list[str]:
        """The captures that a model is trained on."""
        return self.of_split("train") if self.config.models[model].learns_from_captures else []

    def init(self, model: str, phase: str) -> str | None:
        """The weights that a phase of a model's training starts from: of the phase before, or of `train.init`."""
        chosen = self.config.models[model].train
        if phase == "full" and chosen.depth_steps:
            return f"results/models/{model}/depth.safetensors"
        other = self.config.starts_from(model)
        return self.weights(other) if other else chosen.init and self._given(chosen.init)

    def weights(self, model: str) -> str:
        """The weights that a model renders with: trained here, released with the project, or the user's own file."""
        weights = self.config.models[model].weights
        return f"results/models/{model}/full.safetensors" if weights == "train" else self._given(weights)

    def _given(self, weights: str) -> str:
        """Weights that are there already: `release`, or a path.

        Absolute, so that weights of another configuration's model are a file, not a wish to train that model.
        """
        if weights == "release":
            return str(self.root / "posegaussian/assets/weights/release.safetensors")
        return str(find(weights, self.root).absolute())

    def curves(self, model: str) -> list[str]:
        """The training curves of a model, where it is trained here."""
        return [f"results/models/{model}/{phase}.csv" for phase in self.phases(model)]

    def groups(self) -> dict[str, tuple[str, ...]]:
        """The held-out captures of every group of the results, presets replaced by their captures."""
        tested = self.of_split("test")
        return {
            title: tuple(name for name in tested if name in names or self.captures[name].preset in names)
            for title, names in self.config.results.groups.items()
        }

    def results(self) -> ResultsSettings:
        """The settings of the results, with captures alone in their groups."""
        return replace(self.config.results, groups=self.groups())

    def measured(self, model: str) -> list[str]:
        """The captures on which the results need a model: all for the first of the report, and for one without goals.

        A model that goals compare the first one with needs only the groups of those goals.
        """
        tested, groups = self.of_split("test"), self.groups()
        compared = [goal.group for goal in self.config.results.goals if goal.against == model]
        if model == self.config.report[0] or not compared:
            return tested
        return sorted({name for group in compared for name in groups.get(group, (group,))}, key=natural_order)

    def others(self, model: str) -> list[str]:
        """The other models of the report, which a model's page is compared with."""
        return [name for name in self.config.report if name != model]
