"""The numbers of the pages in docs/results/ are those of the files beside them."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def tool():
    spec = importlib.util.spec_from_file_location("fill_results", ROOT / "tools/fill_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(tool):
    filled = set()
    for path in tool.pages():
        page = path.read_text()
        filled |= {name + extract for _, name, extract, _ in tool.SECTION.findall(page)}
        assert tool.filled(page) == page, "run `python tools/fill_results.py`"
    assert filled == set(tool.KINDS)


def test_a_section_is_filled_from_its_file(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "FOLDER", tmp_path)
    keys = "group,method,scope,metric,mean,median,standard_error,captures,values\n"
    (tmp_path / "means.csv").write_text(f'{keys}"clean, 22.5°",release,bbox,psnr,31.25,31.2,0.5,6,18\n')
    page = "before\n<!-- filled from docs/results/means.csv -->\nold\n<!-- filled -->\nafter\n"
    text = tool.filled(page)
    assert re.search(r"\| clean, 22\.5° \| release \| \*\*31\.25\*\* \|", text)
    assert "| literature rig: PSNR `bbox`, dB | ≥ 30 | 31.25 | reached |" in text
    assert "old" not in text
    assert text.startswith("before\n") and text.endswith("<!-- filled -->\nafter\n")
    assert tool.filled(text) == text
    (tmp_path / "means.csv").unlink()
    assert tool.filled(text) == text
