"""A given calibration judged by features that several cameras see, and corrected where that makes it better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import pair_angle
from posegaussian.preparation.calibration.feature_tracks import Features, feature_tracks, gate_of
from posegaussian.preparation.calibration.motion import simplest_motion
from posegaussian.preparation.calibration.refinement import refine_poses
from posegaussian.preparation.calibration.tracks import Tracks, place
from posegaussian.preparation.people import rig_centre

BAD = 1.0
"""Median distance from epipolar lines, pixels, above which a calibration that cannot be corrected is warned about. Of
exact calibrations it is up to 0.7, where cameras 45 degrees apart see few features (people 153 to 156 of `val`)."""
TRIED = 0.25
"""The same above which a correction is looked for. Of exact calibrations it is 0.08 to 0.2 at 22.5 degrees and 0.3 at
45, where a correction is looked for and not used; at 0.4 a view loses 3.6 dB (`benchmarks/cameras.py`)."""
_WIDEST = 60.0
"""Pairs that are further apart, degrees about the rig's centre, are not matched: most of their matches are wrong."""
_LEAST = 30
"""Points that a verdict on a pair needs. Chosen by hand."""
_OUTER = 0.7
"""Matches beyond this share of the gate are all wrong. Chosen by hand."""
_CROWDED = 0.4
"""If more than this share of the matches lies there, they are right, and the calibration is far off. Chosen by hand:
wrong ones lie anywhere, so 0.3 of them do; of a pair whose focal lengths are 1 % off 0.47 (person 159 of `val`)."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Correction:
    """What features say about a calibration."""

    given: Mapping[str, SourceCamera]  # the cameras as given
    cameras: Mapping[str, SourceCamera]  # the corrected cameras; the given ones where nothing was corrected
    points: Mapping[Pair, int]  # number of points that each pair of cameras sees; pairs with too few are left out
    before: Mapping[Pair, float]  # median distance from epipolar lines of each pair, pixels, with the given cameras
    # the same with the corrected ones, by points that were kept back; empty where nothing was corrected
    after: Mapping[Pair, float]
    focal: bool = False  # whether focal lengths were corrected
    why_not: str = ""  # why a bad calibration was not corrected; empty otherwise

    @property
    def used(self) -> bool:
        """Whether the cameras were corrected."""
        return bool(self.after)

    def residuals(self, camera: str) -> tuple[float, float]:
        """Median residual of a camera's pairs before and after, pixels; NaN where it has none."""

        def worst(values: Mapping[Pair, float]) -> float:
            return float(np.median([value for pair, value in values.items() if camera in pair] or [np.nan]))

        return worst(self.before), worst(self.after if self.used else self.before)

    def lines(self) -> list[str]:
        """A line for each pair."""
        found = []
        for (a, b), before in self.before.items():
            after = f", {self.after[a, b]:.2f} px corrected" if (a, b) in self.after else ""
            found.append(f"cameras {a} and {b}: {self.points[a, b]} points, {before:.2f} px from epipolar lines{after}")
        return found


def correct(frames: Iterable[Mapping[str, Features]], cameras: Mapping[str, SourceCamera]) -> Correction:
    """A calibration judged, and corrected where it is bad and points that were kept back agree."""
    pairs = matched_pairs(cameras)
    tracks = Tracks.of(list(cameras), [], {})
    for features in frames:
        tracks = tracks.joined(feature_tracks(features, cameras, pairs))
    return judged(tracks, cameras)


def matched_pairs(cameras: Mapping[str, SourceCamera]) -> list[Pair]:
    """Pairs of cameras that see the rig's centre from nearly the same side."""
    centre = rig_centre(cameras)
    return [(a, b) for a, b in combinations(cameras, 2) if pair_angle(centre, cameras[a], cameras[b]) <= _WIDEST]


def judged(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Correction:
    """A calibration judged by tracks, and corrected where it is bad and tracks that were kept back agree."""
    before = pair_levels(tracks, cameras)
    points = {pair: count for pair, (_, count) in before.items() if count >= _LEAST}
    # Cameras that are far apart share points by chains of matches alone, which drift: they give no verdict.
    medians = {pair: before[pair][0] for pair in matched_pairs(cameras) if pair in points}
    unchanged = Correction(cameras, cameras, points, medians, {})
    if not medians or max(medians.values()) <= TRIED:
        return unchanged
    motion = simplest_motion(tracks, cameras, list(points), lambda residuals: _worst(residuals, cameras) <= TRIED)
    if motion is None:
        what = "no correction brings features that were kept back nearer to them by more than chance"
        return replace(unchanged, why_not=what if max(medians.values()) > BAD else "")
    after = {pair: level_of(motion.residuals[pair], gate_of(cameras[pair[1]]))[0] for pair in medians}
    found = refine_poses(cameras, tracks, focal=motion.focal, moving=motion.moving)
    return replace(unchanged, cameras=found, after=after, focal=motion.focal > 0)


def _worst(residuals: Mapping[Pair, np.ndarray], cameras: Mapping[str, SourceCamera]) -> float:
    return max(level_of(values, gate_of(cameras[pair[1]]))[0] for pair, values in residuals.items())


def pair_levels(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> dict[Pair, tuple[float, int]]:
    """Median distance from epipolar lines, pixels, of each pair's right matches, and their number."""
    found = {}
    for pair in combinations(tracks.names, 2):
        both = tracks.select(tracks.seen_by(*pair)).only(*pair)
        if len(both):
            found[pair] = level_of(place(both, cameras).residuals(), gate_of(cameras[pair[1]]))
    return found


def level_of(residuals: Float[np.ndarray, " n"], gate: float) -> tuple[float, int]:
    """Median of the residuals of right matches, and their number; infinite where all are wrong.

    Wrong matches lie anywhere within the gate; how many there are is known from those near its end.

    Args:
        residuals: pixels; those that are not finite are left out.
        gate: where matches end, pixels.
    """
    ordered = np.sort(residuals[np.isfinite(residuals)])
    outer = ordered > _OUTER * gate
    if len(ordered) and outer.mean() > _CROWDED:
        return float(np.median(ordered)), len(ordered)
    wrong = outer.sum() / (1 - _OUTER)
    right = len(ordered) - wrong
    if right <= 0:
        return np.inf, 0
    reached = np.arange(1, len(ordered) + 1) - wrong * np.minimum(ordered / gate, 1)
    return float(ordered[np.argmax(reached >= right / 2)]), int(right)
