"""Settings shared by built-in captures and the stream of training samples: rig, light and sensor."""

from collections.abc import Iterator

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fraction, Problem, without_problems
from posegaussian.config.ranges import between


@dataclass(frozen=True, config=STRICT)
class RigSettings:
    """Positions of the cameras; values are drawn evenly from each range, and a single number is always used."""

    baseline: between(1, 90) = (10.0, 60.0)
    """Angle between neighbouring source cameras as seen from the person, degrees."""
    radius: between(0.8, 20) = (1.5, 4.0)
    """Distance of the cameras from the person, metres."""
    pitch: between(-60, 60) = (-25.0, 25.0)
    """Elevation of the cameras above (positive) or below the person's middle, degrees."""
    azimuth: between(-180, 180) = (-180.0, 180.0)
    """Direction of the middle of the cameras: 0 in front of the person, 90 on the person's left, degrees."""
    roll: between(-45, 45) = (-5.0, 5.0)
    """Rotation of each camera about its optical axis, degrees."""
    focal: between(0.3, 4) = (0.6, 1.6)
    """Focal length as a share of the image's longer side; shortened where the person would not fit."""
    principal: between(0, 0.2) = (0.0, 0.04)
    """Distance of the principal point from the image's middle, as a share of its size."""
    margin: between(0, 0.4) = (0.03, 0.12)
    """Free border around the person, as a share of the image."""
    vertical: Fraction = 0.15
    """Share of pairs whose cameras stand one above the other."""
    between_cameras: between(-0.5, 1.5) = (-0.1, 1.1)
    """Place of held-out cameras along the arc: 0 at the first camera of the pair, 1 at the second."""
    above: between(-45, 45) = (-10.0, 10.0)
    """Elevation of held-out cameras above or below (negative) the arc, degrees."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Contradictions between the settings."""
        # The person must fit between the principal point and the margin on the nearer side.
        if self.margin[1] + self.principal[1] >= 0.5:
            free = f"{self.margin[1]:g} and `principal` {self.principal[1]:g}"
            yield ("margin",), f"{free} leave no room for the person: together they must stay below 0.5"


GPS_GAUSSIAN = RigSettings(
    baseline=(22.5, 22.5),
    radius=(2.0, 2.0),
    pitch=(0.0, 0.0),
    azimuth=(0.0, 0.0),
    roll=(0.0, 0.0),
    focal=(4.0, 4.0),
    principal=(0.0, 0.01),
    margin=(0.05, 0.05),
    vertical=0.0,
    between_cameras=(0.5, 0.5),
    above=(0.0, 0.0),
)
"""The fixed rig of the literature: level neighbours 22.5 degrees apart, 2 m away, the person as large as it fits."""


@dataclass(frozen=True, config=STRICT)
class LightSettings:
    """The light: distant lamps and ambient light."""

    lamps: between(1, 6) = (2, 4)
    """Number of lamps; the first casts shadows."""
    key: between(0, 2) = (0.4, 0.8)
    """Strength of the first lamp; at 1 a white surface that faces the lamp is white."""
    fill: between(0, 2) = (0.05, 0.25)
    """Strength of each other lamp."""
    ambient: between(0, 2) = (0.4, 0.6)
    """Strength of the ambient light."""
    warmth: between(-0.5, 0.5) = (-0.08, 0.08)
    """Gain of red, and loss of blue, of each lamp against white; a share."""
    softness: between(0, 0.3) = (0.01, 0.1)
    """Width of the edges of shadows, metres."""
    background: between(0, 1) = (0.1, 0.7)
    """Grey of the wall behind the person."""
    linear: bool = False
    """Whether light adds up as it does in the world: colours are decoded to linear light, lit, and encoded by the
    sensor. Otherwise they are lit as they are, which makes what does not face a lamp darker than in photographs."""


@dataclass(frozen=True, config=STRICT)
class SensorSettings:
    """Sensor effects, drawn for each camera; an effect that is not named is off.

    The cameras of a rig share `metering`, `metered`, `centre`, `grey_world`, `white` and `contrast`, and so do held-out
    cameras and novel views, which are clean but for these.
    """

    metering: between(0, 1) = (0.0, 0.0)
    """How much of a wrong exposure each camera corrects by itself, as a share of the stops: 1 is automatic exposure."""
    metered: between(0.02, 1) = (0.18, 0.18)
    """Mean luminance of the image that automatic exposure aims at; 0.18 is the mid-grey of photography."""
    centre: between(0, 1) = (0.0, 0.0)
    """Weight of the image's middle in metering: 0 is the mean of the image, 1 is centre-weighted."""
    grey_world: between(0, 1) = (0.0, 0.0)
    """How much of the mean colour cast of the image each camera corrects by itself: 1 makes the image's mean grey."""
    white: between(1, 16) = (1.0, 1.0)
    """Brightness that becomes white; above 1, highlights roll off as on film, and all tones become darker."""
    contrast: between(-0.5, 1) = (0.0, 0.0)
    """Strength of an S-shaped tone curve; negative values flatten the image."""
    exposure: between(-2, 2) = (0.0, 0.0)
    """Deviation of the exposure, stops; from the automatic one where `metering` is on."""
    white_balance: between(-0.5, 0.5) = (0.0, 0.0)
    """Gain of red, and loss of blue; a share."""
    gamma: between(0.5, 2) = (1.0, 1.0)
    """Exponent of the brightness."""
    noise: between(0, 0.2) = (0.0, 0.0)
    """Standard deviation of the noise of a white pixel, as a share of white; it falls with the root of brightness."""
    defocus: between(0, 5) = (0.0, 0.0)
    """Standard deviation of the blur, pixels."""
    jpeg: between(10, 100) = (100.0, 100.0)
    """Quality of the quantisation of 8 x 8 blocks; 100 is off."""
    calibration: between(0, 5) = (0.0, 0.0)
    """Largest displacement of any point of the person in the image by errors of calibration, pixels."""
    distortion: between(-0.3, 0.3) = (0.0, 0.0)
    """The lens's k1; declared, and only in captures on disk: streamed pairs are rectified."""


REALISTIC_SENSOR = SensorSettings(
    exposure=(-0.15, 0.15),
    white_balance=(-0.05, 0.05),
    gamma=(0.92, 1.09),
    noise=(0.0, 0.02),
    defocus=(0.0, 0.8),
    jpeg=(60.0, 100.0),
    calibration=(0.0, 0.5),
)
"""Effects of ordinary cameras; ranges chosen by hand."""
