"""The section `models.NAME.train`: training."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, PlainSerializer
from pydantic.dataclasses import dataclass
from pydantic_core import CoreSchema

from posegaussian.config.base import (
    STRICT,
    ComparedSide,
    Fraction,
    NameOf,
    NonNegative,
    Positive,
    Problem,
    Seed,
    Weight,
    without_problems,
)
from posegaussian.config.stream import SEQUENCE_SECONDS, StreamSettings, StreamVariantSettings
from posegaussian.registry import LOSSES, Loss

_MOST_NOISE = 5.0
"""Factor at which joints that are found are about as far off as missed ones. Of the error models that ship, offsets are
0.67 (`errors.json`) and 0.91 cells (`errors_blazepose.json`) at the median, those of missed joints 6.2 and 3.9 times as
much."""


def loss_weights(given: dict[str, float] | None = None) -> dict[str, float]:
    """The weight of every loss of the registry: the given one, or its default."""
    return {name: entry.weight for name, entry in LOSSES.items()} | (given or {})


def _chosen(weights: dict[str, float]) -> dict[str, float]:
    """The weights that are not the default of their loss; `loss_weights` adds the others again."""
    return {name: weight for name, weight in weights.items() if weight != LOSSES[name].weight}


class _EachLoss:
    """Makes a key with a default and a description of each loss in the JSON schema."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        keys = {
            name: {"type": "number", "minimum": 0, "default": entry.weight, "description": _meaning(entry)}
            for name, entry in LOSSES.items()
        }
        return {"type": "object", "properties": keys, "additionalProperties": False}


def _meaning(entry: Loss) -> str:
    alone = f"; phase `{entry.phases[0]}` alone" if len(entry.phases) == 1 else ""
    return entry.about + alone + "".join(f"; {weight:g} in phase `{phase}`" for phase, weight in entry.fixed.items())


Losses = Annotated[
    dict[Annotated[str, NameOf(LOSSES)], Weight], AfterValidator(loss_weights), PlainSerializer(_chosen), _EachLoss()
]


@dataclass(frozen=True, config=STRICT)
class TrainSettings:
    """Training: phase `depth`, then phase `full`."""

    init: str | None = None
    """Weights to start from: `release`, the name of another model, or a path; null: random weights."""
    frozen: tuple[str, ...] = ()
    """Parts of the network that keep the weights of `init`, such as `matte`, which corrects mattes."""
    depth_steps: NonNegative = 120
    """Optimiser steps of phase `depth`; 0 omits it: phase `full` starts from `init`."""
    full_steps: Positive = 120
    """Optimiser steps of phase `full`."""
    batch_size: Positive = 2
    """Stereo pairs per step and process; a multiple of `frames`."""
    frames: Positive = 2
    """Consecutive frames per clip, for the stabiliser and the temporal loss."""
    target_size: ComparedSide = 256
    """Longer side of the target views of captures in phase `full`, pixels; larger ones are shrunk."""
    stream: Fraction = 0.0
    """Share of the steps that use streamed synthetic people instead of captures; 1 needs no captures."""
    synthetic: StreamSettings = StreamSettings()
    """The stream of synthetic people."""
    stream_variants: tuple[StreamVariantSettings, ...] = ()
    """Variants of the stream, each for a share of the streamed steps."""
    heatmap_errors: str = "package:errors.json"
    """Error model of the detector for streamed people: a path, or `package:NAME` for one that ships with the project
    (made by tools/fit_error_model.py): `errors.json` is that of the small detector, with which the included weights
    were trained, `errors_blazepose.json` that of `blazepose` in rooms."""
    heatmap_noise: Annotated[float, Field(ge=0, le=_MOST_NOISE)] = 1.0
    """Multiplies those errors: offsets, and how often joints are missed or swapped. At most 5: joints that are
    found are then about as far off as missed ones."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Peak learning rate of AdamW."""
    warm_up: NonNegative = 8
    """Steps at the start over which the learning rate rises to its peak."""
    cooldown: Fraction = 0.6
    """Share of the steps, at the end, over which the learning rate falls to 0; until then a run can be extended."""
    weight_decay: Weight = 1e-5
    """Weight decay of AdamW."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay per step of the exponential moving average (EMA) of the weights, which is validated and written; 0: off."""
    losses: Losses = Field(default_factory=loss_weights)
    """Weights of the losses by name; one that is left out has its default."""
    uncertain_band: Fraction = 0.0
    """Width of a band on either side of the person's edge, as a share of the person's height, in which target views are
    not compared. Masks of photographs are least sure there; those of built-in people are exact."""
    heatmap_dropout: Fraction = 0.1
    """Share of clips that are trained without heatmaps; half of it is the share of joints that are dropped."""
    validate_every: Positive = 40
    """Steps between two validations."""
    validation_clips: Positive = 4
    """Clips of the `val` captures that are used for validation, always the same ones."""
    save_every: Positive = 50
    """Steps between two saves of the checkpoint state."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """Precision as Lightning Fabric names it: `32-true`, `bf16-mixed` or `16-mixed`."""
    seed: Seed = 0
    """Seed of initialisation and sampling."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """Settings that contradict each other."""
        if self.batch_size % self.frames:
            yield ("batch_size",), f"{self.batch_size} is no multiple of `frames` {self.frames}"
        for number, variant in enumerate(self.stream_variants):
            size, frames = variant.batch_size or self.batch_size, variant.frames or self.frames
            if size % frames and (variant.batch_size or variant.frames):
                key = "batch_size" if variant.batch_size else "frames"
                problem = f"`batch_size` {size} is no multiple of `frames` {frames}"
                yield ("stream_variants", number, key), problem
        clips = [(("frames",), self.frames)]
        clips += [(("stream_variants", i, "frames"), each.frames or 0) for i, each in enumerate(self.stream_variants)]
        fps, longest = self.synthetic.fps, SEQUENCE_SECONDS * self.synthetic.fps
        for path, frames in clips if self.stream else ():
            if frames > longest:
                what = f"streamed people move for {SEQUENCE_SECONDS} s, {longest} frames at `synthetic.fps` {fps}"
                yield path, f"a clip of {frames} frames is too long: {what}"
        shares = sum(variant.share for variant in self.stream_variants)
        if shares > 1 + 1e-9:  # 0.05 + 0.55 + 0.3 + 0.1 is 1 + 2e-16
            yield ("stream_variants",), f"their shares sum to {shares:g}, more than 1"
