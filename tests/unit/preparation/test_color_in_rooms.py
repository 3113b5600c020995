"""Colour matching of built-in people in rooms, against true matches: by the benchmark, on one person."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_unlike_cameras_become_alike_and_alike_cameras_stay_as_they_are(tmp_path):
    output = tmp_path / "color.json"
    arguments = ["--people", "102", "103", "--size", "256", "--frames", "1", "-o", str(output)]
    subprocess.run([sys.executable, str(ROOT / "benchmarks/color.py"), *arguments], check=True, cwd=ROOT)
    rows = json.loads(output.read_text())["rows"]
    assert {(row["cameras"], row["degrees"]) for row in rows} == {
        (c, d) for c in ("alike", "unlike") for d in (22.5, 50)
    }
    for row in rows:
        if row["cameras"] == "alike":
            assert row["matched, %"] < 1.03 * row["before, %"]
            assert row["change of white, %"] < 1.5, "at 50 degrees and 256 px 1.2; at 512 px nothing"
        else:
            assert row["matched, %"] < 0.4 * row["before, %"]
