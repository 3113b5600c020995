"""Diagnostics of a capture: what looks wrong, by geometry, with the images and masks of its first frame.

A check that finds a better explanation (poses inverted, images of two cameras swapped, intrinsics for another size)
is an error, since everything that follows would be wrong. The rest are warnings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Bool, Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.exchanged_masks import exchanged_masks
from posegaussian.errors import CalibrationError, warn
from posegaussian.geometry import rig
from posegaussian.geometry.features import epipolar_distances, match_features
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import centroid, is_person
from posegaussian.progress import progress

_WIDE = 60.0
"""Pairs wider than this, degrees about the person, get a warning: the shipped weights are trained on pairs of 10 to 60
degrees (assets/weights/release.md)."""
_HEIGHTS = (0.5, 2.6)
"""Plausible heights of what a mask shows, metres: half a person may be in the image. Chosen by hand."""
_UNITS = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37, "feet": 3.28}
"""Units per metre that a world is likely to be in."""
_BODY_HEIGHT = 1.7
"""Height of an average adult, metres; the guess of the unit allows 0.6 to 1.5 times as much."""
_CONSISTENT, _INCONSISTENT = 3.0, 10.0
"""Degrees between the triangulated person and the rays to it: with less, the poses are consistent; with more, something
is wrong. Chosen by hand: the centroids of masks are not quite images of one point."""
_LEAST_SPREAD = 8.0
"""Rays that differ by less, degrees, meet near one point whatever the poses are: they prove nothing. By hand."""
_CENTRED = 0.1
"""Principal points of real cameras lie this near to the image's centre, as a share of half its size. By hand."""
_SCALES = (0.25, 0.5, 2.0, 4.0)
"""Sizes that images are commonly resized to after calibration, as factors."""
_OTHER_BODY = 0.35
"""A second component of the mask with this share of the first one's area may be another person. Chosen by hand."""
_FEATURES = 2000
"""SIFT features of each image. Chosen by hand."""
_LEAST_MATCHES = 12
"""Feature matches that a verdict needs. Chosen by hand."""
_OFF_EPIPOLAR = 0.006
"""Median distance to epipolar lines above which a pair is reported, as a share of the image's width. By hand."""

Cameras = Mapping[str, SourceCamera]
Pixels = Mapping[str, Float[np.ndarray, " 2"]]
"""One pixel (x, y) in each camera, by its name."""


@dataclass(frozen=True)
class Diagnostic:
    """Something that looks wrong."""

    what: str  # the problem, in a few words
    hint: str  # what to do about it
    camera: str | None = None  # the camera that has the problem; None where all or several have it
    code: str = field(kw_only=True)  # of the error or warning that it becomes
    fatal: bool = False  # whether every later result would be wrong


def check(capture: Capture, pairs: Sequence[tuple[str, str]], frame: int) -> None:
    """Warn about everything that looks wrong with a capture; arguments as for `diagnose`.

    Raises:
        CalibrationError: for the first fatal diagnostic.
    """
    file = capture.calibration_files[-1] if capture.calibration_files else capture.root
    for found in diagnose(capture, pairs, frame):
        if found.fatal:
            raise CalibrationError(found.what, code=found.code, file=file, camera=found.camera, hint=found.hint)
        warn(found.what, code=found.code, file=capture.root, camera=found.camera, hint=found.hint)


def diagnose(capture: Capture, pairs: Sequence[tuple[str, str]], frame: int) -> list[Diagnostic]:
    """Everything that looks wrong with a capture.

    Args:
        capture: cameras without masks are not checked.
        pairs: of source cameras; only their cameras are checked.
        frame: the frame whose images and masks are used.
    """
    names = [camera for camera in dict.fromkeys(camera for pair in pairs for camera in pair) if camera in capture.masks]
    if len(names) < 2:
        return []
    cameras = {name: capture.cameras[name] for name in names}
    masks = {name: is_person(capture.mask(name, frame)) for name in names}
    centroids = {name: centroid(mask) for name, mask in masks.items()}
    components = [each for name, mask in masks.items() for each in _check_components(name, mask)]
    exchanged = _check_masks(capture, masks, frame)
    if exchanged:  # the middles of the masks are not where the person is
        return exchanged + components
    found = _check_poses(cameras, centroids) + _check_epipolar(capture, pairs, frame)
    if not any(each.fatal for each in found):
        person = rig.triangulate(list(cameras.values()), np.stack(list(centroids.values())))
        found += _check_unit(cameras, masks, person) + _check_angles(cameras, pairs, person)
    return found + components


