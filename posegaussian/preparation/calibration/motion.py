"""Which cameras moved: the fewest that explain where features lie, by features that were kept back.

A hypothesis is a set of cameras that may move. Its poses are fitted without a third of the points and tried on these,
three times, so that every point is kept back once (cross-validation). A hypothesis with more parameters is taken where
the kept-back points lie nearer to their epipolar lines by more than chance: their cost falls by several times its
standard error.

The set grows by one camera at a time. To move one camera alone keeps the world where it is; if all cameras move,
features have to tell where the rig stands, and few features do not (`benchmarks/cameras.py turned`, person 152). If
half of the cameras would have to move, nothing tells any more which ones are right: all move, and share the motion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from jaxtyping import Bool, Float, Int

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.feature_tracks import gate_of
from posegaussian.preparation.calibration.refinement import refine_poses
from posegaussian.preparation.calibration.tracks import Tracks, place
from posegaussian.progress import progress

_FOCAL = 0.001
"""Standard deviation of a focal length, where it is refined, as a share. Chosen on people 152 to 156 of `val`: features
tell two focal lengths apart, so errors of 1 % are found in spite of it, but not what both have in common. At 0.01 this
drifted by 15 % in a pair with 700 features, and the view by 35 px; at 0.001 by 0.2 % and 0.6 px."""
_CELL = 1 / 16
"""Points are kept back by cells of the image, a share of its width: what stands still is seen in every frame, and must
not be fitted in one and kept back in another. Points of a cell count as one observation in standard errors, too."""
_FOLDS = 3
"""One cell in so many is kept back at a time. Chosen by hand."""
_SURE = 2.3
"""Standard errors by which the cost must fall: chance does as much once in a hundred times. Of exact cameras it rises,
by 0 to 3 of them (people 152 to 156 of `val`, whichever cameras may move); one of four turned by 1 px lets it fall by
1.6 with 330 features an image and by 2.9 with 600."""
_SOFT = 0.1
"""Residual whose cost is half that of a wrong match, as a share of the gate: 1 px at 1024. Chosen by hand."""

_ROUGHLY = 1e-4
"""Relative change of the cost at which fits of hypotheses stop: half the time of an exact one; cameras are at most 0.02
px from it."""

Pair = tuple[str, str]


@dataclass(frozen=True)
class Motion:
    """Cameras that may move, and where kept-back points lie then."""

    moving: tuple[str, ...]
    focal: float  # standard deviation of their focal lengths, as a share; 0: they are exact
    residuals: Mapping[Pair, Float[np.ndarray, " _"]]  # of each pair's points, pixels, each kept back from the fit
    costs: Float[np.ndarray, " p"]  # of each point, the sum over the pairs


def simplest_motion(
    tracks: Tracks,
    cameras: Mapping[str, SourceCamera],
    pairs: Sequence[Pair],
    good: Callable[[Mapping[Pair, np.ndarray]], bool],
) -> Motion | None:
    """The fewest cameras and parameters that explain the tracks; None where the given cameras do as well as any.

    Args:
        tracks: of points.
        cameras: as given, two or more.
        pairs: whose points count.
        good: whether residuals leave nothing to explain.
    """
    cells = cells_of(tracks, cameras)
    start = _Start(tracks, cameras, pairs, _residuals(tracks, cameras, pairs))
    found = given = start.motion((), 0.0, start.residuals)
    every = tuple(dict.fromkeys(name for pair in pairs for name in pair))

    def better(moving: tuple[str, ...], focal: float) -> Motion:
        trial = _tried(start, cells, moving, focal)
        return trial if _sure(found.costs - trial.costs, cells) else found

    while not good(found.residuals) and len(found.moving) < (len(every) - 1) // 2:
        grown = [(*found.moving, name) for name in every if name not in found.moving]
        trials = progress(grown, "find moved cameras", unit="trials", short=False)
        last, found = found, better(min(trials, key=lambda moving: _fitted_cost(start, moving)), 0.0)
        if found is last:
            break
    for moving, focal in ((found.moving, _FOCAL), (every, 0.0), (every, _FOCAL)):
        if moving and not good(found.residuals) and (moving, focal) != (found.moving, found.focal):
            found = better(moving, focal)
    return None if found is given else found


@dataclass(frozen=True)
class _Start:
    """The tracks and the cameras as given."""

    tracks: Tracks
    cameras: Mapping[str, SourceCamera]
    pairs: Sequence[Pair]
    residuals: Float[np.ndarray, "pairs p"]  # with these cameras

    def moved(
        self, cameras: Mapping[str, SourceCamera], moving: Sequence[str], points: Bool[np.ndarray, " p"]
    ) -> Float[np.ndarray, "pairs _"]:
        """The residuals of some points, with other cameras; pairs whose cameras stay keep theirs."""
        changed = [bool(set(pair) & set(moving)) for pair in self.pairs]
        found = self.residuals[:, points]
        found[changed] = _residuals(self.tracks.select(points), cameras, list(compress(self.pairs, changed)))
        return found

    def motion(self, moving: tuple[str, ...], focal: float, residuals: Float[np.ndarray, "pairs p"]) -> Motion:
        """A hypothesis and what it explains."""
        by_pair = {pair: values[~np.isnan(values)] for pair, values in zip(self.pairs, residuals, strict=True)}
        return Motion(moving, focal, by_pair, _costs(residuals, self.cameras, self.pairs))


def _tried(start: _Start, cells: Int[np.ndarray, "p 2"], moving: tuple[str, ...], focal: float) -> Motion:
    """Each third of the points by cameras that the others move."""
    fold = cells.sum(1) % _FOLDS
    residuals = np.empty_like(start.residuals)
    for number in range(_FOLDS):
        back = fold == number
        fitted = start.tracks.select(~back)
        cameras = refine_poses(start.cameras, fitted, focal=focal, moving=moving, tolerance=_ROUGHLY)
        residuals[:, back] = start.moved(cameras, moving, back)
    return start.motion(moving, focal, residuals)


def _fitted_cost(start: _Start, moving: tuple[str, ...]) -> float:
    cameras = refine_poses(start.cameras, start.tracks, moving=moving, tolerance=_ROUGHLY)
    residuals = start.moved(cameras, moving, np.ones(len(start.tracks), bool))
    return float(_costs(residuals, start.cameras, start.pairs).sum())


def _residuals(
    tracks: Tracks, cameras: Mapping[str, SourceCamera], pairs: Sequence[Pair]
) -> Float[np.ndarray, "pairs p"]:
    """Distances from epipolar lines, pixels; NaN where a pair does not see a point, infinite where rays do not meet."""
    found = np.full((len(pairs), len(tracks)), np.nan)
    for row, pair in zip(found, pairs, strict=True):
        seen = tracks.seen_by(*pair)
        row[seen] = np.nan_to_num(place(tracks.select(seen).only(*pair), cameras).residuals(), nan=np.inf)
    return found


def _costs(
    residuals: Float[np.ndarray, "pairs p"], cameras: Mapping[str, SourceCamera], pairs: Sequence[Pair]
) -> Float[np.ndarray, " p"]:
    """Geman and McClure's robust cost of each point: at most 1 for each pair that sees it."""
    soft = np.array([_SOFT * gate_of(cameras[second]) for _, second in pairs])[:, None]
    return np.nansum(1 - 1 / (1 + (residuals / soft) ** 2), axis=0)


def cells_of(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Int[np.ndarray, "p 2"]:
    """Column and row of the cell in which the first camera sees each point."""
    first = np.unique(tracks.point, return_index=True)[1]
    widths = np.array([cameras[name].width for name in tracks.names])[tracks.camera[first]]
    return (tracks.pixels[first] / (_CELL * widths[:, None])).astype(int)


def _sure(gains: Float[np.ndarray, " p"], cells: Int[np.ndarray, "p 2"]) -> bool:
    """Whether the sum of gains is larger than chance makes it: in standard errors, each cell being one observation."""
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    sums = np.bincount(cell.ravel(), gains)
    return bool(sums.sum() > _SURE * np.sqrt((sums**2).sum()))
