"""Defaults of settings: left out where results depend on settings, so that a changed one needs a new STAGE_VERSION.

`defaults.json` holds the defaults of each stage's settings with the version of the stage. Run this file to record them
after a new setting or a new version.
"""

import json
from pathlib import Path

import pytest

from posegaussian import config

ROOT = Path(__file__).parents[3]
RECORD = Path(__file__).with_suffix("").with_name("defaults.json")
SETTINGS = {
    "captures": config.BuiltinSettings,
    "people": config.FindPeopleSettings,
    "rectify": config.RectifySettings,
    "heatmaps": config.DetectorSettings,
    "train": config.ModelSettings,
    "render": config.RenderSettings,
    "evaluate": config.EvaluateSettings,
    "report": config.ResultsSettings,
    "assess": config.AssessSettings,
}
"""The settings that the rules of each stage hand over."""


def defaults(kind):
    """The default of every setting by its path, as JSON; the settings of nested classes stand under their names."""
    return {path: json.dumps(value) for path, value in sorted(in_schema(config.json_schema(kind)))}


def in_schema(schema, path=""):
    for name, node in schema.items():
        if name == "default":
            yield from leaves(node, path)
        elif isinstance(node, dict):
            yield from in_schema(node, path if name in ("properties", "$defs") else f"{path}.{name}".lstrip("."))


def leaves(value, path):
    """A value, or those within it: a default that is a section gains keys where its class does."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}")
    else:
        yield path, value


def recorded():
    return json.loads(RECORD.read_text())


def to_record(before):
    """The defaults as they are; a default that changed without a new version stays as it was recorded."""
    record = {}
    for stage, kind in SETTINGS.items():
        now, version = defaults(kind), config.STAGE_VERSION[stage]
        old = before.get(stage, {"version": None})
        kept = {key: old["defaults"][key] for key in now if key in old["defaults"]} if old["version"] == version else {}
        record[stage] = {"version": version, "defaults": dict(sorted({**now, **kept}.items()))}
    return record


@pytest.mark.parametrize("stage", config.STAGE_VERSION)
def test_a_changed_default_has_a_new_version(stage):
    now = defaults(SETTINGS[stage])
    changed = {key: now[key] for key, value in to_record(recorded())[stage]["defaults"].items() if now[key] != value}
    assert not changed, f"raise STAGE_VERSION[{stage!r}], then run {__file__}"


def test_the_record_is_current():
    assert to_record(recorded()) == recorded(), f"run {__file__}"


def test_recording_hides_no_changed_default():
    old = {"version": config.STAGE_VERSION["render"], "defaults": {"fps": "1", "gone": "2"}}
    assert to_record({"render": old})["render"]["defaults"]["fps"] == "1"
    assert "gone" not in to_record({"render": old})["render"]["defaults"]
    raised = to_record({"render": old | {"version": 0}})["render"]["defaults"]
    assert raised["fps"] == str(config.RenderSettings().fps)


def test_defaults_are_found_in_all_nested_settings():
    train, captures = (recorded()[stage]["defaults"] for stage in ("train", "captures"))
    assert train["TrainSettings.batch_size"] == "2"
    assert train["TrainSettings.losses.temporal"] == str(config.TrainSettings().losses["temporal"])
    assert train["RigSettings.baseline"] == train["StreamSettings.rig.baseline"] == "[10.0, 60.0]"
    assert captures["rig.baseline"] == "[22.5, 22.5]"


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_settings_without_defaults_are_the_same_settings(path):
    settings = config.load(path)
    short = config.without_defaults(settings)
    assert config.parse(config.Config, json.loads(json.dumps(short))) == settings
    whole = config.parse(config.Config, config.as_dict(settings))
    assert config.without_defaults(whole) == short, "defaults that are written out count as defaults"


def test_settings_without_defaults_hold_what_differs_from_their_own_class():
    """Not from the default of the section: partial settings take what is missing from their class."""
    settings = config.parse(config.BuiltinSettings, {"fps": 30, "sources": 2, "light": {}, "rig": {"radius": 3}})
    assert config.without_defaults(settings) == {"sources": 2, "light": {}, "rig": {"radius": [3.0, 3.0]}}
    train = config.parse(
        config.TrainSettings, {"losses": {"temporal": 0.25, "image": config.TrainSettings().losses["image"]}}
    )
    assert config.without_defaults(train) == {"losses": {"temporal": 0.25}}


if __name__ == "__main__":
    RECORD.write_text(json.dumps(to_record(recorded()), indent=1) + "\n")
