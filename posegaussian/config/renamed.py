"""Keys that had another name in earlier versions: one message lists all that a file uses, with their new names."""

from collections.abc import Iterator, Sequence
from typing import Any

from posegaussian.config.evaluate import EvaluateSettings
from posegaussian.config.models import ModelSettings
from posegaussian.config.results import GoalSettings, ResultsSettings
from posegaussian.config.train import TrainSettings
from posegaussian.config.whole import Config
from posegaussian.errors import ConfigError

RENAMED = {
    "models.*.train.looks": "models.*.train.stream_variants",
    "models.*.train.average": "models.*.train.ema_decay",
    "models.*.train.pose_loss": "models.*.train.losses.pose",
    "models.*.train.depth_loss": "models.*.train.losses.depth",
    "models.*.train.temporal_loss": "models.*.train.losses.temporal",
    "models.*.train.gradient_loss": "models.*.train.losses.gradient",
    "results.targets": "results.goals",
    "results.goals.*.protocol": "results.goals.*.scope",
    "evaluate.protocols": "evaluate.crops",
}
"""The new name of each key by its old one, in the same section; `*` stands for any name, or any place in a list,
the same in both."""
SECTIONS: dict[type, str] = {
    Config: "",
    ModelSettings: "models.*.",
    TrainSettings: "models.*.train.",
    ResultsSettings: "results.",
    GoalSettings: "results.goals.*.",
    EvaluateSettings: "evaluate.",
}
"""Where settings that are parsed by themselves lie in the configuration."""


def refuse_old_names(kind: type, values: Any, source: str) -> None:
    """Raise one error for all old names among plain values.

    Raises:
        ConfigError: there is an old name.
    """
    section = SECTIONS.get(kind)
    if section is None:
        return
    inside = {old: new for old, new in RENAMED.items() if old.startswith(section)}
    found = [
        f"`{_filled(old, names)}` is now `{_filled(new, names)}`"
        for old, new in ((old.removeprefix(section), new.removeprefix(section)) for old, new in inside.items())
        for names in _used(values, old.split("."))
    ]
    if found:
        raise ConfigError(f"renamed keys: {', '.join(found)}", code="renamed-settings", file=source)


def _used(values: Any, pattern: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The names that stand for each `*` of a pattern, for every key among nested values that it matches."""
    first, *rest = pattern
    if isinstance(values, list):
        values = dict(enumerate(values))
    if not isinstance(values, dict):
        return
    for key in values if first == "*" else {first} & values.keys():
        name = (str(key),) if first == "*" else ()
        yield from (name + names for names in _used(values[key], rest)) if rest else (name,)


def _filled(pattern: str, names: Sequence[str]) -> str:
    """A pattern with names in the places of its `*`."""
    return pattern.replace("*", "{}").format(*names)
