"""What the tests of the report share."""

import pytest
from report_files import CURVES, SUMMARY, TIMES


@pytest.fixture
def inputs(tmp_path):
    """A folder with a summary, curves and benchmark files."""
    (tmp_path / "summary.csv").write_text(SUMMARY)
    (tmp_path / "depth.csv").write_text(CURVES)
    for name, seconds in (
        ("rectify/a", 7.0),
        ("rectify/b", 8.5),
        ("train/mine.depth", 4000),
        ("train/other.depth", 77777),
        ("heatmaps/small/a", 3),
        ("heatmaps/large/a", 66666),
        ("report/mine", 55555),
    ):
        path = tmp_path / "benchmarks" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TIMES.format(seconds))
    return tmp_path
