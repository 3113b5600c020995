"""The generated schemas and config/README.md: they are current, complete and say what the classes say."""

from pathlib import Path

import pytest

from posegaussian import config
from posegaussian.cli import main
from posegaussian.config.documentation import documentation, readme_text

ROOT = Path(__file__).parents[3]
WRITTEN = ROOT / "workflow/schemas", ROOT / "config/README.md"


def definitions(schema):
    return [schema, *schema.get("$defs", {}).values()]


def test_the_files_in_the_repository_are_current():
    for path, text in documentation(*WRITTEN).items():
        assert path.read_text(encoding="utf-8") == text, "run `make schemas`"


COMMANDS = config.ViewSettings, config.AdaptSettings, config.ExportSettings, config.LiveSettings


@pytest.mark.parametrize("kind", [config.Config, config.CaptureRow, *COMMANDS])
def test_every_key_has_a_meaning(kind):
    page = readme_text()
    for definition in definitions(config.json_schema(kind)):
        for name, field in definition["properties"].items():
            assert "description" in field or "$ref" in field, f"{definition['title']}.{name}: no docstring"
            assert f"`{name}`" in page, name


def test_rows_show_the_default_as_yaml_and_the_docstring():
    page = readme_text()
    assert "| `size` | [256, 256] | Width and height of the rectified source images, pixels; multiples of 16. |" in page
    assert "| · `weight_decay` | 0.00001 | Weight decay of AdamW. |" in page
    assert "| · `stabilizer` | true | " in page
    assert "| `target_size` | null | " in page
    assert "| · `what` | required | " in page
    assert "| `train` |  | Training; not used unless `weights` is `train`: |" in page
    assert "any of `bald`, `crop`, `short`," in page
    assert "one of `auto`, `numba`," in page and "any of `auto`, `numba`," not in page


def test_settings_of_commands_without_a_section_have_rows():
    page = readme_text()
    assert "| `kept_frames` | 0.2 | Share of the frames" in page
    assert "| `degrees` | 360 | Angle that the path `orbit` covers. |" in page
    assert "| · `delay` | 0 | How much later its frames arrive" in page
    assert page.count("| · `mask_label` |") == 1, "keys of `rectify` are not listed again for each command"


def test_ranges_have_the_defaults_of_captures_and_of_the_stream():
    page = readme_text()
    assert "| `baseline` | 22.5 | [10, 60] | Angle between neighbouring source cameras" in page
    assert "| `vertical` | 0 | 0.15 | " in page
    assert "| `jpeg` | 100 | [60, 100] | " in page


def test_the_command_writes_and_checks(tmp_path, capsys):
    schemas, readme = tmp_path / "schemas", tmp_path / "README.md"
    schemas.mkdir()
    words = ["schema", "-o", str(schemas), "--readme", str(readme)]
    with pytest.raises(SystemExit) as refused:
        main([*words, "--check"])
    line = capsys.readouterr().err
    assert refused.value.code == 2
    assert line.count("\n") == 1 and all(name in line for name in ("README.md", "config.schema.json", "make schemas"))
    main(words)
    main([*words, "--check"])
    assert {path.name: path.read_bytes() for path in schemas.iterdir()} == {
        path.name: path.read_bytes() for path in WRITTEN[0].iterdir()
    }
    readme.write_text(readme.read_text() + "more\n")
    with pytest.raises(SystemExit):
        main([*words, "--check"])
    assert "schema.json" not in capsys.readouterr().err, "only what is old is named"
