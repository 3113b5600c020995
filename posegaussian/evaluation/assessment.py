"""What the cameras of a rig, held out in turn, show about its pairs: numbers by angle, limits, which pairs to use."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posegaussian.captures.pairing import Names
from posegaussian.captures.triples import STEP, Triple
from posegaussian.evaluation.checks import PairChecks
from posegaussian.preparation.mattes.judgement import MEDIUM

WIDE = 60.0
"""The shipped weights are trained on pairs up to this angle, degrees (assets/weights/release.md)."""
_OFF_FEATURES, _OFF_JOINTS = 3.0, 12.0
"""Errors of the rows, pixels at 1024, from which on the calibration is named: of features, and of joints, which contain
the detector's own errors. Chosen by hand."""
_LOW_JOINTS = 0.4
"""Mean scores below it mean that most joints were not found. Chosen by hand."""
_COLOR = 1.0
"""What a fit of the colours gains, dB, from which on colours are named. Chosen by hand."""
_LATE, _SIGMAS = 0.25, 3.0
"""A camera is late if it is so by this share of a frame at least, and by so many standard errors. Chosen by hand."""
_WORTH = 1.0
"""A pair is worth its use if its views are this much better than a plain warp of a source, dB. Chosen by hand."""


@dataclass(frozen=True)
class MeasuredTriple:
    """Two sources and what their views at the camera between them are worth."""

    triple: Triple  # the cameras
    values: Mapping[tuple[str, str, str], float]  # means over the frames, by method, scope and metric
    checks: PairChecks | None  # of the sources; None where they could not be rectified
    problem: str = ""  # why nothing was measured; empty where something was

    def value(self, method: str, metric: str, scope: str = "bbox") -> float:
        """A mean over the frames; NaN where it is not known."""
        return self.values.get((method, scope, metric), math.nan)


@dataclass(frozen=True)
class AngleRow:
    """Means over the triples whose sources stand in a range of angles apart, degrees; PSNR of the box, dB."""

    low: float
    high: float
    count: int
    angle: float
    psnr: float
    plane_warp: float


@dataclass(frozen=True)
class PairAdvice:
    """Whether a pair should be used."""

    names: Names  # of the cameras
    angle: float  # between them about the person, degrees
    expected: float  # PSNR of the box at a view between them, dB; NaN where nothing is known
    measured: bool  # whether a camera between them measured it; else it is that of pairs of this angle
    use: bool  # the verdict
    why: str  # the reason


def limits(checks: PairChecks | None, angle: float, color_gain: float = math.nan) -> list[str]:
    """What limits the views of a pair, one phrase each; none where nothing stands out.

    Args:
        checks: of the pair.
        angle: between its cameras, degrees.
        color_gain: what a fit of the colours gains at the held-out camera, dB; NaN where not known.
    """
    found = [f"angle: {angle:.0f} degrees"] if angle > WIDE else []
    if checks is not None:
        if checks.features is not None and checks.features > _OFF_FEATURES:
            found.append(f"calibration: rows differ by {checks.features:.1f} px at 1024")
        if checks.features is None and checks.rows is not None and checks.rows > _OFF_JOINTS:
            found.append(f"calibration or joints: rows of joints differ by {checks.rows:.0f} px at 1024")
        if checks.mattes is not None and checks.mattes < MEDIUM:
            found.append(f"mattes: confidence {checks.mattes:.2f}")
        if checks.joints is not None and checks.joints < _LOW_JOINTS:
            found.append(f"joints: mean score {checks.joints:.2f}")
        if checks.late is not None and is_late(*checks.late):
            way = "late" if checks.late[0] > 0 else "early"
            found.append(f"time: {checks.names[1]} is {abs(checks.late[0]):.1f} frames {way}")
    if color_gain > _COLOR:
        found.append(f"colours: {color_gain:.1f} dB")
    return found


def is_late(offset: float, error: float) -> bool:
    """Whether an offset of time, frames, is more than its standard error explains."""
    return abs(offset) > max(_LATE, _SIGMAS * error)


def triple_limits(measured: MeasuredTriple, method: str) -> list[str]:
    """What limits the views of a measured triple, see `limits`; the angle alone where nothing stands out."""
    angle, gain = measured.triple.angle, measured.value(method, "cc_psnr") - measured.value(method, "psnr")
    return limits(measured.checks, angle, gain) or [f"the angle alone: {angle:.0f} degrees"]


def by_angle(triples: Iterable[MeasuredTriple], method: str) -> list[AngleRow]:
    """Means by angle, the narrowest pairs first; triples without a number are left out."""
    groups: dict[int, list[MeasuredTriple]] = {}
    for each in triples:
        if math.isfinite(each.value(method, "psnr")):
            groups.setdefault(int(each.triple.angle // STEP), []).append(each)
    rows = []
    for place, group in sorted(groups.items()):
        angle = float(np.mean([each.triple.angle for each in group]))
        psnr, warp = (float(np.mean([each.value(name, "psnr") for each in group])) for name in (method, "plane_warp"))
        rows.append(AngleRow(place * STEP, (place + 1) * STEP, len(group), angle, psnr, warp))
    return rows


def advise(pairs: Sequence[tuple[Names, float]], triples: Sequence[MeasuredTriple], method: str) -> list[PairAdvice]:
    """Which pairs to use.

    Args:
        pairs: names, and the angle between the cameras in degrees.
        triples: measured on the same rig.
        method: the model's name in their values.
    """
    rows = by_angle(triples, method)
    found = []
    for names, angle in pairs:
        own = [each for each in triples if set(each.triple.pair) == set(names)]
        known = [each for each in own if math.isfinite(each.value(method, "psnr"))]
        if known:
            psnr, warp = (float(np.mean([each.value(m, "psnr") for each in known])) for m in (method, "plane_warp"))
        elif rows:
            angles = [row.angle for row in rows]
            psnr, warp = (
                float(np.interp(angle, angles, values))
                for values in ([row.psnr for row in rows], [row.plane_warp for row in rows])
            )
        else:
            psnr = warp = math.nan
        found.append(PairAdvice(names, angle, psnr, bool(known), *_verdict(angle, psnr - warp, own)))
    return found


def _verdict(angle: float, gain: float, own: Sequence[MeasuredTriple]) -> tuple[bool, str]:
    problem = next((each.problem for each in own if each.problem), "")
    if problem:
        return False, problem
    if angle > WIDE:
        return False, f"wider than the {WIDE:.0f} degrees that the weights know"
    if gain < _WORTH:
        return False, f"no better than a plain warp of a source by {_WORTH:g} dB"
    return True, f"{gain:+.1f} dB against a plain warp" if math.isfinite(gain) else "not measured: no camera between"
