"""What limits the views of a pair of real cameras: mattes, joints, calibration, colour and time, without any truth.

Everything is measured in rectified images, where the same point has the same row in both views.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.data.rectified import read_person
from posegaussian.geometry.features import match_features
from posegaussian.geometry.masks import is_person
from posegaussian.io import store
from posegaussian.preparation.color import transform_colors

_SURE = 0.5
"""Joints with a lower score in one of the views are left out. Chosen by hand."""
_FRAMES = 5
"""Frames, spread over the capture, whose features are matched. Chosen by hand: 0.3 s each."""
_FEATURES = 1000
"""SIFT features of each image. Chosen by hand."""
_LEAST = 12
"""Matches, or joints, that a verdict needs. Chosen by hand, as in `captures.diagnostics`."""
_REACH = 0.025
"""Matches whose rows differ by more than this share of the image's height are wrong. Chosen by hand."""
_LEAST_FRAMES = 4
"""Frames that a verdict about time needs: two velocities, and what is left to judge them by. Chosen by hand."""
_GREY = np.full((1, 3), 0.5, np.float32)


@dataclass(frozen=True)
class PairChecks:
    """What can be said about a pair; None: it is not known."""

    names: tuple[str, str]  # of the left and the right camera
    mattes: float | None  # mean confidence of the masks that were found, in [0, 1]; None where they are given
    joints: float | None  # mean score of the joints, in [0, 1]
    # median difference of the rows of matched features, pixels at a height of 1024: the calibration's error
    features: float | None
    rows: float | None  # the same of the joints, which contains the errors of the detector
    color: float  # largest change of a grey's channel by the matching of colours, as a share
    # how many frames the right camera is late (negative: early), with its standard error
    late: tuple[float, float] | None

    @property
    def calibration(self) -> float | None:
        """The best measure of the calibration's error, pixels at a height of 1024."""
        return self.rows if self.features is None else self.features


def pair_checks(rectified: store.Reader, heatmaps: store.Reader | None, pair: int) -> PairChecks:
    """The checks of a pair of an open rectified file, with its heatmaps if there are some."""
    sources = rectified["sources"]
    left, right = store.strings(sources["pairs"])[pair]
    height = sources["masks"].shape[-2]
    differences = moves = np.zeros((0, 17))
    joints = None
    if heatmaps is not None:
        rows, scores = heatmaps["keypoints"][pair][..., 1] * (1024 / height), heatmaps["scores"][pair]
        joints = float(scores.mean())
        sure = (scores >= _SURE).all(1)
        differences = np.where(sure, rows[:, 0] - rows[:, 1], np.nan)
        moves = np.where(sure, rows.mean(1), np.nan)
    known = differences[np.isfinite(differences)]
    confidence = sources["confidence"][pair] if "confidence" in sources else np.zeros(0)
    confidence = confidence[np.isfinite(confidence)]
    return PairChecks(
        (str(left), str(right)),
        float(confidence.mean()) if confidence.size else None,
        joints,
        _feature_rows(rectified, pair),
        float(np.median(abs(known))) if known.size >= _LEAST else None,
        max(color_change(each) for each in sources["original/color"][pair]),
        time_offset(differences, moves, rectified["frames"][()]),
    )


def color_change(transform: Float[np.ndarray, "3 4"]) -> float:
    """Largest relative change of a channel of mid-grey by a transform of colours."""
    return float(abs(transform_colors(_GREY, transform) / _GREY - 1).max())


def time_offset(
    differences: Float[np.ndarray, "frames joints"], rows: Float[np.ndarray, "frames joints"], frames: np.ndarray
) -> tuple[float, float] | None:
    """How many frames the right camera is late, with its standard error, from joints that move up and down.

    A camera that is late by t frames sees a joint where it was t frames before, so the rows differ by t times the
    joint's velocity. What a joint's rows differ by always, because of the calibration, is taken off.

    Args:
        differences: row in the left minus row in the right view, pixels; NaN where not known.
        rows: mean of both, pixels; NaN where not known.
        frames: their numbers; velocities are per step of a number, and the result is in frames of the file.
    """
    if len(frames) < _LEAST_FRAMES or len(set(np.diff(frames))) > 1:
        return None
    velocity = np.full(rows.shape, np.nan)
    velocity[1:-1] = (rows[2:] - rows[:-2]) / 2
    known = np.isfinite(velocity) & np.isfinite(differences)
    joints = np.flatnonzero(known.sum(0) >= 2)
    if not joints.size:
        return None
    moved, off = [], []
    for joint in joints:
        speed, difference = velocity[known[:, joint], joint], differences[known[:, joint], joint]
        moved.append(speed - speed.mean())
        off.append(difference - difference.mean())
    speed, difference = np.concatenate(moved), np.concatenate(off)
    free, energy = len(speed) - len(joints) - 1, float(speed @ speed)
    if free < _LEAST or energy == 0:
        return None
    late = float(speed @ difference) / energy
    left = difference - late * speed
    return late, float(np.sqrt(left @ left / free / energy))


def _feature_rows(rectified: store.Reader, pair: int) -> float | None:
    """Median row difference of matched features of the person, pixels at a height of 1024; None where there are few."""
    count, height = len(rectified["frames"]), rectified["sources/masks"].shape[-2]
    found = []
    for frame in sorted({count * step // _FRAMES for step in range(_FRAMES)}):
        masks = is_person(rectified["sources/masks"][pair, frame])
        images = read_person(rectified, "sources", pair, frame)
        first, second = match_features(list(images), list(masks), count=_FEATURES)
        found.append(first[:, 1] - second[:, 1])
    rows = np.concatenate(found)
    near = abs(rows[abs(rows) < _REACH * height])
    return float(np.median(near)) * 1024 / height if len(near) >= _LEAST else None
