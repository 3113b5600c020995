"""Poses refined by features of the room and of the person, where landmarks alone brought the cameras near.

Landmarks of a detector are off by some pixels, in the same direction for many frames and from all sides: 60 frames
leave cameras 0.5 to 2 degrees off (people 150 to 154 of `val`, four cameras). Features are exact to half a pixel, but
many of their matches are wrong. So they are matched near the epipolar lines that the landmarks gave; the fundamental
matrix that most matches of a pair agree on (MAGSAC; Barath et al., 2020) tells wrong ones, if landmarks do not
contradict it (a brick wall fits itself shifted by a brick); and one bundle adjustment over features and landmarks moves
all cameras.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import pair_angle
from posegaussian.preparation.calibration.correction import level_of, matched_pairs
from posegaussian.preparation.calibration.feature_tracks import Features, feature_tracks, gate_of
from posegaussian.preparation.calibration.motion import cells_of
from posegaussian.preparation.calibration.refinement import LOOSE, refine_poses
from posegaussian.preparation.calibration.tracks import Tracks, flat_rays, focal_of, place
from posegaussian.preparation.people import rig_centre

FRAMES = 12
"""Times at which features are looked for. Chosen on person 153 of `val`, who is elsewhere in each: 12 leave 0.2 to 0.4
degrees, 6 leave 0.5."""
_GATES = 0.1, 0.01, 0.01, 0.01
"""Largest distances of matches from epipolar lines, as shares of the image's longer side, in turn: first of cameras by
landmarks, whose lines are up to 0.04 off far from the person (90 % of right matches, person 150), then of those that
came out, until no more of the kept-back ones come near: the gym of person 158 needs three times."""
_BETTER = 1.05
"""Factor by which they have to become more. Chosen by hand."""
_AGREED = 1.0
"""Distance from epipolar lines up to which a match agrees with a fundamental matrix, pixels. Chosen by hand."""
_SURE, _TRIALS = 0.999, 10000
"""Certainty and largest number of trials of the search for a fundamental matrix (OpenCV's usual ones)."""
_CONTRADICTED = 2.0
"""Landmarks contradict a fundamental matrix whose lines are this many times as far from them as those of the cameras,
at the median. Chosen by hand."""
_TRIED = 3
"""Fundamental matrices that are tried for a pair, each without the matches that agreed with those before; by hand."""
_LEAST = 30
"""Matches of a pair that a fundamental matrix needs, and features that a camera must share with others; by hand."""
_MOST_POINTS = 8000
"""Points that are solved for at most, at equal steps: 3 s. Chosen by hand."""
_KEPT_BACK = 5
"""One cell of the image in so many is kept back, to measure how exact the poses are."""


def refine_by_room(
    frames: Sequence[Mapping[str, Features]],
    cameras: Mapping[str, SourceCamera],
    landmarks: Tracks,
    focal: float,
) -> tuple[dict[str, SourceCamera], float] | None:
    """Cameras, and the median distance of kept-back features from epipolar lines, pixels.

    None where a camera shares few features with others, or where no more of the kept-back ones lie near their lines
    than with the cameras as given.

    Args:
        frames: features by camera, of some times.
        cameras: by landmarks.
        landmarks: that these cameras were fitted to.
        focal: standard deviation of the focal lengths, as a share; 0: they are exact.
    """
    found = dict(cameras)
    for gate in _GATES:
        tracks = _matched(frames, found, gate)
        back = _kept_back(tracks, found)
        used = _agreed(tracks, landmarks, found) & ~back
        if gate == _GATES[-1]:  # before, every match is needed: poses by landmarks hide many
            used &= _confirmed(tracks, found)
        fitted = tracks.select(used)
        fitted = fitted.select(np.arange(len(fitted)) % (len(fitted) // _MOST_POINTS + 1) == 0)
        if min(fitted.seen_by(name).sum() for name in cameras) < _LEAST:
            return None
        given, found = found, refine_poses(found, fitted.joined(landmarks), focal=focal, prior=LOOSE)
        near, nearer = (_near(tracks.select(back), each) for each in (given, found))
        if gate == _GATES[-1] and nearer <= _BETTER * near:
            break
    rest = tracks.select(_kept_back(tracks, found))
    if not _near(rest, found) > _near(rest, cameras):
        return None
    return found, level_of(place(rest, found).residuals(), max(gate_of(camera) for camera in found.values()))[0]


def _near(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> int:
    """Number of points near their epipolar lines."""
    return int((place(tracks, cameras).residuals() <= _AGREED).sum())


def _matched(frames: Sequence[Mapping[str, Features]], cameras: Mapping[str, SourceCamera], gate: float) -> Tracks:
    """Features that several cameras see, near the epipolar lines of the cameras."""
    pairs, tracks = matched_pairs(cameras), Tracks.of(list(cameras), [], {})
    for features in frames:
        tracks = tracks.joined(feature_tracks(features, cameras, pairs, gate))
    return tracks


def _agreed(tracks: Tracks, landmarks: Tracks, cameras: Mapping[str, SourceCamera]) -> Bool[np.ndarray, " p"]:
    """Whether each point agrees with the fundamental matrices of all pairs that see it."""
    flat, others = flat_rays(tracks, cameras), flat_rays(landmarks, cameras)
    agreed = np.ones(len(tracks), bool)
    for pair in combinations(tracks.names, 2):
        focal = np.mean([focal_of(cameras[name]) for name in pair])
        seen, known = tracks.seen_by(*pair), landmarks.seen_by(*pair)
        first, second = (focal * _of_points(tracks, flat, name, seen) for name in pair)
        ends = [focal * _of_points(landmarks, others, name, known) for name in pair]
        near = place(landmarks.select(known).only(*pair), cameras).residuals()
        limit = _CONTRADICTED * float(np.nanmedian(near)) if np.isfinite(near).any() else np.inf
        agreed[seen] &= _inliers(first, second, lambda matrix, ends=ends, limit=limit: _off(matrix, *ends) <= limit)
    return agreed


def _confirmed(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Bool[np.ndarray, " p"]:
    """Whether each point is seen by three cameras, or by two neighbours.

    Outdoors (person 155 of `val`) a quarter of the matches of cameras 45 degrees apart were wrong and agreed with each
    other: they left 0.45 degrees, and 0.10 without those that no camera between the two had seen. In the rooms of
    people 150 to 154 it is 0.03 to 0.12 with them, 0.04 to 0.23 without.
    """
    found = np.bincount(tracks.point, minlength=len(tracks)) > 2
    for pair in _neighbours(cameras):
        found |= tracks.seen_by(*pair)
    return found


def _neighbours(cameras: Mapping[str, SourceCamera]) -> list[tuple[str, str]]:
    """Pairs of which no third camera is nearer to both (relative neighbourhood graph; Toussaint, 1980), by angle."""
    centre = rig_centre(cameras)
    angles = {
        frozenset(pair): pair_angle(centre, *(cameras[name] for name in pair)) for pair in combinations(cameras, 2)
    }

    def between(third: str, a: str, b: str) -> bool:
        return max(angles[frozenset((third, a))], angles[frozenset((third, b))]) < angles[frozenset((a, b))]

    return [
        (a, b) for a, b in combinations(cameras, 2) if not any(between(c, a, b) for c in cameras if c not in (a, b))
    ]


def _inliers(
    first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "n 2"], plausible: Callable[[np.ndarray], bool]
) -> Bool[np.ndarray, " n"]:
    """Matches that agree with the first plausible fundamental matrix; none if there is no such."""
    left, inside = np.ones(len(first), bool), np.zeros(len(first), bool)
    for _ in range(_TRIED):
        if left.sum() < _LEAST:
            break
        found = cv2.findFundamentalMat(first[left], second[left], cv2.USAC_MAGSAC, _AGREED, _SURE, _TRIALS)
        if found[0] is None or found[0].shape != (3, 3):
            break
        inside[left] = found[1][:, 0] > 0
        if plausible(found[0]):
            return inside
        left &= ~inside
        inside[:] = False
    return inside


def _off(matrix: np.ndarray, first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "n 2"]) -> float:
    """Median distance of the second points from the lines of the first ones, pixels; 0 where there are none."""
    lines = cv2.convertPointsToHomogeneous(first)[:, 0] @ matrix.T if len(first) else np.zeros((0, 3))
    distances = abs((lines[:, :2] * second).sum(1) + lines[:, 2]) / np.linalg.norm(lines[:, :2], axis=1)
    return float(np.median(distances)) if len(distances) else 0.0


def _of_points(
    tracks: Tracks, values: Float[np.ndarray, "n 2"], name: str, points: Bool[np.ndarray, " p"]
) -> Float[np.ndarray, "m 2"]:
    """The values of a camera's observations of some points, which it sees, in the order of the points."""
    mine = (tracks.camera == tracks.names.index(name)) & points[tracks.point]
    return values[mine][np.argsort(tracks.point[mine])]


def _kept_back(tracks: Tracks, cameras: Mapping[str, SourceCamera]) -> Bool[np.ndarray, " p"]:
    """Whether each point lies in a cell of the image that is kept back."""
    return (cells_of(tracks, cameras) @ [1, 2]) % _KEPT_BACK == 0
