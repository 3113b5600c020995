"""Poses of a rig refined from points that several cameras see, with the given calibration as prior.

The refined poses minimise the reprojection errors of all points and the motion of the cameras. Both costs grow linearly
beyond a scale (soft L1): wrong matches count little, and of a rig in which one camera was turned, that camera moves and
the others stay. Two cameras share the motion. Where it is said which cameras move, they alone do, and squares count;
and from where this led on, the cost of each error is bounded (Geman and McClure, 1985), since even a little is too much
where more matches are wrong than right.
"""

from collections.abc import Collection, Mapping

import numpy as np

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.adjustment import BOUNDED, Adjustment, Priors, State
from posegaussian.preparation.calibration.tracks import Tracks, place

PRIOR = 0.2
"""Motion of a camera, pixels, that weighs as much as one observation that is off by its standard deviation. By hand:
hundreds of observations decide where they can, the prior where they cannot."""
_SPARSE = 0.05
"""Motion beyond this, pixels, counts linearly. Chosen by hand: well below the errors that are to be corrected."""
_SHARED = 10.0
"""The same where two cameras share the motion, and where it was said which cameras move: what features do not determine
stays. By hand: above all errors that are corrected. With linear costs one camera of four was left 0.3 to 0.8 px off
along the epipolar lines, with these 0 to 0.3 (people 152 to 154 of `val`)."""
_ROUNDS = 3
"""Times that the poses are refined, each without the points that were wrong before. Chosen by hand."""
_REJECTED = 4.0
"""Points are wrong beyond this times the median residual, both in standard deviations. Chosen by hand."""
_NO_WEIGHT = 4.0
"""Points beyond this many times `BOUNDED` are left out then; their weight would be 1/289."""
LOOSE = 100.0
"""A prior that leaves the start free: next to none. Chosen by hand."""
_TOLERANCE = 1e-7
"""Relative change of the cost at which the solver stops. Chosen by hand."""


def refine_poses(
    cameras: Mapping[str, SourceCamera],
    tracks: Tracks,
    *,
    focal: float = 0.0,
    prior: float = PRIOR,
    moving: Collection[str] | None = None,
    tolerance: float = _TOLERANCE,
) -> dict[str, SourceCamera]:
    """The cameras with refined poses.

    Args:
        cameras: as given, by name; those that see no point stay as they are.
        tracks: of points that two cameras or more see.
        focal: standard deviation of the focal lengths, as a share; 0: they are exact.
        prior: motion of a camera, pixels, that weighs as much as one observation; large where `cameras` are a guess.
        moving: the cameras that may change; all of them by default. Where it is given, the cost of an error is bounded
            in the end: `cameras` have to be near, or all matches right.
        tolerance: relative change of the cost at which the solver stops.
    """
    fixed = [name for name in tracks.names if moving is not None and name not in moving]
    if moving is not None:  # what they do not see does not move them
        tracks = tracks.select(np.any([tracks.seen_by(name) for name in moving], axis=0))
    linear = _SPARSE if moving is None and len(tracks.names) > 2 else _SHARED
    priors = Priors(prior, linear, focal)
    placed = place(tracks, cameras)
    kept = ~np.isnan(placed.points[:, 0])
    found: Mapping[str, SourceCamera] = cameras
    for number in range(_ROUNDS if moving is None else 2):
        if not kept.any():
            break
        bounded = number == 1 and moving is not None
        state = State.of(found if bounded else cameras, cameras, tracks.names, placed.points[kept])
        solver = Adjustment(cameras, state, tracks.select(kept), priors, fixed, bounded)
        found = {**cameras, **solver.solved(tolerance).cameras(cameras, tracks.names, fixed)}
        if moving is not None:
            placed = place(tracks, found)
            kept = placed.residuals() <= _NO_WEIGHT * BOUNDED * tracks.deviations()
        else:
            residuals = place(tracks, found).residuals() / tracks.deviations()
            kept &= residuals <= _REJECTED * float(np.median(residuals[kept]))
    return dict(found)
