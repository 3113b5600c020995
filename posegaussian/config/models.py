"""The section `models`: named models, each a full set of choices."""

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Positive
from posegaussian.config.train import TrainSettings


@dataclass(frozen=True, config=STRICT)
class NetworkSettings:
    """The network and its ablation switches."""

    pose: Literal["none", "fused"] = "fused"
    """`fused`: joints guide the matching; `none` removes every use of pose, the estimate from joints included."""
    stabilizer: bool = True
    """The Temporal Pose Stabilizer; false with weights that have one: every frame is rendered by itself."""
    iterations: Positive = 3
    """Stereo refinement steps."""


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """A named model: every choice that makes its weights."""

    detector: str = "small"
    """Which of `detectors` makes its heatmaps."""
    weights: str = "train"
    """`train`, `release` (the weights that ship with the project), or the path of a safetensors file."""
    network: NetworkSettings = NetworkSettings()
    """The network and its ablation switches."""
    train: TrainSettings = Field(default_factory=TrainSettings)  # with the losses that the registry then has
    """Training; not used unless `weights` is `train`."""

    @property
    def learns_from_captures(self) -> bool:
        """Whether the model is trained here, and not on the stream alone."""
        return self.weights == "train" and self.train.stream < 1
