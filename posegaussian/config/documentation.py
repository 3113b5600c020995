"""The JSON schemas and config/README.md, both from the classes of the settings and the docstrings of their fields.

The text around the tables is `readme.md.j2`, which calls `table` and `ranges` for each section. The names that
keys take stand in the registry.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from posegaussian.config.adapt import AdaptSettings
from posegaussian.config.export import ExportSettings
from posegaussian.config.live import LiveSettings
from posegaussian.config.load import json_schema
from posegaussian.config.sheet import CaptureRow
from posegaussian.config.view import ViewSettings
from posegaussian.config.whole import Config
from posegaussian.registry import (
    CAPTURE_FORMATS,
    DETECTORS,
    EXPORT_FORMATS,
    FOOTAGE,
    METRIC_WEIGHTS,
    METRICS,
    RASTERIZERS,
    Entry,
)

_KINDS = {"config": Config, "captures": CaptureRow}
_COMMANDS = (ViewSettings, AdaptSettings, ExportSettings, LiveSettings)
"""Settings of commands that have no section in the configuration."""
_TEMPLATE = Path(__file__).with_name("readme.md.j2")
_NAMED: dict[str, Mapping[str, Entry]] = {
    "`results.goals`, `metric`": METRICS,
    "`backend`": RASTERIZERS,
    "`detectors`, `kind`": DETECTORS,
    "`import --format`": CAPTURE_FORMATS,
    "`export --as`": EXPORT_FORMATS,
    "`fetch`, and `fetch:NAME` in the sheet": FOOTAGE,
    "`fetch`": METRIC_WEIGHTS,
}
"""The tables of the registry, except the losses, by where settings and commands take their names."""


def documentation(schemas: Path, readme: Path) -> dict[Path, str]:
    """The text of each generated file."""
    found = {schemas / f"{name}.schema.json": json_schema(kind) for name, kind in _KINDS.items()}
    texts = {path: json.dumps(schema, indent=2) + "\n" for path, schema in found.items()}
    return {**texts, readme: readme_text()}


def readme_text() -> str:
    """The page that explains every key."""
    from jinja2 import Environment, StrictUndefined  # here, since the MMPose environment has none

    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    tables = Tables(_classes())
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(table=tables.table, ranges=tables.ranges, names=_names())


def _classes() -> dict[str, Any]:
    """The JSON schema of every class of settings, by its name."""
    found: dict[str, Any] = {}
    for kind in (Config, CaptureRow, *_COMMANDS):
        schema = json_schema(kind)
        found |= {**schema.get("$defs", {}), kind.__name__: schema}
    return found


def _names() -> str:
    """The table of all names of the registry that settings and commands take."""
    rows = [
        f"| {where} | `{name}` | {entry.about} |" for where, table in _NAMED.items() for name, entry in table.items()
    ]
    return "\n".join(["| where | name | what it is |", "| --- | --- | --- |", *rows])


@dataclass(frozen=True)
class Tables:
    """Tables of keys in Markdown.

    Args:
        classes: the JSON schema of every class of settings, by its name.
    """

    classes: Mapping[str, Any]

    def table(self, kind: str, *elsewhere: str, only: tuple[str, ...] = ()) -> str:
        """The table of a class of settings: key, default, meaning; nested settings follow their key, indented.

        Args:
            kind: the class.
            elsewhere: classes of nested settings that have a table of their own.
            only: the keys to list; default: all.
        """
        head = ["| key | default | meaning |", "| --- | --- | --- |"]
        return "\n".join([*head, *self._rows(self.classes[kind], frozenset(elsewhere), only)])

    def ranges(self, key: str, kind: str) -> str:
        """The table of the nested settings that built-in captures and the stream share, with the defaults of both."""
        sections = ("BuiltinSettings", "StreamSettings")
        defaults = [self.classes[name]["properties"][key]["default"] for name in sections]
        lines = ["| key | captures | stream | meaning |", "| --- | --- | --- | --- |"]
        for name, field in self.classes[kind]["properties"].items():
            cells = [_value(default[name], field) for default in defaults]
            lines.append(f"| `{name}` | {' | '.join(cells)} | {self._meaning(field)}. |")
        return "\n".join(lines)

    def _rows(
        self, schema: Mapping[str, Any], elsewhere: frozenset[str], only: tuple[str, ...] = (), depth: int = 0
    ) -> Iterator[str]:
        for name, field in schema["properties"].items():
            if only and name not in only:
                continue
            nested = self._inside(field, elsewhere)
            default = "required" if name in schema.get("required", ()) else _default(field)
            yield f"| {'· ' * depth}`{name}` | {default} | {self._meaning(field)}{':' if nested else '.'} |"
            if nested:
                yield from self._rows(nested, elsewhere, depth=depth + 1)

    def _inside(self, field: Mapping[str, Any], elsewhere: frozenset[str]) -> Mapping[str, Any] | None:
        """The schema of the settings that a key holds; None where it holds none, or their table is elsewhere."""
        if "properties" in field:
            return field
        kind = _nested(field)
        return self.classes[kind] if kind and kind not in elsewhere else None

    def _meaning(self, field: Mapping[str, Any]) -> str:
        """The docstring in one line, and the values that may be chosen where it does not name them all."""
        # pydantic drops a description that repeats the one of the class
        described = field if "description" in field else self.classes[str(_nested(field))]
        text = " ".join(described["description"].split()).removesuffix(".").replace("|", r"\|")
        choices = [choice for choice in _choices(field) if isinstance(choice, str)]
        if all(f"`{choice}`" in text for choice in choices):
            return text
        several = any("items" in part for part in (field, *field.get("anyOf", ())))
        return f"{text}; {'any' if several else 'one'} of {', '.join(f'`{choice}`' for choice in choices)}"


def _nested(field: Mapping[str, Any]) -> str | None:
    """The class of the settings that a key holds, or holds a list or a mapping of."""
    for part in (field, field.get("items", {}), field.get("additionalProperties") or {}, *field.get("anyOf", ())):
        if "$ref" in part:
            return part["$ref"].rpartition("/")[2]
    return None


def _default(field: Mapping[str, Any]) -> str:
    return _value(field.get("default", {}), field)


def _value(value: Any, field: Mapping[str, Any]) -> str:
    """A value as it stands in a configuration file: of a range of no width the number, of nested settings nothing."""
    if isinstance(value, dict):
        return ""
    is_range = any(part.get("type") == "number" for part in field.get("anyOf", ())) and isinstance(value, list)
    if is_range and value[0] == value[1]:
        return _value(value[0], {})
    if isinstance(value, list):
        return f"[{', '.join(_value(item, {}) for item in value)}]"
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")  # YAML 1.1 reads 1e-05 as text
        return plain.removesuffix(".0")
    return value if isinstance(value, str) else json.dumps(value)


def _choices(field: Mapping[str, Any]) -> list[Any]:
    for part in (field, *field.get("anyOf", ())):
        found = part.get("enum") or part.get("items", {}).get("enum")
        if found:
            return found
    return []
