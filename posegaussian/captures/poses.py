"""Poses of many images: which are those of one camera that stands still, up to the noise of their estimation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import scipy
from jaxtyping import Float, Int

from posegaussian.captures.calibration import Calibration
from posegaussian.errors import CalibrationError

_NOISE = 0.01, 0.1
"""Noise of poses that are estimated for each image: a share of the rig's size, and degrees. Chosen by hand: 10 mm where
the cameras stand 1 m apart."""
_ROUNDING = 1e-6
"""Poses that differ by less are equal: files round their numbers."""
_STEP = 1 / 3
"""Cameras move if all steps from image to image are shorter than this share of the distance to every other camera. In
rings and grids of cameras, whose images may be numbered as well, steps have about that length. Chosen by hand."""
_MOST_TRACKS = 256
"""More groups of images than this are not taken for moving cameras: more than any rig has. Chosen by hand."""
_LEAST_SHIFT = 0.5
"""Intrinsics change if they move a pixel by more than this, pixels; less is noise of their estimation. By hand."""

Groups = Int[np.ndarray, " n"]
"""Number of the group of each image, 0 .. groups - 1."""


class Poses:
    """Poses of images as points, between which a distance of 1 is the noise of an estimated pose.

    Args:
        calibrations: of the images, with finite poses.
    """

    def __init__(self, calibrations: Sequence[Calibration]):
        rotations = np.stack([each.rotation for each in calibrations])
        translations = np.stack([each.translation for each in calibrations])
        self.centres = -np.einsum("nji,nj->ni", rotations, translations)
        self.centres -= self.centres.mean(0)
        # Twice the mean distance from the middle is the diameter of a ring; one stray camera changes it little.
        size = 2 * np.linalg.norm(self.centres, axis=1).mean()
        chord = np.sqrt(2) * np.radians(_NOISE[1])  # Frobenius norm of the difference of two rotations by that angle
        self._points = np.hstack([self.centres / (_NOISE[0] * size or 1.0), rotations.reshape(-1, 9) / chord])

    def are_still(self, groups: Groups) -> np.ndarray:
        """Whether the images of each group share a pose."""
        still = np.ones(groups.max() + 1, bool)
        np.logical_and.at(still, groups, np.linalg.norm(self._points - self._means(groups)[groups], axis=1) <= 1)
        return still

    def differ(self, groups: Groups, distance: float = 1.0) -> bool:
        """Whether no two groups have mean poses within a distance."""
        means = self._means(groups)
        return len(means) < 2 or bool((scipy.spatial.KDTree(means).query(means, k=2)[0][:, 1] > distance).all())

    def cluster(self) -> Groups:
        """Groups of images that share a pose, in the order of their first images."""
        groups, count, tree = np.full(len(self._points), -1), 0, scipy.spatial.KDTree(self._points)
        for index in range(len(groups)):
            if groups[index] < 0:
                near = np.array(tree.query_ball_point(self._points[index], 1.0))
                groups[near[groups[near] < 0]] = count
                count += 1
        return groups

    def are_tracks(self, groups: Groups, order: Sequence[int]) -> bool:
        """Whether the images of each group, in an order over all images, look like those of a moving camera."""
        if not 2 <= groups.max() + 1 <= _MOST_TRACKS or np.bincount(groups).min() < 2:
            return False
        ordered = np.asarray(order)
        members = [ordered[groups[ordered] == group] for group in range(groups.max() + 1)]
        steps = [np.linalg.norm(np.diff(self.centres[indices], axis=0), axis=1).max() for indices in members]
        distances = [
            scipy.spatial.KDTree(np.delete(self.centres, indices, axis=0)).query(self.centres[indices])[0].min()
            for indices in members
        ]
        return bool(max(steps) < _STEP * min(distances))

    def follow_each_other(self, order: Sequence[int]) -> bool:
        """Whether images that follow each other in an order are neighbours, as those of a moving camera are."""
        points = self._points[np.asarray(order)]
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        nearest = scipy.spatial.KDTree(points).query(points, k=2)[0][:, 1]
        return bool(np.median(steps) <= 2 * np.median(nearest))

    def _means(self, groups: Groups) -> Float[np.ndarray, "groups 12"]:
        sums = np.zeros((groups.max() + 1, self._points.shape[1]))
        np.add.at(sums, groups, self._points)
        return sums / np.bincount(groups)[:, None]


@dataclass(frozen=True)
class Spread:
    """How far the poses of a camera lie from their mean."""

    distance: float  # in units of the world
    angle: float  # degrees

    def __str__(self) -> str:
        return f"{self.distance:.2g} in the world's unit and {round(self.angle, 4):.2g} degrees"


def mean_pose(calibrations: Sequence[Calibration]) -> tuple[Calibration, Spread]:
    """Calibration with the mean pose of several (Hartley et al. 2013, chordal mean), and their spread around it.

    Where they are equal, to the rounding of a file, it is the first one, unchanged.
    """
    first = calibrations[0]
    poses = [np.column_stack([each.rotation, each.translation]) for each in calibrations]
    if all(np.allclose(pose, poses[0], atol=_ROUNDING) for pose in poses):
        return first, Spread(0.0, 0.0)
    centres = np.stack([-each.rotation.T @ each.translation for each in calibrations])
    left, _, right = np.linalg.svd(sum(each.rotation for each in calibrations))
    rotation, centre = left @ right, centres.mean(0)
    chords = np.stack([np.linalg.norm(each.rotation - rotation) for each in calibrations])
    angles = np.degrees(2 * np.arcsin(np.clip(chords / (2 * np.sqrt(2)), 0, 1)))
    spread = Spread(float(np.linalg.norm(centres - centre, axis=1).max()), float(angles.max()))
    return replace(first, rotation=rotation, translation=-rotation @ centre), spread


def check_lens(calibrations: Mapping[int, Calibration], camera: str) -> None:
    """Raise a CalibrationError if the intrinsics of a camera change from frame to frame."""
    first = next(iter(calibrations.values()))
    for (start, before), (frame, after) in pairwise(calibrations.items()):
        if before.size != after.size:
            what = f"calibrated at {_sized(before)} in frame {start}, but at {_sized(after)} in this one"
        elif not _pixel_shift(first, after) <= _LEAST_SHIFT:  # NaN is a change, too
            what = f"the lens changes after frame {start}: {_changes(before, after)}"
        else:
            continue
        hint = "zooming is not supported: choose frames without changes, or calibrate each camera once"
        raise CalibrationError(what, code="changing-lens", file=after.file, camera=camera, frame=frame, hint=hint)


def _changes(before: Calibration, after: Calibration) -> str:
    """The intrinsics that change, in words."""
    values = [each.matrix[[0, 1, 0, 1], [0, 1, 2, 2]] for each in (before, after)]
    changed = [
        f"{name} from {a:.6g} to {b:.6g}"
        for name, a, b in zip(("fx", "fy", "cx", "cy"), *values, strict=True)
        if a != b
    ]
    return ", ".join(changed) or "its distortion"


def _sized(calibration: Calibration) -> str:
    return "an unknown size" if calibration.size is None else f"{calibration.size[0]} x {calibration.size[1]}"


def _pixel_shift(first: Calibration, second: Calibration) -> float:
    """Largest distance between the pixels at which the two see the same directions, within the image; pixels."""
    lenses = [(each.matrix, each.distortion) for each in (first, second)]
    if all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*lenses, strict=True)):
        return 0.0
    width, height = first.size or 2 * first.matrix[:2, 2]
    pixels = np.array([(x, y) for x in (0, width / 2, width) for y in (0, height / 2, height)], float)
    with np.errstate(all="ignore"):  # impossible intrinsics have an error of their own
        directions = (pixels - first.matrix[:2, 2]) / first.matrix[[0, 1], [0, 1]]
    points, still = np.column_stack([directions, np.ones(len(pixels))]), np.zeros(3)
    a, b = (
        cv2.projectPoints(points, still, still, matrix, np.pad(bent, (0, max(0, 14 - len(bent))))[:14])[0]
        for matrix, bent in lenses
    )
    return float(np.linalg.norm(a - b, axis=-1).max())
