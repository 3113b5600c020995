"""Rigs: source cameras on an arc or a ring around the person, and held-out cameras near each pair of neighbours."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from posegaussian.config import BuiltinSettings, RigSettings
from posegaussian.errors import ConfigError

NEAREST_POINT = 0.2
"""Points nearer to the camera's plane than this are refused, metres; chosen by hand."""
LOWEST_CAMERA = 0.15
"""Cameras in a room stand at least this far above the floor, metres: a camera on its shortest tripod."""
SHORTEST_FOCAL = 0.2
"""Shorter focal lengths are refused, as a share of the image's longer side: an angle of view of 136 degrees."""
SHORTEST_SHARE = 0.7
"""Focal lengths are drawn from this share of the longest one that holds the person; chosen by hand: the person fills at
least about 70 % of the image."""


@dataclass(frozen=True)
class RigCamera:
    """A camera in NumPy: pixel centres at +0.5, OpenCV axes, metres."""

    intrinsics: Float[np.ndarray, "3 3"]
    world_to_camera: Float[np.ndarray, "4 4"]
    width: int
    height: int
    distortion: Float[np.ndarray, "5"] = field(default_factory=lambda: np.zeros(5))

    @property
    def centre(self) -> Float[np.ndarray, "3"]:
        """The optical centre in the world, metres."""
        return -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]

    def project(self, points: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 2"]:
        """Pixels of points in the world, through a perfect lens."""
        camera = points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]
        return (camera / camera[..., 2:]) @ self.intrinsics[:2].T


@dataclass(frozen=True)
class Rig:
    """Cameras by name: sources, held-out cameras (never inputs), and the pairs of neighbouring sources."""

    sources: dict[str, RigCamera]
    held_out: dict[str, RigCamera]
    pairs: list[tuple[str, str]]

    @property
    def cameras(self) -> dict[str, RigCamera]:
        """All cameras."""
        return {**self.sources, **self.held_out}


@dataclass(frozen=True)
class Arc:
    """A circle around a point, on which cameras are placed by angle."""

    centre: Float[np.ndarray, "3"]  # of the circle, metres
    middle: Float[np.ndarray, "3"]  # unit direction from the centre to the place at angle 0
    axis: Float[np.ndarray, "3"]  # of the rotation by the angle, unit length
    radius: float  # metres

    def place(self, angle: float, above: float = 0.0) -> Float[np.ndarray, "3"]:
        """The place at an angle along the circle and an angle off it, towards the axis; degrees."""
        direction = rotate(self.middle, self.axis, angle)
        sideways = cross(direction, self.axis)
        return self.centre + self.radius * rotate(direction, sideways / np.linalg.norm(sideways), above)

    def above_floor(self, angles: Iterable[float]) -> "Arc":
        """The circle, raised until none of the places at these angles is lower than `LOWEST_CAMERA`.

        All cameras rise alike: those of an upright pair that each rose to the floor would meet there.
        """
        rise = max(LOWEST_CAMERA - min(self.place(angle)[2] for angle in angles), 0.0)
        return replace(self, centre=self.centre + np.array([0.0, 0.0, rise]))


