"""The captures sheet: its rows are checked by themselves, against each other and against the configuration."""

from pathlib import Path

import pytest
from helpers import warns

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
        (
            "d\ttest\tx\t1-5\t",
            "frames: '1-5' is of another form than this: Frame numbers `START:STOP:STEP`, as in a Python",
        ),
        ("d\ttest\tx\t::0\t", "frames: '::0' is not START:STOP:STEP"),
        ("d\ttest\tbuiltin:3\t\tfar", "preset: 'far' is not one of `presets`: near"),
        ("a\ttest\tbuiltin:3\t\t", "capture a is listed twice"),
        ("d/e\ttest\tbuiltin:3\t\t", "capture: 'd/e' is not made of letters without accents, digits"),
        ("d#2\ttest\tbuiltin:3\t\t", "capture: 'd#2' is not made of letters without accents, digits"),
        ("d\ttest\tbuiltin:3\t\t\tfar", "6 cells for 5 columns: 'far' is in none of them"),
        ("d\ttest", "path: "),
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


HEADER = "capture\tsplit\tpath"
ROW = "a\ttest\tsessions/take#2"
SHEETS = {
    "plain": f"{HEADER}\n{ROW}\n",
    "tabs at the ends": f"{HEADER}\t\t\n{ROW}\t\n",
    "rows of tabs and empty rows": f"{HEADER}\n\t\t\n{ROW}\n\n\t\t\n",
    "blanks in cells": " capture \tsplit\u00a0\t path\na \t test\t sessions/take#2 \n",
    "quoted cells": '"capture"\t"split"\t"path"\n"a"\ttest\t"sessions/take#2"\n',
    "columns in another order": "path\tframes\tcapture\tsplit\nsessions/take#2\t\ta\ttest\n",
    "comments": f"# people\n{HEADER}\n  # of Monday\n{ROW}\n#\tthe end\n",
    "backslashes": f"{HEADER}\na\ttest\tsessions\\take#2\n",
    "Windows' ends of lines": f"{HEADER}\r\n{ROW}\r\n",
    "no end of the last line": f"{HEADER}\n{ROW}",
}


@pytest.fixture
def read_bytes(tmp_path):
    """Read a sheet as a program saved it."""

    def of(data: bytes):
        (tmp_path / "captures.tsv").write_bytes(data)
        detectors = {"small": {"config": "c", "weights": "w"}}
        values = {"captures": str(tmp_path / "captures.tsv"), "detectors": detectors}
        values["models"] = {"demo": {"weights": "release"}}
        return config.read_captures(config.parse(config.Config, values), ROOT)

    return of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", SHEETS)
def test_sheets_as_spreadsheet_programs_save_them(read_bytes, name, encoding):
    rows = read_bytes(SHEETS[name].encode(encoding))
    assert [(row.capture, row.split, row.path, row.pairs) for row in rows.values()] == [
        ("a", "test", "sessions/take#2", "")
    ]


def test_a_sheet_in_the_code_page_of_windows(read_bytes):
    with warns("code-page", file="captures.tsv"):
        assert read_bytes(f"{HEADER}\na\ttest\tcafé\n".encode("cp1252"))["a"].path == "café"


def test_pairs_in_a_quoted_cell_as_excel_writes_them(read_bytes):
    sheet = 'capture\tsplit\tpath\tpairs\na\ttest\tx\t"00, 01  01 ,02"\n'
    assert read_bytes(sheet.encode("utf-16"))["a"].pairs == "00,01 01,02"


@pytest.mark.parametrize(
    "sheet, message",
    [
        ("", "its first row names the columns nothing"),
        ("# nothing\n\t\n", "its first row names the columns nothing"),
        (f'{HEADER}\na\ttest\t"x\nb\ttest\ty\n', "not a table with tabs (unexpected end of data)"),
        ("capture,split,path\na,test,x\n", "save it as text with tabs between the columns"),
        ("capture;split;path\na;test;x\n", "save it as text with tabs between the columns"),
        (f"{ROW}\n", "each once, with capture, split, path"),
        ("capture\tsplit\tpath\tpath\na\ttest\tx\ty\n", "each once, with capture, split, path"),
        ("capture\tsplit\tpath\tnotes\na\ttest\tx\tgood\n", "row 1: notes: unknown key"),
    ],
)
def test_what_is_no_sheet_is_said(read_bytes, sheet, message):
    with pytest.raises(ConfigError, match=r"captures\.tsv") as error:
        read_bytes(sheet.encode())
    assert message in str(error.value) and "\n" not in str(error.value)


def test_names_with_blanks_are_no_pairs(read_bytes):
    with pytest.raises(ConfigError) as error:
        read_bytes(b"capture\tsplit\tpath\tpairs\na\ttest\tx\tcam 1,cam 2\n")
    assert "pairs: 'cam 1,cam 2' is of another form than this: Source pairs by camera name, `00,01" in str(error.value)
    assert "import --pairs" in str(error.value) and "\n" not in str(error.value)
