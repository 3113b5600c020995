"""What looks wrong with a capture: checks by geometry, of the first frame's pictures and masks.

A check that finds a better explanation (poses inverted, pictures of two cameras swapped, intrinsics of another size)
is an error, since everything that follows would be wrong; the rest are warnings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.errors import CalibrationError, warn
from posegaussian.geometry import rig
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.images import is_person

WIDE = 60.0
"""Pairs wider than this are warned about, degrees about the person."""
_HEIGHTS = (0.5, 2.6)
"""Heights of people, metres; half a person may be in the picture."""
_UNITS = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37, "feet": 3.28}
_GOOD, _BAD = 3.0, 10.0
"""Viewing rays that miss the person by less fit, degrees; by more, something is wrong."""
_APART = 8.0
"""Rays must differ by more, degrees, for their meeting to prove anything."""
_CENTRED = 0.1
"""Principal points lie this near to the picture's middle, as a share of half its size."""
_SCALES = (0.25, 0.5, 2.0, 4.0)
_OTHER_PERSON = 0.35
"""A second body in the mask has at least this share of the first one's area."""
_MATCHES, _ROWS_OFF = 12, 0.006
"""Feature matches that a verdict needs; median distance to epipolar lines that is too much, shares of the width."""

Cameras = Mapping[str, SourceCamera]
Rays = dict[str, Float[np.ndarray, " 2"]]


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Args:
        what: in a few words.
        hint: what to do about it.
        camera: whose it is, if one's.
        code: of the error or warning that it becomes.
        serious: whether nothing good can come of going on.
    """

    what: str
    hint: str
    camera: str | None = None
    code: str = field(kw_only=True)
    serious: bool = False


def check(capture: Capture, pairs: Sequence[tuple[str, str]], frame: int) -> None:
    """Warn of what looks wrong.

    Raises:
        CalibrationError: for the first serious finding.
    """
    file = capture.calibration_files[-1] if capture.calibration_files else capture.root
    for finding in findings(capture, pairs, frame):
        if finding.serious:
            raise CalibrationError(finding.what, code=finding.code, file=file, camera=finding.camera, hint=finding.hint)
        warn(finding.what, code=finding.code, file=capture.root, camera=finding.camera, hint=finding.hint)


def findings(capture: Capture, pairs: Sequence[tuple[str, str]], frame: int) -> list[Finding]:
    """Everything that looks wrong, the most serious first.

    Args:
        capture: checked where it has masks.
        pairs: of source cameras.
        frame: whose pictures are looked at.
    """
    names = [camera for camera in dict.fromkeys(camera for pair in pairs for camera in pair) if camera in capture.masks]
    if len(names) < 2:
        return []
    cameras = {name: capture.cameras[name] for name in names}
    masks = {name: is_person(capture.mask(name, frame)) for name in names}
    middles = {name: middle(mask) for name, mask in masks.items()}
    found = _poses(cameras, middles) + _swapped(capture, pairs, frame)
    if not any(finding.serious for finding in found):
        person = meeting_point(cameras, middles)
        found += _units(cameras, masks, person) + _width(cameras, pairs, person)
    return found + [finding for name, mask in masks.items() for finding in _people(name, mask)]


def middle(mask: np.ndarray) -> Float[np.ndarray, " 2"]:
    """The middle of a mask, in pixels."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def meeting_point(cameras: Cameras, middles: Rays) -> Float[np.ndarray, " 3"]:
    """The point nearest to the rays through the middles of masks, metres."""
    rays = np.stack([cameras[name].directions(pixel[None])[0] for name, pixel in middles.items()])
    return rig.nearest_point(np.stack([cameras[name].centre for name in middles]), rays)


