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
from posegaussian.preparation.calibration.refinement import refine_poses
from posegaussian.preparation.calibration.tracks import Tracks, place
from posegaussian.preparation.people import rig_centre

BAD = 0.5
"""Median distance from epipolar lines, pixels, above which a calibration that cannot be corrected is warned about."""
TRIED = 0.25
"""The same above which a correction is looked for. Of exact calibrations it is 0.08 to 0.2 at 22.5 degrees and 0.3 at
45, where a correction is looked for and not used; at 0.4 a view loses 3.6 dB (`benchmarks/cameras.py`)."""
_WIDEST = 60.0
"""Pairs that are further apart, degrees about the rig's centre, are not matched: most of their matches are wrong."""
_FOCAL = 0.01
"""Standard deviation of a focal length, where it is refined, as a share. Chosen by hand."""
_LEAST = 30
"""Points that a verdict on a pair, or on a camera, needs. Chosen by hand."""
_CELL = 1 / 16
"""Points are kept back by cells of the image, a share of its width: what stands still is seen in every frame, and must
not be fitted in one and kept back in another."""
_OUTER = 0.7
"""Matches beyond this share of the gate are all wrong. Chosen by hand."""
_KEPT_BACK = 3
"""One cell in so many is kept back. Chosen by hand."""
_LEAST_BACK = 15
"""Right matches of a pair among the points that were kept back, for a verdict. Chosen by hand: the medians of fewer say
nothing. Cameras 43 degrees apart kept 8 back, of 229, and "fell" to 0.07 pixels where the fitted ones had 0.5."""
_BETTER = 0.8
"""A correction, or one of more parameters, is used where the residual of points that were kept back falls below this
share. Chosen by hand."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Correction:
    """What features say about a calibration.

    Args:
        given: the cameras as given.
        cameras: the corrected cameras; the given ones where nothing was corrected.
        points: number of points that each pair of cameras sees; pairs with too few are left out.
        before: median distance from epipolar lines of each pair, pixels, with the given cameras.
        after: the same with the corrected ones, by points that were kept back; empty where nothing was corrected.
        focal: whether focal lengths were corrected.
        why_not: why a bad calibration was not corrected; empty otherwise.
    """

    given: Mapping[str, SourceCamera]
    cameras: Mapping[str, SourceCamera]
    points: Mapping[Pair, int]
    before: Mapping[Pair, float]
    after: Mapping[Pair, float]
    focal: bool = False
    why_not: str = ""

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
    medians = {pair: before[pair][0] for pair in points}
    unchanged = Correction(cameras, cameras, points, medians, {})
    if not medians or max(medians.values()) <= TRIED:
        return unchanged
    back = kept_back(tracks, cameras)
    fitted, rest = tracks.select(~back), tracks.select(back)
    held = {pair: count for pair, (_, count) in pair_levels(rest, cameras).items() if pair in points}
    points = {pair: points[pair] for pair, count in held.items() if count >= _LEAST_BACK}
    if not points:
        what = f"a correction cannot be judged by {max(held.values(), default=0)} points that were kept back"
        return replace(unchanged, why_not=what if max(medians.values()) > BAD else "")
    lone = _in_all_bad_pairs({pair: medians[pair] for pair in points})
    trial, moving, focal = _simplest(fitted, rest, cameras, points, lone)
    changed = {pair: count for pair, count in points.items() if moving is None or set(moving) & set(pair)}
    start, level = _level(rest, cameras, changed), _level(rest, trial, changed)
    if not level < _BETTER * start:
        what = f"poses that fit better ({start:.2f} to {level:.2f} px at kept-back points) were not found"
        return replace(unchanged, why_not=what if max(medians.values()) > BAD else "")
    after = {pair: level for pair, (level, _) in pair_levels(rest, trial).items() if pair in points}
    found = refine_poses(cameras, tracks, focal=focal, moving=moving)
    return replace(unchanged, cameras=found, after=after, focal=focal > 0)


def _simplest(
    fitted: Tracks,
    rest: Tracks,
    cameras: Mapping[str, SourceCamera],
    points: Mapping[Pair, int],
    lone: str | None,
) -> tuple[dict[str, SourceCamera], list[str] | None, float]:
    """Refined cameras, those that were moved (None: all) and the freedom of focal lengths, of the simplest explanation.

    Each next one has more parameters, and is taken if it fits the kept-back points better by `_BETTER`.
    """
    found, level = (dict(cameras), None, 0.0), np.inf
    for moving in ([lone], None) if lone else (None,):
        for focal in (0.0, _FOCAL):
            trial = refine_poses(cameras, fitted, focal=focal, moving=moving)
            trial_level = _level(rest, trial, points)
            if trial_level < _BETTER * level:
                found, level = (trial, moving, focal), trial_level
    return found


def _in_all_bad_pairs(medians: Mapping[Pair, float]) -> str | None:
    """The one camera that all bad pairs have in common, if the pairs without it are good: nothing else is wrong.

    To move it alone keeps the world where it is. If all cameras move, features have to tell where the rig stands; few
    features do not, and views were 2 dB worse than without a correction (`benchmarks/cameras.py turned`, person 152).
    """
    bad = [set(pair) for pair, level in medians.items() if level > BAD]
    common = set.intersection(*bad) if bad else set()
    if len(common) != 1 or all(common & set(pair) for pair in medians):
        return None
    return common.pop()


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
    wrong = (ordered > _OUTER * gate).sum() / (1 - _OUTER)
    right = len(ordered) - wrong
    if right <= 0:
        return np.inf, 0
    reached = np.arange(1, len(ordered) + 1) - wrong * np.minimum(ordered / gate, 1)
    return float(ordered[np.argmax(reached >= right / 2)]), int(right)


def kept_back(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> np.ndarray:
    """Whether each point is kept back: by the cell of the image in which the first camera sees it."""
    first = np.unique(tracks.point, return_index=True)[1]
    widths = np.array([cameras[name].width for name in tracks.names])[tracks.camera[first]]
    cells = (tracks.pixels[first] / (_CELL * widths[:, None])).astype(int)
    return (cells @ [1, 1]) % _KEPT_BACK == 0


def _level(tracks: Tracks, cameras: Mapping[str, SourceCamera], points: Mapping[Pair, int]) -> float:
    """Mean over pairs of the median residual of their right matches, pixels; the gate where those are too few."""
    levels = {pair: level for pair, (level, count) in pair_levels(tracks, cameras).items() if count >= _LEAST_BACK}
    found = {pair: min(levels.get(pair, np.inf), gate_of(cameras[pair[1]])) for pair in points}
    return sum(points[pair] * level for pair, level in found.items()) / sum(points.values())
