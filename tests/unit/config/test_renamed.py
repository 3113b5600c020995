"""Keys of earlier versions: one line lists all of them with their new names."""

import pytest

from posegaussian import config
from posegaussian.config.renamed import RENAMED, SECTIONS
from posegaussian.errors import ConfigError


def refusal(kind, values) -> str:
    with pytest.raises(ConfigError) as error:
        config.parse(kind, values, "old.yaml")
    return str(error.value)


def test_all_old_keys_of_a_file_are_listed():
    values = {
        "models": {"a": {"train": {"looks": [], "average": 0.9}}, "b{}": {"train": {"pose_loss": 0}}, "c": {}},
        "results": {"targets": [], "goals": [{"scope": "full"}, {"protocol": "full"}]},
        "evaluate": {"protocols": ["full"]},
        "unknown": 1,
    }
    assert refusal(config.Config, values) == (
        "old.yaml: renamed keys: `models.a.train.looks` is now `models.a.train.stream_variants`, "
        "`models.a.train.average` is now `models.a.train.ema_decay`, "
        "`models.b{}.train.pose_loss` is now `models.b{}.train.losses.pose`, "
        "`results.targets` is now `results.goals`, "
        "`results.goals.1.protocol` is now `results.goals.1.scope`, "
        "`evaluate.protocols` is now `evaluate.crops`"
    )


@pytest.mark.parametrize(
    "kind, values, message",
    [
        (config.ModelSettings, {"train": {"average": 0}}, "`train.average` is now `train.ema_decay`"),
        (config.TrainSettings, {"looks": []}, "`looks` is now `stream_variants`"),
        (config.TrainSettings, {"depth_loss": 0.1}, "`depth_loss` is now `losses.depth`"),
        (config.ResultsSettings, {"targets": []}, "`targets` is now `goals`"),
        (config.GoalSettings, {"protocol": "full"}, "`protocol` is now `scope`"),
        (config.EvaluateSettings, {"protocols": []}, "`protocols` is now `crops`"),
    ],
)
def test_settings_of_one_stage(kind, values, message):
    assert refusal(kind, values) == f"old.yaml: renamed keys: {message}"


def test_the_same_words_elsewhere_are_no_old_keys():
    config.parse(config.BuiltinSettings, {"targets": 2})
    config.parse(config.CaptureRow, {"capture": "a", "split": "val", "path": "p", "targets": "t00"})
    assert "unknown key" in refusal(config.Config, {"looks": []})
    assert "models" in refusal(config.Config, {"models": [1]})


def test_new_names_are_keys():
    keys = [schema.get("properties", {}) for schema in config.json_schema()["$defs"].values()]
    for old, new in RENAMED.items():
        section = next(each for each in reversed(SECTIONS.values()) if old.startswith(each))
        first, *rest = new.removeprefix(section).split(".")
        assert section and new.startswith(section) and old.count("*") == new.count("*")
        assert any(first in names and set(rest) <= set(names[first].get("properties", ())) for names in keys)
