"""The report of real captures leads with the views and the checks, and has no empty cells."""

import re

import h5py
import numpy as np
import pytest
from report_files import FRAMES, SUMMARY, capture, report

from posegaussian.evaluation.rows import Row, write_rows
from posegaussian.evaluation.table import read_all
from posegaussian.report.checks import capture_checks
from posegaussian.report.views import CaptureFiles

REAL = "\n".join(line for line in SUMMARY.splitlines() if not line.startswith(("gt_depth", "mine,disparity"))) + "\n"
UNKNOWN = REAL + "mine,disparity,epe_1024,,,,0,no true depth\n"


def sections(page: str) -> list[str]:
    return re.findall(r'<h2 id="(\w+)"', page)


@pytest.fixture
def real(inputs):
    """The report of a real capture, and the names of its sections in their order."""
    (inputs / "summary.csv").write_text(UNKNOWN)
    page = report(inputs, [capture(inputs, "walk", joints=False, depth=False, confidence=0.8)])
    return page, sections(page)


def test_views_and_checks_come_first(real, inputs):
    _, order = real
    assert order[:2] == ["views", "film"]
    assert order.index("checks") < order.index("masks") < order.index("way") < order.index("numbers")
    (inputs / "summary.csv").write_text(SUMMARY)
    synthetic = sections(report(inputs, [capture(inputs, "walk")]))
    assert synthetic[:3] == ["way", "numbers", "views"] and "checks" not in synthetic


def test_what_cannot_be_known_has_no_cells(real):
    page, _ = real
    numbers = page[page.index('<h2 id="numbers"') :]
    numbers = numbers[: numbers.index("</section>")]
    assert "gt_depth" not in page and "<li id=" not in page and "End-point error" not in page
    assert '<th scope="col">LPIPS' not in numbers
    assert "LPIPS was not measured: LPIPS weights not available" in numbers
    assert "18.22 dB for a simple warp" in page


def test_without_held_out_cameras_there_are_no_numbers(inputs):
    (inputs / "summary.csv").write_text(UNKNOWN.splitlines()[0] + "\nmine,disparity,epe_1024,,,,0,no true depth\n")
    page = report(inputs, [capture(inputs, "walk", joints=False, depth=False, targets=0)])
    assert sections(page)[0] == "film"
    assert "numbers" not in sections(page)
    assert "no camera stands between those of a pair" in page


def test_each_check_has_its_cell(inputs):
    files = capture(inputs, "walk", joints=False, depth=False, confidence=0.8)
    with h5py.File(files.heatmaps, "r+") as file:
        file["scores"][...] = 0.2
    rows = [
        Row("walk", "00-01", "t00", frame, "mine", "bbox", metric, value)
        for frame in range(FRAMES)
        for metric, value in (("psnr", 20.0), ("cc_psnr", 22.5))
    ]
    write_rows(inputs / "metrics.csv", rows)
    opened = CaptureFiles(files.rectified, files.heatmaps, files.renders, None)
    found = capture_checks(opened, read_all([inputs / "metrics.csv"]), "mine")
    opened.close()
    (row,) = found.rows
    assert row.names == ("00", "01")
    assert row.cells[1:3] == ["0.80", "0.20"]
    assert row.limits == "mattes: confidence 0.80; joints: mean score 0.20; colours: 2.5 dB"
    assert found.notes == ["one affine fit of the colours to the held-out images gains 2.5 dB"]
    assert np.isfinite(row.angle)
