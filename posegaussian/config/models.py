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
    """`fused`: joints guide the matching; `none`: no use of pose, neither in the network nor in the disparity prior."""
    stabilizer: bool = True
    """The Temporal Pose Stabilizer; false with weights that have one: every frame is reconstructed on its own."""
    iterations: Positive = 3
    """Updates of the stereo GRU."""
    matte: Literal["exact", "hint"] = "exact"
    """`exact`: the person is what the masks cover, and images are black elsewhere; `hint`: the network sees images as
    filmed around the masks, too, and estimates what the person covers."""

    @property
    def filmed(self) -> bool:
        """Whether images are inputs as filmed around the masks; else with the person on black."""
        return self.matte == "hint"


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """A named model: all settings that determine its weights."""

    detector: str = "small"
    """The entry of `detectors` that makes its heatmaps."""
    weights: str = "train"
    """`train`, `release` (the weights that ship with the project), or the path of a safetensors file."""
    network: NetworkSettings = NetworkSettings()
    """The network and its ablation switches."""
    train: TrainSettings = Field(default_factory=TrainSettings)  # with the losses that the registry then has
    """Training; not used unless `weights` is `train`."""

    @property
    def learns_from_captures(self) -> bool:
        """Whether the model is trained, and not on the stream alone."""
        return self.weights == "train" and self.train.stream < 1
