"""The strict loader: plain values, text or a file to settings, and settings back to plain values."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from posegaussian.config.base import CROSS_CHECK
from posegaussian.config.renamed import refuse_old_names
from posegaussian.config.whole import Config
from posegaussian.errors import ConfigError
from posegaussian.names import did_you_mean
from posegaussian.text import read_text

T = TypeVar("T")


def parse(kind: type[T], values: Any, source: str = "settings") -> T:
    """Build a settings object from plain values.

    Raises:
        ConfigError: an old, an unknown or a missing key, or a wrong value; one line that names each.
    """
    refuse_old_names(kind, values, source)
    try:
        # JSON mode: tuples arrive as lists; strict about everything else.
        return TypeAdapter(kind).validate_json(json.dumps(values if values is not None else {}))
    except ValidationError as error:
        problems = [f"{_key(e['loc']) or '(top)'}: {_explain(kind, e)}" for e in error.errors()]
        raise ConfigError("; ".join(problems), code="invalid-settings", file=source) from None


def _key(path: Sequence[str | int]) -> str:
    """The dotted key; pydantic ends the path of a name of a table that is wrong itself with a word of its own."""
    return ".".join(str(part) for part in path if part != "[key]")


def _explain(kind: type, error: Any) -> str:
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        *section, key = error["loc"]
        hint = did_you_mean(str(key), list(_properties(kind, section)))
        return f"unknown key; {hint}" if hint else "unknown key"
    if error["type"] == CROSS_CHECK:
        return error["msg"]
    if error["type"] == "string_pattern_mismatch":
        *section, key = error["loc"]
        about = " ".join(_properties(kind, section)[str(key)]["description"].split())
        return f"{error['input']!r} is of another form than this: {about}"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"


def _properties(kind: type, section: Sequence[str | int]) -> dict[str, Any]:
    """The schemas of the keys that settings of a kind have in a section."""
    schema = json_schema(kind)

    def variants(node: Any) -> Iterator[dict[str, Any]]:
        """The schema of a value, or of each of its alternatives."""
        if "$ref" in node:
            yield from variants(schema["$defs"][node["$ref"].rpartition("/")[2]])
        elif "anyOf" in node:
            for each in node["anyOf"]:
                yield from variants(each)
        else:
            yield node

    nodes = [*variants(schema)]
    for part in section:
        inner = (node.get("properties", {}).get(part) or node.get("additionalProperties") for node in nodes)
        nodes = [variant for each in inner if isinstance(each, dict) for variant in variants(each)]
    return {key: found for node in nodes for key, found in node.get("properties", {}).items()}


def load(path: str | Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: the file cannot be read, or holds an unknown key or a wrong value.
    """
    return parse(Config, _read(Path(path)), str(path))


def load_settings(kind: type[T], text: str | None, option: str = "--settings") -> T:
    """Settings from the command line: YAML or JSON text, a file with it, or None for the defaults; errors name it."""
    if text is None:
        return parse(kind, {}, option)
    if not text.lstrip().startswith("{"):
        return parse(kind, _read(Path(text)), text)
    return parse(kind, _yaml(text, option), option)


def _read(path: Path) -> Any:
    try:
        return _yaml(read_text(path), path)
    except (OSError, ValueError) as error:  # a ValueError for a path with zero bytes
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"cannot be read ({reason})", code="unreadable-settings", file=path) from None


def _yaml(text: str, source: str | Path) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # a date, a number, a bracket too many
        raise ConfigError(f"not valid YAML: {_yaml_problem(error)}", code="invalid-yaml", file=source) from None


def _yaml_problem(error: Exception) -> str:
    """What is wrong, and where, without the lines of text that PyYAML shows around it."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and (mark := error.problem_mark):
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())


def as_dict(settings: Any) -> dict[str, Any]:
    """Settings as plain values, as stored in files."""
    return json.loads(json.dumps(asdict(settings)))


def without_defaults(settings: Any) -> dict[str, Any]:
    """The settings that differ from their defaults, as plain values; parsed again, they are the same settings.

    What decides whether something is made again is compared in this form, so that a new setting, which has a default,
    makes nothing again.
    """
    return TypeAdapter(type(settings)).dump_python(settings, mode="json", exclude_defaults=True)


def json_schema(kind: type = Config) -> dict[str, Any]:
    """The JSON schema of the configuration file, or of one row of the captures sheet."""
    return TypeAdapter(kind).json_schema()
