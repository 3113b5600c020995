"""Keys that had another name in earlier versions: one message lists all that a file uses, with their new names."""

from collections.abc import Iterator, Sequence
from typing import Any

from posegaussian.config.models import ModelSettings
from posegaussian.config.results import ResultsSettings
from posegaussian.config.train import TrainSettings
from posegaussian.config.whole import Config
from posegaussian.errors import ConfigError

RENAMED = {
    "models.*.train.looks": "stream_variants",
    "models.*.train.average": "ema_decay",
    "results.targets": "goals",
}
"""The new last part of each key by its old full name; `*` stands for any name."""
SECTIONS: dict[type, str] = {
    Config: "",
    ModelSettings: "models.*.",
    TrainSettings: "models.*.train.",
    ResultsSettings: "results.",
}
"""Where settings that are parsed by themselves lie in the configuration."""


def refuse_old_names(kind: type, values: Any, source: str) -> None:
    """Raise one error for all old names among plain values.

    Args:
        kind: the class that the values are for.
        values: as YAML or JSON gives them.
        source: named in the error.

    Raises:
        ConfigError: there is an old name.
    """
    section = SECTIONS.get(kind)
    if section is None:
        return
    found = [
        f"`{old}` is now `{old[: old.rfind('.') + 1]}{new}`"
        for pattern, new in RENAMED.items()
        if pattern.startswith(section)
        for old in _used(values, pattern.removeprefix(section).split("."))
    ]
    if found:
        raise ConfigError(f"renamed keys: {', '.join(found)}", code="renamed-settings", file=source)


def _used(values: Any, pattern: Sequence[str]) -> Iterator[str]:
    """The keys among nested values that a pattern matches, as dotted paths."""
    first, *rest = pattern
    if not isinstance(values, dict):
        return
    for key in values if first == "*" else {first} & values.keys():
        if rest:
            yield from (f"{key}.{path}" for path in _used(values[key], rest))
        else:
            yield str(key)