def invert_pose(camera: SourceCamera) -> SourceCamera:
    """The camera, if its pose was given as camera to world."""
    return replace(camera, world_to_camera=np.linalg.inv(camera.world_to_camera))


def _check_masks(capture: Capture, masks: Mapping[str, Bool[np.ndarray, "_ _"]], frame: int) -> list[Diagnostic]:
    """Pairs of cameras whose masks are exchanged."""
    exchanged = exchanged_masks({name: capture.image(name, frame) for name in masks}, masks)
    hint = "exchange the files of these masks"
    return [
        Diagnostic(
            f"has the mask of {b}, and {b} has its: each fits the other's image", hint, a, code="exchanged-masks"
        )
        for a, b in exchanged
    ]


def _check_poses(cameras: Cameras, centroids: Pixels) -> list[Diagnostic]:
    """Rays to the person that do not meet, and the mistake in the poses that explains it, if there is one."""
    found = _check_principal_points(cameras)
    error = _ray_error(cameras, centroids)
    if found or error < _INCONSISTENT:
        return found
    what = f"the cameras do not look at one person (rays miss by {error:.0f} degrees)"
    inverted = {name: invert_pose(camera) for name, camera in cameras.items()}
    if _ray_error(inverted, centroids) < _CONSISTENT and _ray_spread(inverted, centroids) > _LEAST_SPREAD:
        hint = "the poses look camera-to-world: import the capture with --camera-to-world"
        return [Diagnostic(what, hint, code="inverted-poses", fatal=True)]
    if _collinear(cameras, centroids):
        return []  # such a pair cannot be rectified, which is an error of its own with a better message
    for a, b in combinations(cameras, 2):
        if len(cameras) > 2 and _ray_error({**cameras, a: cameras[b], b: cameras[a]}, centroids) < _CONSISTENT:
            hint = f"the images of {a} and {b} look swapped, or a mask shows something else: see `posegaussian inspect`"
            return [Diagnostic(what, hint, code="swapped-images", fatal=True)]
    return [Diagnostic(what, "check the extrinsics and the masks with `posegaussian inspect`", code="cameras-disagree")]


def _ray_error(cameras: Cameras, centroids: Pixels) -> float:
    """Largest angle between a ray through a mask's centroid and the direction of the triangulated person, degrees.

    180 where the triangulated point lies behind a camera or does not exist.
    """
    point = rig.triangulate([cameras[name] for name in centroids], np.stack(list(centroids.values())))
    if not np.isfinite(point).all():
        return 180.0
    worst = 0.0
    for name, camera in cameras.items():
        ray, direction = camera.directions(centroids[name][None])[0], point - camera.centre
        cosine = ray @ direction / (np.linalg.norm(ray) * np.linalg.norm(direction) + 1e-12)
        worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    return 180.0 if worst > 90 else worst


def _ray_spread(cameras: Cameras, centroids: Pixels) -> float:
    """Largest angle between the rays through the centroids of the masks, degrees."""
    rays = np.stack([camera.directions(centroids[name][None])[0] for name, camera in cameras.items()])
    return float(rig.view_angles(np.zeros(3), rays).max())


def _collinear(cameras: Cameras, centroids: Pixels) -> bool:
    """Whether all cameras and the person stand in one line: then triangulation cannot find the person."""
    first, *others = cameras.values()
    ray = first.directions(centroids[next(iter(cameras))][None])
    steps = np.stack([camera.centre - first.centre for camera in others])
    across = np.linalg.norm(np.cross(steps, ray / np.linalg.norm(ray)), axis=1)
    return bool((across <= np.sin(np.radians(_CONSISTENT)) * np.linalg.norm(steps, axis=1) + 1e-6).all())


def _check_principal_points(cameras: Cameras) -> list[Diagnostic]:
    """Principal points far from the centre by the same factor in all cameras: intrinsics for another image size."""
    places = {name: camera.intrinsics[:2, 2] / [camera.width, camera.height] for name, camera in cameras.items()}
    for factor in _SCALES:
        if all(abs(2 * place / factor - 1).max() < _CENTRED for place in places.values()):
            first = next(iter(cameras))
            at = f"({places[first][0]:.0%}, {places[first][1]:.0%}) of the image's width and height"
            what = f"the principal point lies at {at}: the intrinsics are for images {factor:g} times as large"
            hint = "scale them, or name the size they are for (W_, H_ in intri.yml)"
            return [Diagnostic(what, hint, first, code="wrong-image-size", fatal=True)]
    return []


