"""The section `models.NAME.train.synthetic`: the stream of synthetic people, and its variants."""

from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fraction, NonNegative, Positive, Sixteens, Size
from posegaussian.config.people import PeopleSettings
from posegaussian.config.synthetic import REALISTIC_SENSOR, LightSettings, RigSettings, SensorSettings


@dataclass(frozen=True, config=STRICT)
class StreamSettings:
    """The endless stream of training samples; people of the split `train` alone."""

    size: tuple[Sixteens, Sixteens] = (512, 512)
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: Size = (1024, 1024)
    """Width and height of the novel view, pixels."""
    fps: Positive = 30
    """Frames per second of a clip."""
    still: Fraction = 0.15
    """Share of clips in which the person does not move at all."""
    rig: RigSettings = RigSettings()
    """Where the cameras stand."""
    light: LightSettings = LightSettings()
    """The light."""
    sensor: SensorSettings = REALISTIC_SENSOR
    """What the cameras do to the source images; the novel view is always clean."""
    people: PeopleSettings = PeopleSettings()
    """Which people are drawn."""
    pool: Positive = 16
    """People at hand at any moment."""
    lifetime: Positive = 64
    """Steps after which each of them is replaced by a new one."""
    workers: NonNegative = 2
    """Processes that make new people ahead of time; 0: made when needed. The samples are the same."""


@dataclass(frozen=True, config=STRICT)
class StreamVariantSettings:
    """Another way to film the people of the stream; what is null stays as the training's settings say."""

    share: Fraction
    """Share of the streamed steps; what all variants leave belongs to `synthetic` as it stands."""
    batch_size: Positive | None = None
    """Stereo pairs per step and process; a multiple of `frames`."""
    frames: Positive | None = None
    """Consecutive frames of a clip."""
    still: Fraction | None = None
    """Share of clips in which the person does not move at all."""
    size: tuple[Sixteens, Sixteens] | None = None
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: Size | None = None
    """Width and height of the novel view, pixels."""
    rig: RigSettings | None = None
    """Where the cameras stand."""
    sensor: SensorSettings | None = None
    """What the cameras do to the source images."""
