"""The network and its training."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fraction, NonNegative, Positive, Sixteens, Size
from posegaussian.config.synthetic import RigSettings, SensorSettings, StreamSettings


@dataclass(frozen=True, config=STRICT)
class NetworkSettings:
    """The network and its ablation switches."""

    pose: Literal["none", "fused"] = "fused"
    """`none` removes every use of pose, the initial estimate from joints included."""
    stabilizer: bool = True
    """The Temporal Pose Stabilizer; false with weights that have one: every frame is rendered by itself."""
    iterations: Positive = 3
    """Stereo refinement steps."""


@dataclass(frozen=True, config=STRICT)
class LookSettings:
    """Another look of the stream at the same people; what is null stays as the training's settings say."""

    share: Fraction
    """Of the streamed steps; what all looks leave belongs to `synthetic` as it stands."""
    batch_size: Positive | None = None
    """Stereo pairs per step and process."""
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
    """What the cameras do to the source pictures."""


@dataclass(frozen=True, config=STRICT)
class TrainSettings:
    """Training: stage `depth`, then stage `full`."""

    init: str | None = None
    """Weights to start from: `release`, the name of another model, or a path; null starts afresh."""
    depth_steps: NonNegative = 120
    """Optimiser steps of stage `depth`; 0 leaves it out."""
    full_steps: Positive = 120
    """Optimiser steps of stage `full`."""
    batch_size: Positive = 2
    """Stereo pairs per step and process; a multiple of `frames`."""
    frames: Positive = 2
    """Consecutive frames of a clip, what the stabiliser and the temporal loss learn from."""
    target_size: Positive = 256
    """Longer side of the novel views of captures that stage `full` compares, pixels; larger ones are shrunk."""
    stream: Fraction = 0.0
    """Share of the steps that see streamed synthetic people instead of captures; 1 needs no captures."""
    synthetic: StreamSettings = StreamSettings()
    """The stream of synthetic people."""
    looks: tuple[LookSettings, ...] = ()
    """Other sizes, rigs and cameras of the stream, each for a share of the steps."""
    heatmap_errors: str = "package:errors.json"
    """How the detector of streamed people errs: a path, or `package:NAME` for an error model that ships here."""
    heatmap_noise: Annotated[float, Field(ge=0)] = 1.0
    """Multiplies those errors: offsets, and how often joints are missed or swapped."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Peak learning rate of AdamW."""
    warm_up: Annotated[int, Field(ge=0)] = 8
    """Steps at the start over which the learning rate rises to its peak."""
    cooldown: Fraction = 0.6
    """Share of the steps, at the end, over which the learning rate falls to 0; until then a run can be prolonged."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    """Weight decay of AdamW."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay per step of the moving average of the weights, which is what is validated and written; 0 is off."""
    pose_loss: Annotated[float, Field(ge=0)] = 0.05
    """Weight of the pose-conditioned loss."""
    depth_loss: Annotated[float, Field(ge=0)] = 0.05
    """Weight of the disparity loss (pixels at 1024 px) in stage `full`; in stage `depth` it is 1."""
    temporal_loss: Annotated[float, Field(ge=0)] = 0.5
    """Weight of the change of errors from frame to frame, as against the errors themselves."""
    gradient_loss: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the error of image gradients at three scales, as against that of the image."""
    heatmap_dropout: Fraction = 0.1
    """Share of clips that are trained without their heatmaps; half of it: share of joints that go missing."""
    validate_every: Positive = 40
    """Steps between two validations."""
    validation_clips: Positive = 4
    """How many clips of the `val` captures are watched, always the same ones."""
    save_every: Positive = 50
    """Steps between two saves of the resume state."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Arithmetic, in Lightning Fabric's words."""
    seed: int = 0
    """Seed of initialisation and sampling."""


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """A named model: every choice that makes its weights."""

    detector: str = "small"
    """Which of `detectors` makes its heatmaps."""
    weights: str = "train"
    """`train`, `release` (the weights that ship here), or the path of a safetensors file."""
    network: NetworkSettings = NetworkSettings()
    """The network and its ablation switches."""
    train: TrainSettings = TrainSettings()
    """Training; not used unless `weights` is `train`."""