def _check_epipolar(capture: Capture, pairs: Sequence[tuple[str, str]], frame: int) -> list[Diagnostic]:
    """Pairs whose feature matches lie off their epipolar lines, or fit better when the two cameras are exchanged."""
    found = []
    for a, b in progress(pairs, "check pair", unit="pairs", short=False):
        if not {a, b} <= set(capture.masks):
            continue
        images = [capture.image(camera, frame) for camera in (a, b)]
        masks = [is_person(capture.mask(camera, frame)) for camera in (a, b)]
        first, second = match_features(images, masks, count=_FEATURES)
        if len(first) < _LEAST_MATCHES:
            continue
        cameras = capture.cameras[a], capture.cameras[b]
        error = _epipolar_error(cameras, first, second)
        if error > _OFF_EPIPOLAR and _epipolar_error(cameras[::-1], first, second) < error / 3:
            what = f"the images match {b}'s the wrong way round: those of {a} and {b} look swapped"
            hint = "exchange them, or their calibrations"
            found.append(Diagnostic(what, hint, a, code="swapped-images", fatal=True))
        elif error > _OFF_EPIPOLAR:
            what = f"matches with {b} lie {100 * error:.1f} % of the width away from their epipolar lines"
            hint = "the calibration is wrong, or the cameras are not synchronised"
            found.append(Diagnostic(what, hint, a, code="off-epipolar"))
    return found


def _epipolar_error(
    cameras: Sequence[SourceCamera], first: Float[np.ndarray, "n 2"], second: Float[np.ndarray, "n 2"]
) -> float:
    """Median distance of matches from their epipolar lines, as a share of the image's width; 0 where none is known."""
    distances = epipolar_distances(cameras, first, second)
    distances = distances[np.isfinite(distances)]
    return float(np.median(distances)) / cameras[1].width if len(distances) else 0.0


def _check_unit(
    cameras: Cameras, masks: Mapping[str, Bool[np.ndarray, "_ _"]], person: Float[np.ndarray, " 3"]
) -> list[Diagnostic]:
    """A person of implausible height; measured as the median over the cameras of the longer side of the mask."""
    heights = []
    for name, camera in cameras.items():
        depth = (camera.rotation @ (person - camera.centre))[2]
        rows, columns = np.nonzero(masks[name])
        extent = max(np.ptp(rows) / camera.intrinsics[1, 1], np.ptp(columns) / camera.intrinsics[0, 0])
        heights.append(depth * extent)
    height = float(np.median(heights))
    if _HEIGHTS[0] <= height <= _HEIGHTS[1] or height <= 0:
        return []
    unit = next((unit for unit, per in _UNITS.items() if 0.6 < height / per / _BODY_HEIGHT < 1.5), None)
    guess = f"the world's unit looks like {unit}: " if unit else ""
    hint = f"{guess}import the capture with --scale {1 / _UNITS[unit] if unit else _BODY_HEIGHT / height:.3g}"
    return [Diagnostic(f"the person would be {height:.3g} m tall", hint, code="implausible-height")]


def _check_angles(
    cameras: Cameras, pairs: Sequence[tuple[str, str]], person: Float[np.ndarray, " 3"]
) -> list[Diagnostic]:
    """Pairs that are wider than the network handles well."""
    found = []
    for a, b in pairs:
        if {a, b} <= set(cameras):
            angle = rig.pair_angle(person, cameras[a], cameras[b])
            if angle > _WIDE:
                what = f"stands {angle:.0f} degrees from {b}: the two cameras see little in common"
                hint = "expect holes and blur, or choose cameras that stand closer together"
                found.append(Diagnostic(what, hint, a, code="wide-pair"))
    return found


def _check_components(camera: str, mask: Bool[np.ndarray, "h w"]) -> list[Diagnostic]:
    """A second large component of the mask, which could be another person."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
    if len(areas) > 1 and areas[1] > _OTHER_BODY * areas[0]:
        hint = "the masks must show one person: both are reconstructed, and joints may be mixed up"
        return [Diagnostic("the mask shows two bodies", hint, camera, code="several-people")]
    return []