def misfit(cameras: Cameras, middles: Rays) -> float:
    """How far, at the worst, a ray through the middle of a mask passes by the point where all meet, degrees.

    180 where that point lies behind a camera.
    """
    point = meeting_point(cameras, middles)
    if not np.isfinite(point).all():
        return 180.0
    worst = 0.0
    for name, camera in cameras.items():
        ray, place = camera.directions(middles[name][None])[0], point - camera.centre
        cosine = ray @ place / (np.linalg.norm(ray) * np.linalg.norm(place) + 1e-12)
        worst = max(worst, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    return 180.0 if worst > 90 else worst


def inverted(camera: SourceCamera) -> SourceCamera:
    """The camera whose pose was given as camera to world."""
    return replace(camera, world_to_camera=np.linalg.inv(camera.world_to_camera))


def _poses(cameras: Cameras, middles: Rays) -> list[Finding]:
    """Rays that do not meet, and what would make them meet."""
    found = _principal_points(cameras)
    off = misfit(cameras, middles)
    if found or off < _BAD:
        return found
    said = f"the cameras do not look at one person (rays miss by {off:.0f} degrees)"
    others = {name: inverted(camera) for name, camera in cameras.items()}
    if misfit(others, middles) < _GOOD and _spread(others, middles) > _APART:
        hint = "the poses look camera-to-world: import the capture with --camera-to-world"
        return [Finding(said, hint, code="inverted-poses", serious=True)]
    if _in_line(cameras, middles):
        return []  # no pair can be made of them, which is said then
    for a, b in combinations(cameras, 2):
        if len(cameras) > 2 and misfit({**cameras, a: cameras[b], b: cameras[a]}, middles) < _GOOD:
            hint = f"the pictures of {a} and {b} look swapped"
            return [Finding(said, hint, code="swapped-images", serious=True)]
    return [Finding(said, "check the extrinsics and the masks with `posegaussian inspect`", code="cameras-disagree")]


def _spread(cameras: Cameras, middles: Rays) -> float:
    """The largest angle between the rays through the middles of the masks, degrees."""
    rays = np.stack([camera.directions(middles[name][None])[0] for name, camera in cameras.items()])
    return float(rig.angles(np.zeros(3), rays).max())


def _in_line(cameras: Cameras, middles: Rays) -> bool:
    """Whether all cameras stand in one line with the person, which leaves open where the person is."""
    first, *others = cameras.values()
    ray = first.directions(middles[next(iter(cameras))][None])
    steps = np.stack([camera.centre - first.centre for camera in others])
    across = np.linalg.norm(np.cross(steps, ray / np.linalg.norm(ray)), axis=1)
    return bool((across <= np.sin(np.radians(_GOOD)) * np.linalg.norm(steps, axis=1) + 1e-6).all())


def _principal_points(cameras: Cameras) -> list[Finding]:
    """Intrinsics for pictures of another size have their principal points in one same wrong place."""
    places = {name: camera.intrinsics[:2, 2] / [camera.width, camera.height] for name, camera in cameras.items()}
    for factor in _SCALES:
        if all(abs(2 * place / factor - 1).max() < _CENTRED for place in places.values()):
            first = next(iter(cameras))
            at = f"({places[first][0]:.0%}, {places[first][1]:.0%}) of the picture's width and height"
            what = f"the principal point lies at {at}: the intrinsics are for pictures {factor:g} times as large"
            hint = "scale them, or name the size they are for (W_, H_ in intri.yml)"
            return [Finding(what, hint, first, code="wrong-image-size", serious=True)]
    return []


def _swapped(capture: Capture, pairs: Sequence[tuple[str, str]], frame: int) -> list[Finding]:
    """Pairs whose pictures match better when the two cameras change places."""
    found = []
    for a, b in pairs:
        if {a, b} <= set(capture.masks):
            first, second = capture.cameras[a], capture.cameras[b]
            ours, theirs = _matches(capture, a, b, frame)
            if len(ours) >= _MATCHES:
                as_is, changed = _off(first, second, ours, theirs), _off(second, first, ours, theirs)
                if as_is > _ROWS_OFF and changed < as_is / 3:
                    what = f"the pictures match {b}'s the wrong way round: those of {a} and {b} look swapped"
                    hint = "exchange them, or their calibrations"
                    found.append(Finding(what, hint, a, code="swapped-images", serious=True))
                elif as_is > _ROWS_OFF:
                    what = f"matches with {b} lie {100 * as_is:.1f} % of the width beside their epipolar lines"
                    hint = "the calibration is bad, or the frames are not of one moment"
                    found.append(Finding(what, hint, a, code="off-epipolar"))
    return found


def _matches(capture: Capture, a: str, b: str, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the person that look alike in both pictures (SIFT; Lowe, 2004, with his ratio test, both ways)."""
    features = []
    for camera in (a, b):
        grey = cv2.cvtColor(capture.image(camera, frame), cv2.COLOR_RGB2GRAY)
        person = is_person(capture.mask(camera, frame)).astype(np.uint8)
        points, described = cv2.SIFT_create(2000).detectAndCompute(grey, person)  # pyright: ignore[reportAttributeAccessIssue]
        if described is None or len(points) < 2:
            return np.empty((0, 2)), np.empty((0, 2))
        features.append((np.array([point.pt for point in points]) + 0.5, described))
    ahead, back = (
        {
            pair[0].queryIdx: pair[0].trainIdx
            for pair in cv2.BFMatcher().knnMatch(left[1], right[1], k=2)
            if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance
        }
        for left, right in (features, features[::-1])
    )
    mutual = np.array([(i, j) for i, j in ahead.items() if back.get(j) == i], dtype=int).reshape(-1, 2)
    return features[0][0][mutual[:, 0]], features[1][0][mutual[:, 1]]


def _off(first: SourceCamera, second: SourceCamera, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Median angle between rays and epipolar planes, as a share of the picture's width."""
    left, right = first.directions(ours), second.directions(theirs)
    normals = np.cross(left, second.centre - first.centre)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    sines = abs((normals * right).sum(1)) / np.linalg.norm(right, axis=1)
    sines = sines[np.isfinite(sines)]
    return float(np.median(sines)) * second.intrinsics[0, 0] / second.width if len(sines) else 0.0


def _units(cameras: Cameras, masks: Mapping[str, np.ndarray], person: Float[np.ndarray, " 3"]) -> list[Finding]:
    """The person's height as the median of what the cameras see, the longer side of the mask."""
    heights = []
    for name, camera in cameras.items():
        depth = (camera.rotation @ (person - camera.centre))[2]
        rows, columns = np.nonzero(masks[name])
        extent = max(np.ptp(rows) / camera.intrinsics[1, 1], np.ptp(columns) / camera.intrinsics[0, 0])
        heights.append(depth * extent)
    height = float(np.median(heights))
    if _HEIGHTS[0] <= height <= _HEIGHTS[1] or height <= 0:
        return []
    unit = next((unit for unit, per in _UNITS.items() if 0.6 < height / per / 1.7 < 1.5), None)
    guess = f"the world's unit looks like {unit}: " if unit else ""
    hint = f"{guess}import the capture with --scale {1 / _UNITS[unit] if unit else 1.7 / height:.3g}"
    return [Finding(f"the person would be {height:.3g} m tall", hint, code="implausible-height")]


def _width(cameras: Cameras, pairs: Sequence[tuple[str, str]], person: Float[np.ndarray, " 3"]) -> list[Finding]:
    found = []
    for a, b in pairs:
        if {a, b} <= set(cameras):
            angle = rig.angles(person, np.stack([cameras[a].centre, cameras[b].centre]))[0, 1]
            if angle > WIDE:
                what = f"stands {angle:.0f} degrees from {b}: so wide a pair sees little in common"
                found.append(Finding(what, "expect holes and blur, or choose nearer cameras", a, code="wide-pair"))
    return found


def _people(camera: str, mask: np.ndarray) -> list[Finding]:
    """Bodies in the mask that could be somebody else's."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
    if len(areas) > 1 and areas[1] > _OTHER_PERSON * areas[0]:
        hint = "the masks must show one person: both are reconstructed, and joints may be mixed up"
        return [Finding("the mask shows two bodies", hint, camera, code="several-people")]
    return []
