"""The page about a rig whose cameras were held out in turn: views, numbers by angle, limits, which pairs to use."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from posegaussian import __version__
from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names
from posegaussian.captures.triples import narrowest, widest_gap
from posegaussian.counts import counted
from posegaussian.evaluation.assessment import (
    AngleRow,
    MeasuredTriple,
    PairAdvice,
    advise,
    by_angle,
    limits,
    triple_limits,
)
from posegaussian.evaluation.checks import PairChecks
from posegaussian.registry import METRICS
from posegaussian.report.charts import line_chart
from posegaussian.report.checks import check_cells
from posegaussian.report.rig_drawing import draw_rig
from posegaussian.report.tables import formatted
from posegaussian.report.template import template
from posegaussian.report.views import PanelRow

_SHOWN = {"psnr": "bbox", "cc_psnr": "bbox", "ssim": "bbox", "lpips": "full"}
"""Metrics of the table of triples, and the crop of each: on two cores LPIPS is measured in the whole image alone."""
_ONE_SIDE = 180.0
"""Cameras that leave a gap this wide, degrees about the person, all look from one side."""


@dataclass(frozen=True)
class Assessment:
    """What was found about a rig."""

    capture: Capture  # its names, cameras and frames are shown
    person: Float[np.ndarray, " 3"]  # where the person stands, metres
    frames: Sequence[int]  # that were looked at
    triples: Sequence[MeasuredTriple]  # measured
    # about the other pairs of neighbours; None where a pair could not be rectified
    checks: Mapping[Names, PairChecks | None]
    pairs: Sequence[tuple[Names, float]]  # of neighbouring cameras, with their angles in degrees
    views: Sequence[PanelRow]  # of some pairs
    timing: Sequence[str]  # sentences about cameras that are not synchronised
    warnings: Sequence[str]  # sentences
    method: str  # name of the model in the values of triples

    @property
    def rows(self) -> list[AngleRow]:
        """Means by the angle between the sources."""
        return by_angle(self.triples, self.method)

    @property
    def advice(self) -> list[PairAdvice]:
        """Which of the neighbouring pairs to use."""
        return advise(self.pairs, self.triples, self.method)

    def lines(self) -> list[str]:
        """What it comes to, a line each, for the terminal."""
        lines = [
            f"{row.low:.0f} to {row.high:.0f} degrees: {row.psnr:.1f} dB in the person's box"
            f" ({counted(row.count, 'view')}; a plain warp {row.plane_warp:.1f} dB)"
            for row in self.rows
        ]
        use = [each for each in self.advice if each.use]
        lines += ["pairs to use: " + " ".join(",".join(each.names) for each in use)] if use else []
        return [*lines, *self.timing, *self.unknown()]

    def unknown(self) -> list[str]:
        """What cannot be known with this rig, a sentence each."""
        found, capture = [], self.capture
        if not self.triples:
            two = "there are two cameras" if len(capture.cameras) == 2 else "no camera stands between two others"
            found.append(
                f"how good the views are cannot be known: {two}, so there is no true view to compare with; for one"
                " test, set up a camera between those of a pair"
            )
        elif (least := min(each.triple.angle for each in self.triples)) > min(angle for _, angle in self.pairs):
            found.append(
                f"pairs less than {least:.0f} degrees apart are narrower than any that was measured, and should be"
                " better"
            )
        gap = widest_gap(capture.cameras, self.person)
        if gap >= _ONE_SIDE:
            found.append(f"all cameras look from one side: the person is not seen from the other {gap:.0f} degrees")
        if len(self.frames) < 2:
            found.append("one frame: whether the cameras are synchronised, and how much views flicker, cannot be known")
        known = [each for each, _ in self.pairs_with_checks().values() if each is not None]
        if known and all(each.mattes is None for each in known):
            found.append("the masks are given: how sure they are cannot be known")
        return found

    def pairs_with_checks(self) -> dict[Names, tuple[PairChecks | None, float]]:
        """What is known about every pair that was looked at, and the angle between its cameras; the narrowest first."""
        measured = {each.triple.pair: (each.checks, each.triple.angle) for each in self.triples}
        others = {pair: (checks, dict(self.pairs)[pair]) for pair, checks in self.checks.items()}
        return dict(sorted((measured | others).items(), key=lambda item: item[1][1]))


def assessment_page(found: Assessment) -> str:
    """HTML of the page."""
    capture, rows = found.capture, found.rows
    drawings = draw_rig(capture.cameras, found.person, [pair for pair, _ in found.pairs], tuple(capture.cameras))
    best = {each.name for each in narrowest([each.triple for each in found.triples])}
    return template("assessment.html.j2").render(
        found=found,
        capture=capture,
        rig={title: Markup(drawing) for title, drawing in drawings.items()},
        mean=_mean([each for each in found.triples if each.triple.name in best], found.method),
        rows=rows,
        chart=Markup(_chart(rows)) if len(rows) > 1 else "",
        advice=found.advice,
        metrics={name: METRICS[name] for name in _SHOWN},
        triples=[_triple_row(each, found.method) for each in found.triples],
        checks=[_check_row(pair, *about) for pair, about in found.pairs_with_checks().items()],
        unknown=found.unknown(),
        version=__version__,
    )


def _mean(triples: Sequence[MeasuredTriple], method: str) -> dict[str, float]:
    """Means over the views from the narrowest pairs; without triples there are none."""
    values = [
        (each.value(method, "psnr"), each.value("plane_warp", "psnr"), each.triple.angle)
        for each in triples
        if math.isfinite(each.value(method, "psnr"))
    ]
    if not values:
        return {}
    psnr, warp, angle = np.mean(values, axis=0)
    return {"psnr": float(psnr), "plane_warp": float(warp), "angle": float(angle), "count": len(values)}


def _chart(rows: Sequence[AngleRow]) -> str:
    angles = [row.angle for row in rows]
    curves = {"model": (angles, [row.psnr for row in rows]), "plane_warp": (angles, [row.plane_warp for row in rows])}
    return line_chart("angle", curves, "angle between the cameras, degrees")


def _triple_row(each: MeasuredTriple, method: str) -> dict[str, object]:
    """Cells of a row of the table of triples."""
    cells = []
    for name, scope in _SHOWN.items():
        value = each.value(method, name, scope)
        cells.append(formatted(value, METRICS[name]) if math.isfinite(value) else "–")
    warp = each.value("plane_warp", "psnr")
    return {
        "triple": each.triple,
        "cells": cells,
        "plane_warp": f"{warp:.2f}" if math.isfinite(warp) else "–",
        "limits": each.problem or "; ".join(triple_limits(each, method)),
    }


def _check_row(pair: Names, checks: PairChecks | None, angle: float) -> dict[str, object]:
    """Cells of a row of the table of pairs without a camera between them."""
    text = "; ".join(limits(checks, angle)) or "nothing stands out"
    return {
        "names": pair,
        "angle": angle,
        "cells": check_cells(checks),
        "limits": "cannot be rectified" if checks is None else text,
    }
