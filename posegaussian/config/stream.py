"""The section `models.NAME.train.synthetic`: the stream of synthetic people, and its variants."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, ComparedSide, Fps, Fraction, NonNegative, Positive, Sixteens
from posegaussian.config.matte import MatteErrorSettings
from posegaussian.config.people import PeopleSettings
from posegaussian.config.room import RoomSettings
from posegaussian.config.synthetic import REALISTIC_SENSOR, LightSettings, RigSettings, SensorSettings

SEQUENCE_SECONDS = 4
"""Length of each streamed person's pose sequence, seconds; chosen by hand."""


@dataclass(frozen=True, config=STRICT)
class StreamSettings:
    """The endless stream of training samples, with people of the split `train` only."""

    size: tuple[Sixteens, Sixteens] = (512, 512)
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: tuple[ComparedSide, ComparedSide] = (1024, 1024)
    """Width and height of the novel view, pixels."""
    fps: Fps = 30
    """Frames per second of a clip."""
    still: Fraction = 0.15
    """Share of clips in which the person does not move at all."""
    rig: RigSettings = RigSettings()
    """Positions of the cameras, drawn anew for a clip where they cannot see the person or the room cannot hold them."""
    light: LightSettings = LightSettings()
    """The light."""
    sensor: SensorSettings = REALISTIC_SENSOR
    """Sensor effects of the source images; the novel view is always clean."""
    people: PeopleSettings = PeopleSettings()
    """Which synthetic people are drawn."""
    room: RoomSettings = RoomSettings()
    """What surrounds the person."""
    matte: MatteErrorSettings = MatteErrorSettings()
    """Errors of the mattes."""
    unsynchronised: Fraction = 0.0
    """Share of clips whose cameras film up to half a frame apart."""
    pool: Positive = 16
    """Number of people in the pool."""
    lifetime: Positive = 64
    """Steps after which a new person replaces each of them."""
    workers: NonNegative = 2
    """Processes that prepare new people ahead of time; 0: prepared when needed. With any, two more draw cameras,
    lights and rooms of coming steps on CUDA. The samples do not depend on it."""


@dataclass(frozen=True, config=STRICT)
class StreamVariantSettings:
    """A variant of the stream: the same people, other settings; null keeps the setting of `synthetic`."""

    share: Fraction
    """Share of the streamed steps; the rest uses `synthetic` unchanged."""
    batch_size: Positive | None = None
    """Stereo pairs per step and process; a multiple of `frames`."""
    frames: Positive | None = None
    """Consecutive frames of a clip."""
    still: Fraction | None = None
    """Share of clips in which the person does not move at all."""
    size: tuple[Sixteens, Sixteens] | None = None
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: tuple[ComparedSide, ComparedSide] | None = None
    """Width and height of the novel view, pixels."""
    rig: RigSettings | None = None
    """Positions of the cameras."""
    sensor: SensorSettings | None = None
    """Sensor effects of the source images."""
    room: RoomSettings | None = None
    """What surrounds the person."""
    matte: MatteErrorSettings | None = None
    """Errors of the mattes."""
