"""Checks of real captures: what may limit their views, pair by pair, for the report and the page of `assess`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from posegaussian.captures.pairing import Names
from posegaussian.evaluation.assessment import limits
from posegaussian.evaluation.checks import PairChecks, pair_checks
from posegaussian.io import store
from posegaussian.report.angles import angle_of
from posegaussian.report.views import CaptureFiles

_COLOR_GAIN = 0.1
"""What a fit of the colours gains, dB, from which on a sentence names it. Chosen by hand."""


@dataclass(frozen=True)
class CheckRow:
    """A row of the table: a pair, the angle between its cameras in degrees, cells as text, and what may limit it."""

    names: Names
    angle: float
    cells: list[str]
    limits: str


@dataclass(frozen=True)
class CaptureChecks:
    """The checks of a capture: a row a pair, and sentences about all of it."""

    name: str
    rows: list[CheckRow]
    notes: list[str]


def capture_checks(capture: CaptureFiles, metrics: pd.DataFrame, model: str) -> CaptureChecks:
    """The checks of an open capture.

    Args:
        capture: the files.
        metrics: the metrics of the captures, one row per value; may be empty.
        model: whose views were measured.
    """
    gain = _color_gain(metrics, capture.name, model)
    rows = []
    for pair in range(len(capture.pairs)):
        found = pair_checks(capture.rectified, capture.heatmaps, pair)
        angle = angle_of(capture, pair)
        text = "; ".join(limits(found, angle, gain)) or "nothing stands out"
        rows.append(CheckRow(found.names, angle, check_cells(found), text))
    return CaptureChecks(capture.name, rows, _notes(capture, gain))


def check_cells(checks: PairChecks | None) -> list[str]:
    """Calibration, mattes, joints, colour and time as text."""
    if checks is None:
        return ["–"] * 5
    off = "–"
    if checks.calibration is not None:
        off = f"{checks.calibration:.1f} px ({'joints' if checks.features is None else 'features'})"
    late = "–" if checks.late is None else f"{checks.late[0]:+.2f} ± {checks.late[1]:.2f}"
    mattes = "given" if checks.mattes is None else f"{checks.mattes:.2f}"
    return [off, mattes, "–" if checks.joints is None else f"{checks.joints:.2f}", f"{100 * checks.color:.0f} %", late]


def _color_gain(metrics: pd.DataFrame, capture: str, model: str) -> float:
    """What an affine fit of the colours gains in the person's box, dB; NaN where it was not measured."""
    if metrics.empty:
        return math.nan
    rows: Any = metrics[(metrics["capture"] == capture) & (metrics["method"] == model) & (metrics["scope"] == "bbox")]
    means = rows.groupby("metric")["value"].mean()
    return float(means.get("cc_psnr", math.nan) - means.get("psnr", math.nan))


def _notes(capture: CaptureFiles, color_gain: float) -> list[str]:
    """Sentences about a capture."""
    notes = []
    if not capture.targets:
        notes.append("no camera stands between those of a pair: the views are compared with nothing")
    if color_gain >= _COLOR_GAIN:
        notes.append(f"one affine fit of the colours to the held-out images gains {color_gain:.1f} dB")
    if "calibration/residuals" in capture.rectified:
        cameras: Sequence[str] = store.strings(capture.rectified["calibration/cameras"]).tolist()
        residuals = capture.rectified["calibration/residuals"][()].tolist()
        moved = [
            f"{name} {before:.1f} to {after:.1f} px" for name, (before, after) in zip(cameras, residuals, strict=True)
        ]
        notes.append("the calibration was corrected, median residuals: " + ", ".join(moved))
    return notes
