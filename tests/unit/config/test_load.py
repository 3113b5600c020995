"""The message for keys that are not known."""

import helpers
import pytest

from posegaussian import config
from posegaussian.errors import ConfigError


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (config.ViewSettings, {"rectify": {"sise": 1}}, "rectify.sise: unknown key; did you mean size?"),
        (config.Config, {"modles": {}}, "modles: unknown key; did you mean models?"),
        (
            config.Config,
            {"models": {"mine": {"train": {"learning_rat": 1}}}},
            "models.mine.train.learning_rat: unknown key; did you mean learning_rate?",
        ),
        (config.Config, {"zebra": 1}, "zebra: unknown key"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(kind, values, message):
    with helpers.refuses(ConfigError, "invalid-settings") as error:
        config.parse(kind, values)
    assert error.value.what == message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{fps: 3", "line 1, column 8: expected ',' or '}', but got '<stream end>'"),
        ("{fps: 3,\n path_steps: [}", "line 2, column 15: expected the node content, but found '}'"),
        ("{fps: '\x07'}", "special characters are not allowed"),
    ],
)
def test_wrong_yaml_is_named_by_line_and_column(text, problem):
    with helpers.refuses(ConfigError, "invalid-yaml", file="--settings") as error:
        config.load_settings(config.RenderSettings, text)
    assert problem in error.value.what


def test_settings_that_lack_a_key_are_refused_where_none_are_given():
    with helpers.refuses(ConfigError, "invalid-settings", file="--settings"):
        config.load_settings(config.DetectorSettings, None)
    assert config.load_settings(config.RenderSettings, None) == config.RenderSettings()