def cross(a: Float[np.ndarray, "3"], b: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """The vector product; for one pair ten times as fast as np.cross."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def rotate(vector: Float[np.ndarray, "3"], axis: Float[np.ndarray, "3"], angle: float) -> Float[np.ndarray, "3"]:
    """A vector turned about an axis by an angle in degrees (Rodrigues)."""
    a = np.deg2rad(angle)
    return np.cos(a) * vector + np.sin(a) * cross(axis, vector) + (1 - np.cos(a)) * (axis @ vector) * axis


def draw_arc(
    rng: np.random.Generator, settings: RigSettings, centre: Float[np.ndarray, "3"], ring: bool = False
) -> Arc:
    """A random circle for the rig: a level or an upright arc, as its middle camera sees it, or a level ring."""
    azimuth, pitch = (np.deg2rad(rng.uniform(*bounds)) for bounds in (settings.azimuth, settings.pitch))
    radius, upright = rng.uniform(*settings.radius), rng.uniform() < settings.vertical
    out = np.array([np.cos(pitch) * np.sin(azimuth), -np.cos(pitch) * np.cos(azimuth), np.sin(pitch)])
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    axis = np.array([0.0, 0.0, 1.0]) if ring else right if upright else cross(out, right)
    return Arc(centre, out, axis, radius)


def look_at(
    centre: Float[np.ndarray, "3"], point: Float[np.ndarray, "3"], roll: float = 0.0
) -> Float[np.ndarray, "4 4"]:
    """world_to_camera of a camera at `centre` whose optical axis meets `point`; upright, then rolled by degrees."""
    forward = (point - centre) / np.linalg.norm(point - centre)
    right = cross(forward, np.array([0.0, 0.0, 1.0]))
    right /= np.linalg.norm(right)
    down = cross(forward, right)
    a = np.deg2rad(roll)
    matrix = np.eye(4)
    matrix[:3, :3] = [np.cos(a) * right + np.sin(a) * down, np.cos(a) * down - np.sin(a) * right, forward]
    matrix[:3, 3] = -matrix[:3, :3] @ centre
    return matrix


def on_image_plane(pose: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
    """Places of points on the plane at depth 1.

    Raises:
        ConfigError: not all of them lie in front of the camera.
    """
    camera = points @ pose[:3, :3].T + pose[:3, 3]
    if (camera[:, 2] < NEAREST_POINT).any():
        raise ConfigError(
            "the rig cannot see the person: a camera stands in or behind the person",
            code="person-out-of-view",
            hint="raise `radius`",
        )
    return camera[:, :2] / camera[:, 2:]


def draw_framed_camera(
    rng: np.random.Generator,
    settings: RigSettings,
    pose: Float[np.ndarray, "4 4"],
    size: tuple[int, int],
    extent: Float[np.ndarray, "n 3"],
    distortion: tuple[float, float] = (0.0, 0.0),
) -> RigCamera:
    """A random camera whose image holds the whole person.

    Args:
        rng: draws the focal length, the principal point and the margin.
        settings: their ranges.
        pose: world_to_camera.
        size: width and height of the image, pixels.
        extent: points that must be seen, with the margin.
        distortion: range of the lens's k1.

    Raises:
        ConfigError: the camera cannot see the person, or its lens model folds the image back onto itself within them.
    """
    lens = np.array([rng.uniform(*distortion), 0, 0, 0, 0])
    flat = on_image_plane(pose, extent)
    squares = (flat**2).sum(1, keepdims=True)
    if (1 + 3 * lens[0] * squares).min() <= 0:  # the slope of r (1 + k1 r^2)
        what = f"the rig cannot see the person: a lens of k1 = {lens[0]:.2f} folds the image where they are"
        raise ConfigError(what, code="person-out-of-view", hint="raise `radius`, or `distortion` of the sensor")
    flat = flat * (1 + lens[0] * squares)
    offset = rng.uniform(*settings.principal) * np.array(size) * _direction(rng)
    principal = np.array(size) / 2 + offset
    free = rng.uniform(*settings.margin) * np.array(size)
    room = np.where(flat > 0, np.array(size) - free - principal, principal - free)
    focal = draw_focal(rng, settings, float((room / np.maximum(abs(flat), 1e-9)).min()), size)
    return RigCamera(np.array([[focal, 0, principal[0]], [0, focal, principal[1]], [0, 0, 1.0]]), pose, *size, lens)


def draw_focal(rng: np.random.Generator, settings: RigSettings, longest: float, size: tuple[int, int]) -> float:
    """A random focal length (pixels) within the settings' range that keeps the whole person in the image.

    Raises:
        ConfigError: the person fits only with a focal length below `SHORTEST_FOCAL`.
    """
    if longest < SHORTEST_FOCAL * max(size):
        what = f"the rig cannot see the person: that takes a focal length of {longest / max(size):.2f} of the image"
        raise ConfigError(what, code="person-out-of-view", hint="raise `radius`, or lower `margin` or `principal`")
    low, high = (share * max(size) for share in settings.focal)
    high = min(high, longest)
    return rng.uniform(min(max(low, SHORTEST_SHARE * longest), high), high)


def _direction(rng: np.random.Generator) -> Float[np.ndarray, "2"]:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def above_floor(place: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """The position of a camera, raised to `LOWEST_CAMERA` above the floor of rooms if it is lower."""
    return np.array([place[0], place[1], max(place[2], LOWEST_CAMERA)])


def capture_rig(rng: np.random.Generator, settings: BuiltinSettings, extent: Float[np.ndarray, "n 3"]) -> Rig:
    """The random rig of a capture; in a room, all cameras rise together where one would stand below the floor.

    Args:
        rng: random generator.
        settings: number and size of the cameras, and ranges.
        extent: points that every camera must see, metres.

    Raises:
        ConfigError: no such cameras can see the person.
    """
    ranges, count = settings.rig, settings.sources
    middle = (extent.min(0) + extent.max(0)) / 2
    arc = draw_arc(rng, ranges, middle, settings.ring)
    step = 360 / count if settings.ring else rng.uniform(*ranges.baseline)
    angles = step * (np.arange(count) - (count - 1) / 2)
    arc = arc if settings.room.off else arc.above_floor(angles)

    def view(angle, above=0.0, distortion=(0.0, 0.0)):
        place = arc.place(angle, above)
        place = place if settings.room.off else above_floor(place)
        pose = look_at(place, middle, rng.uniform(*ranges.roll))
        return draw_framed_camera(rng, ranges, pose, settings.size, extent, distortion)

    sources = {f"{i:02d}": view(angle, distortion=settings.sensor.distortion) for i, angle in enumerate(angles)}
    names = list(sources)
    pairs = list(pairwise([*names, names[0]] if settings.ring and count > 2 else names))
    held_out = {}
    for number, angle in enumerate(angles[: len(pairs)]):
        for i in range(settings.targets):
            low, high = ranges.between_cameras
            ratio = low + (high - low) * (i + rng.uniform()) / settings.targets
            suffix = f"_{i}" if settings.targets > 1 else ""
            held_out[f"t{number:02d}{suffix}"] = view(angle + ratio * step, rng.uniform(*ranges.above))
    return Rig(sources, held_out, pairs)
