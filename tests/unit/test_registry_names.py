"""An entry of the registry arrives in the JSON schema, in config/README.md and in the commands' help."""

import shlex

import pytest

from posegaussian import registry
from posegaussian.cli import main
from posegaussian.config import json_schema
from posegaussian.config.documentation import readme_text
from posegaussian.registry import Detector, Entry, ExportFormat, Loss, Metric, Rasterizer

MEANING = "what nothing else means"
DUMMIES = {
    "METRICS": (
        Metric("none", MEANING, "Dummy", "image", 2),
        "results m -o o --metrics a --settings '{goals: [{what: w, group: g, metric: other}]}'",
    ),
    "LOSSES": (Loss("none", MEANING, 0.125), "train full --state s -o o --settings '{train: {losses: {other: 1}}}'"),
    "CAPTURE_FORMATS": (Entry("none", MEANING), "import a -o o --format other"),
    "FOOTAGE": (Entry("none", MEANING), "fetch other -o o"),
    "METRIC_WEIGHTS": (Entry("none", MEANING), "fetch other -o o"),
    "DETECTORS": (Detector("none", MEANING), "heatmaps a -o o --settings '{kind: other, config: c, weights: w}'"),
    "EXPORT_FORMATS": (ExportFormat("none", MEANING, of="splats", suffix=".txt"), "export a -o o --as other"),
    "RASTERIZERS": (Rasterizer("none", MEANING), "export a -o o --settings '{backend: other}'"),
}
"""By table, a dummy of the kind, and a command that names another one, which there is not."""
KEYS = {
    "METRICS": ("GoalSettings", "metric"),
    "DETECTORS": ("DetectorSettings", "kind"),
    "RASTERIZERS": ("RenderSettings", "backend"),
}
"""The keys of the configuration whose values are names of a table, by table."""


@pytest.mark.parametrize("table", DUMMIES)
def test_an_entry_arrives_in_the_readme_and_the_help(table, monkeypatch, capsys):
    entry, line = DUMMIES[table]
    monkeypatch.setitem(getattr(registry, table), "dummy", entry)
    (row,) = (row for row in readme_text().splitlines() if row.endswith((f"| {MEANING} |", f"| {MEANING}. |")))
    assert "`dummy`" in row
    monkeypatch.setenv("COLUMNS", "100")
    main([line.split()[0], "--help"])
    assert f"dummy: {MEANING}" in capsys.readouterr().out


@pytest.mark.parametrize("table", DUMMIES)
def test_a_name_that_is_in_no_table_is_refused(table, monkeypatch, capsys):
    entry, line = DUMMIES[table]
    monkeypatch.setitem(getattr(registry, table), "dummy", entry)
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line))
    out, error = capsys.readouterr()
    assert (stop.value.code, out, error.count("\n")) == (2, "", 1)
    assert "other" in error and all(repr(name) in error.replace('"', "'") for name in getattr(registry, table))


@pytest.mark.parametrize("table", KEYS)
def test_an_entry_arrives_in_the_schema(table, monkeypatch):
    monkeypatch.setitem(getattr(registry, table), "dummy", DUMMIES[table][0])
    section, key = KEYS[table]
    field = json_schema()["$defs"][section]["properties"][key]
    assert dict(zip(field["enum"], field["enumDescriptions"], strict=True))["dummy"] == MEANING


def test_a_loss_arrives_in_the_schema_with_its_weight(monkeypatch):
    monkeypatch.setitem(registry.LOSSES, "dummy", DUMMIES["LOSSES"][0])
    losses = json_schema()["$defs"]["TrainSettings"]["properties"]["losses"]["properties"]
    assert losses["dummy"] == {"type": "number", "minimum": 0, "default": 0.125, "description": MEANING}
