"""Rectification plans, made once for all frames: the pinhole cameras that cameras become, and their sampling maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.pairing import Names, pair_around, person_centre
from posegaussian.config import RectifySettings
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.geometry import rectification
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.resampling import SamplingMap, sampling_map
from posegaussian.names import natural_order
from posegaussian.parallel import in_order
from posegaussian.preparation.color import IDENTITY, ColorTransform, estimate_colors
from posegaussian.preparation.footage import Footage
from posegaussian.types import Camera, stack

_LEAST_BASELINE = 1e-6
"""Cameras nearer to each other than this, metres, stand at the same place, up to rounding: there is no baseline."""


@dataclass(frozen=True)
class ViewPlan:
    """Resampling of the images of one camera."""

    name: str  # of the camera
    source: SourceCamera  # the calibrated camera
    camera: Camera  # the pinhole camera that it becomes, at the same place, float64
    sampling: SamplingMap  # positions of its pixels in the source image
    color: ColorTransform = field(default_factory=lambda: IDENTITY)  # transform of the colours, see `preparation.color`


@dataclass(frozen=True)
class PairPlan:
    """A pair whose rows match after resampling; the first view is the left one."""

    views: tuple[ViewPlan, ViewPlan]

    @property
    def names(self) -> Names:
        """Names of the left and the right camera."""
        return self.views[0].name, self.views[1].name

    @property
    def cameras(self) -> Camera:
        """Rectified cameras, left and right, as a batch of 2 in float64."""
        return stack([view.camera for view in self.views])


@dataclass(frozen=True)
class HeldOutPlan:
    """A held-out camera, undistorted, and the index of the pair that it lies between."""

    view: ViewPlan
    pair: int


@dataclass(frozen=True)
class RectificationPlan:
    """The rectification of a capture, as far as it does not depend on the frame."""

    pairs: tuple[PairPlan, ...]
    held_out: tuple[HeldOutPlan, ...] = ()

    def views(self) -> Iterator[ViewPlan]:
        """All views: of the pairs, then of the held-out cameras; a camera in two pairs has two."""
        for pair in self.pairs:
            yield from pair.views
        for each in self.held_out:
            yield each.view

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cameras, each once, in the order of the views."""
        return tuple(dict.fromkeys(view.name for view in self.views()))

    @property
    def colors(self) -> dict[str, ColorTransform]:
        """Colour transforms by camera, in the order of the names."""
        found = {view.name: view.color for view in self.views()}
        return {name: found[name] for name in sorted(found, key=natural_order)}


def plan_rectification(
    capture: Capture, pairs: Sequence[Names], frames: Sequence[int], settings: RectifySettings
) -> RectificationPlan:
    """Rectification plan of a capture, without colour matching.

    Args:
        capture: with masks.
        pairs: of cameras, in any order; held-out cameras that are in none of them are undistorted.
        frames: frames whose person has to fit into the rectified images.
        settings: sizes and margin.

    Raises:
        CalibrationError: a pair cannot be rectified.
        CaptureError: an image cannot be read, or the held-out images differ in size.
    """
    rectified = tuple(plan_pair(capture, names, frames, settings) for names in pairs)
    return RectificationPlan(rectified, _plan_held_out(capture, rectified, frames[0], settings))


def with_matched_colors(plan: RectificationPlan, footage: Footage, frames: Sequence[int]) -> RectificationPlan:
    """The plan with transforms that match the cameras' colours, estimated from some of the frames."""
    seen = [(each.view.name, camera) for each in plan.held_out for camera in plan.pairs[each.pair].names]
    found = estimate_colors(footage, [pair.names for pair in plan.pairs] + seen, frames)

    def matched(view: ViewPlan) -> ViewPlan:
        return replace(view, color=found[view.name])

    return RectificationPlan(
        tuple(PairPlan((matched(pair.views[0]), matched(pair.views[1]))) for pair in plan.pairs),
        tuple(replace(each, view=matched(each.view)) for each in plan.held_out),
    )


def plan_pair(footage: Footage, names: Names, frames: Sequence[int], settings: RectifySettings) -> PairPlan:
    """Plan of one pair, with intrinsics that fit the person of all frames.

    Args:
        footage: images and masks by camera and frame.
        names: of two cameras, in any order.
        frames: frames whose person has to fit into the rectified images.
        settings: size and margin.

    Raises:
        CalibrationError: the pair cannot be rectified.
    """
    first, second = (footage.cameras[camera] for camera in names)
    if np.linalg.norm(first.centre - second.centre) < _LEAST_BASELINE:
        what = f"stands at the same place as camera {names[1]}: no baseline"
        raise CalibrationError(what, code="no-baseline", file=footage.calibration_files[-1], camera=names[0])
    rotation, swapped = rectification.rectifying_rotation(first, second)
    if swapped:
        names = (names[1], names[0])
    left, right = (footage.cameras[camera] for camera in names)
    boxes = np.stack([_person_box(footage, camera, frames, rotation) for camera in names])
    intrinsics = rectification.fit_intrinsics(boxes, settings.size, settings.margin)
    centres = np.stack([left.centre, right.centre])
    cameras = rectification.rectified_cameras(centres, rotation, intrinsics, settings.size)
    return PairPlan(
        (
            ViewPlan(names[0], left, cameras[0], sampling_map(left, cameras[0])),
            ViewPlan(names[1], right, cameras[1], sampling_map(right, cameras[1])),
        )
    )


def _person_box(
    footage: Footage, camera: str, frames: Sequence[int], rotation: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, " 4"]:
    """Bounding box (x0, y0, x1, y1) of the person of all frames on the rectified image plane at depth 1."""

    def bounds(frame: int) -> Float[np.ndarray, " 4"]:
        corners = rectification.mask_outline(is_person(footage.mask(camera, frame)))
        rays = footage.cameras[camera].directions(corners)
        if not np.isfinite(rays).all():
            what = "the distortion folds back on itself where the person stands"
            hint = "fisheye lenses are not supported: undistort the images first"
            raise CalibrationError(
                what, code="unsupported-lens", file=footage.calibration_files[0], camera=camera, frame=frame, hint=hint
            )
        box = rectification.ray_bounds(rays, rotation)
        if box is None:
            what = "its pair cannot be rectified: the person stands along the baseline"
            raise CalibrationError(
                what, code="person-on-baseline", file=footage.calibration_files[-1], camera=camera, frame=frame
            )
        return box

    corner, opposite = np.split(np.stack([*in_order(bounds, frames)]), 2, axis=1)
    return np.concatenate([corner.min(0), opposite.max(0)])


def _plan_held_out(
    capture: Capture, pairs: Sequence[PairPlan], frame: int, settings: RectifySettings
) -> tuple[HeldOutPlan, ...]:
    """Plans of the held-out cameras that are in no pair."""
    names = [pair.names for pair in pairs]
    inputs = sorted({camera for pair in names for camera in pair}, key=natural_order)
    person = person_centre(capture, inputs, frame)
    plans = []
    for name in capture.held_out:
        if name not in inputs:
            source = capture.cameras[name]
            camera = source.pinhole().resized(*settings.target_size) if settings.target_size else source.pinhole()
            view = ViewPlan(name, source, camera, sampling_map(source, camera))
            plans.append(HeldOutPlan(view, pair_around(capture, name, names, person)))
    if len({(plan.view.camera.width, plan.view.camera.height) for plan in plans}) > 1:
        raise CaptureError(
            "the held-out cameras differ in size",
            code="mixed-target-sizes",
            file=capture.root,
            hint="set rectify.target_size",
        )
    return tuple(plans)
