"""The section `adapt`: weights tuned to a rig by its own cameras."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.assess import rig_problems
from posegaussian.config.base import STRICT, Fraction, Positive, Problem, Seed, Weight, without_problems
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.evaluate import EvaluateSettings
from posegaussian.config.rectify import RectifySettings


@dataclass(frozen=True, config=STRICT)
class AdaptSettings:
    """Tuning on the frames of one rig: each camera between two others is the truth of the views from these."""

    camera: str | None = None
    """The camera that is kept back to judge by; null: one that leaves many others between two."""
    kept_frames: Fraction = 0.2
    """Share of the frames, the last ones, that are kept back to judge by."""
    frames: Positive = 24
    """Number of frames to train on, at most; of more, so many are chosen evenly. Each one is a clip of its own."""
    widest: Annotated[float, Field(gt=0, le=90)] = 60.0
    """Pairs further apart than this, degrees about the person, are left out."""
    steps: Positive | None = None
    """Optimiser steps; null: 1000 on a GPU, 200 on a CPU."""
    batch_size: Positive | None = None
    """Pairs per step; null: 4 on a GPU, 2 on a CPU."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Peak learning rate of AdamW; a fifth of the one that the included weights were trained with."""
    uncertain_band: Fraction = 0.01
    """See `train.uncertain_band`: 1 % of the person's height is 5 pixels in images of 512."""
    least_gain: Weight = 0.2
    """PSNR inside the person's box, dB, that the kept-back camera and the kept-back frames must each gain."""
    rectify: RectifySettings | None = None
    """Stereo rectification; null: 512 x 512 pixels on a GPU, 256 x 256 on a CPU."""
    detector: DetectorSettings = DetectorSettings(kind="blazepose")
    """The 2D pose detector, of a kind that needs no environment of its own."""
    evaluate: EvaluateSettings = EvaluateSettings(crops=("full", "bbox"))
    """Metrics; `bbox` has to be among the crops. LPIPS counts where its weights were fetched."""
    seed: Seed = 0
    """Seed of the order of the frames."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """See `rig_problems`."""
        yield from rig_problems(self.detector, self.evaluate)
