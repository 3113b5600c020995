"""The captures sheet: its rows are checked by themselves, against each other and against the configuration."""

from pathlib import Path

import pytest

from posegaussian import config
from posegaussian.errors import ConfigError

ROOT = Path(__file__).parents[3]
GOOD = ["a\ttrain\tbuiltin:1\t\t", "b\tval\tbuiltin:2\t\t", "c\ttest\tscan:s\t\tnear"]


@pytest.fixture
def read(tmp_path):
    """Read a sheet of some rows, with the configuration's sections."""

    def of(*rows, **sections):
        sheet = tmp_path / "captures.tsv"
        sheet.write_text("\n".join(["# people", "capture\tsplit\tpath\tframes\tpreset", *rows]))
        detectors = {"small": {"config": "c", "weights": "w"}}
        values = {"captures": str(sheet), "detectors": detectors, "models": {"demo": {}}, "presets": {"near": {}}}
        return config.read_captures(config.parse(config.Config, values | sections), ROOT)

    return of


def test_rows_in_the_order_of_the_sheet(read):
    rows = read(*GOOD, "d\ttest\tcaptures/d\t5:9:2\t")
    assert list(rows) == ["a", "b", "c", "d"]
    assert (rows["c"].path, rows["c"].preset, rows["d"].frames, rows["d"].pairs) == ("scan:s", "near", "5:9:2", "")


@pytest.mark.parametrize("frames", ["", "7", "5:", ":9", "::8", "0:100:2", "5:6"])
def test_frames(read, frames):
    assert read(*GOOD, f"d\ttest\tx\t{frames}\t")["d"].frames == frames


@pytest.mark.parametrize(
    "row, message",
    [
        ("d\ttest\tbuiltin:x\t\t", "path: 'builtin:x' is not builtin:SEED with a whole number"),
        ("d\ttest\tbuiltin:300\t\t", "path: no person has the seed 300; people are 1..299 and 1000 and up"),
        ("d\ttest\tbuiltin:0\t\t", "path: no person has the seed 0"),
        ("d\ttest\tfetch:other\t\t", "path: 'fetch:other' cannot be fetched, only fetch:pose2sim"),
        ("d\ttest\tx\t9:5\t", "frames: '9:5' is not START:STOP:STEP with START < STOP and STEP > 0"),
        ("d\ttest\tx\t::0\t", "frames: '::0' is not START:STOP:STEP"),
        ("d\ttest\tbuiltin:3\t\tfar", "preset: 'far' is not one of `presets`: near"),
        ("a\ttest\tbuiltin:3\t\t", "capture a is listed twice"),
        ("d/e\ttest\tbuiltin:3\t\t", "capture: string should match pattern"),
    ],
)
def test_a_bad_row_is_named(read, row, message):
    with pytest.raises(ConfigError, match=r"captures\.tsv, row 4: ") as error:
        read(*GOOD, row)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "rows, sections, message",
    [
        (GOOD[1:], {}, "model demo needs at least one capture of split 'train'"),
        (GOOD[:2], {}, "model demo needs at least one capture of split 'test'"),
        (GOOD, {"results": {"groups": {"all": ["c", "x"]}}}, "results.groups.all: 'x' is no capture and no preset"),
        (
            GOOD,
            {"results": {"goals": [{"what": "w", "group": "b", "metric": "psnr"}]}},
            "results.goals.0.group: 'b' is no capture of split 'test'",
        ),
    ],
)
def test_what_the_configuration_needs_of_the_sheet(read, rows, sections, message):
    with pytest.raises(ConfigError, match=r"captures\.tsv: ") as error:
        read(*rows, **sections)
    assert message in str(error.value)


def test_a_model_of_the_stream_needs_no_captures_to_learn_from(read):
    read(*GOOD[1:], models={"demo": {"train": {"stream": 1}}})
    read(*GOOD[1:], models={"demo": {"weights": "release"}})


def test_a_sheet_that_is_not_there(read):
    with pytest.raises(ConfigError, match=r"other\.tsv: no such captures sheet"):
        read(*GOOD, captures="other.tsv")


def test_the_repository_has_the_sheets_that_the_working_directory_lacks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = config.load(ROOT / "config/config.yaml")
    assert "person1" in config.read_captures(loaded, ROOT)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configurations_and_sheets(path):
    loaded = config.load(path)
    assert set(loaded.report) <= set(loaded.models)
    assert config.read_captures(loaded, ROOT)
