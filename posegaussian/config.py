"""The configuration: frozen dataclasses, one per stage, and a strict loader.

`workflow/schemas/` is generated from these classes (`python -m posegaussian schema`), so that editors, Snakemake and
the command line accept exactly the same keys. Lightweight on purpose: the MMPose environment imports it.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from posegaussian.errors import ConfigError

_strict = ConfigDict(extra="forbid")
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Sixteens = Annotated[int, Field(gt=0, multiple_of=16)]
Size = tuple[Positive, Positive]
T = TypeVar("T")

STAGE_VERSION = {
    "captures": 1,
    "rectify": 1,
    "heatmaps": 1,
    "train": 1,
    "render": 1,
    "evaluate": 1,
    "report": 1,
}
"""Raised by hand when a stage's results change; Snakemake then reruns the stage and what follows it."""


@dataclass(frozen=True, config=_strict)
class BuiltinSettings:
    """The built-in captures: synthetic people before a synthetic rig."""

    frames: Positive = 12
    """Consecutive frames."""
    fps: Positive = 30
    """Frames per second."""
    size: Size = (512, 512)
    """Width and height of every camera, pixels."""
    sources: Annotated[int, Field(ge=2)] = 3
    """Source cameras, named 00, 01, ...; between two neighbours stands one target camera that is never an input."""
    baseline: Annotated[float, Field(gt=0, le=90)] = 22.5
    """Angle between neighbouring source cameras, degrees."""
    radius: Annotated[float, Field(gt=0)] = 2.0
    """Distance of the cameras from the person, metres."""


@dataclass(frozen=True, config=_strict)
class RectifySettings:
    """Stereo rectification."""

    size: tuple[Sixteens, Sixteens] = (256, 256)
    """Width and height of the rectified source images, pixels; multiples of 16."""
    target_size: Size | None = None
    """Width and height of the undistorted target images, pixels; null keeps each capture's own."""
    margin: Annotated[float, Field(ge=0, lt=0.5)] = 0.06
    """Free border around the person, as a share of the image."""


@dataclass(frozen=True, config=_strict)
class DetectorSettings:
    """A 2D pose detector: an MMPose top-down heatmap model."""

    config: str
    """MMPose configuration: a path, `package:NAME` for one that ships here, or a name from MMPose's own package."""
    weights: str
    """Weights: a path, or `package:NAME` for weights that ship here."""
    url: str | None = None
    """Where the weights are downloaded from when the file is missing."""
    sha256: str | None = None
    """The weights' sha256, or its first digits."""


@dataclass(frozen=True, config=_strict)
class NetworkSettings:
    """The network and its ablation switches."""

    pose: Literal["none", "fused"] = "fused"
    """`none` removes every use of pose, the initial estimate from joints included."""
    stabilizer: bool = True
    """The Temporal Pose Stabilizer."""
    iterations: Positive = 3
    """Stereo refinement steps."""


@dataclass(frozen=True, config=_strict)
class TrainSettings:
    """Training: stage `depth`, then stage `full`."""

    depth_steps: Positive = 120
    """Optimiser steps of stage `depth`."""
    full_steps: Positive = 120
    """Optimiser steps of stage `full`."""
    batch_size: Positive = 2
    """Stereo pairs per step; with the stabiliser two consecutive frames of each pair, so an even number."""
    target_size: Positive = 256
    """Longer side of the novel views that stage `full` compares, pixels; larger ones are shrunk."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    """Peak learning rate of AdamW."""
    cooldown: Fraction = 0.6
    """Share of the steps, at the end, over which the learning rate falls to 0."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    """Weight decay of AdamW."""
    pose_loss: Annotated[float, Field(ge=0)] = 0.05
    """Weight of the pose-conditioned loss."""
    depth_loss: Annotated[float, Field(ge=0)] = 0.05
    """Weight of the disparity loss (pixels at 1024 px) in stage `full`; in stage `depth` it is 1."""
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


@dataclass(frozen=True, config=_strict)
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


@dataclass(frozen=True, config=_strict)
class RenderSettings:
    """Novel views."""

    path_steps: Positive = 48
    """Pictures along the path between the cameras, per capture."""
    path_size: Size = (512, 512)
    """Width and height of the path's pictures, pixels."""
    fps: Positive = 12
    """Pictures per second of the MP4."""
    backend: Literal["auto", "numba", "gsplat", "inria", "torch"] = "auto"
    """Rasteriser."""


@dataclass(frozen=True, config=_strict)
class ViewSettings:
    """One novel view rendered by hand, from a capture folder."""

    rectify: RectifySettings | None = None
    """Stereo rectification; null: as for the captures that the weights learned from."""
    detector: DetectorSettings | None = None
    """The 2D pose detector; null: the one that the weights learned with."""
    size: Size | None = None
    """Width and height of the picture, pixels; null: those of the cameras."""
    backend: Literal["auto", "numba", "gsplat", "inria", "torch"] = "auto"
    """Rasteriser."""


@dataclass(frozen=True, config=_strict)
class EvaluateSettings:
    """Metrics."""

    protocols: tuple[Literal["full", "bbox", "ghg"], ...] = ("full", "bbox", "ghg")
    """Which crops are measured."""
    lpips_weights: str | None = None
    """Folder with LPIPS weights; null leaves the column empty and says so."""


@dataclass(frozen=True, config=_strict)
class Config:
    """The whole configuration file."""

    captures: str = "config/captures.tsv"
    """The sheet of captures."""
    mmpose_env: str = ".venv-mmpose"
    """Folder of the MMPose environment when conda is not used; relative paths start at the repository."""
    report: tuple[str, ...] = ("demo",)
    """Models that `snakemake` takes as far as the report."""
    builtin: BuiltinSettings = BuiltinSettings()
    """Built-in captures."""
    rectify: RectifySettings = RectifySettings()
    """Stereo rectification."""
    detectors: dict[str, DetectorSettings] = Field(default_factory=dict)
    """2D pose detectors by name."""
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    """Models by name."""
    render: RenderSettings = RenderSettings()
    """Novel views."""
    evaluate: EvaluateSettings = EvaluateSettings()
    """Metrics."""


@dataclass(frozen=True, config=_strict)
class CaptureRow:
    """One row of the captures sheet."""

    capture: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """The capture's name: letters, digits, `_`, `.` and `-`."""
    split: Literal["train", "val", "test"]
    """`train`: learned from; `val`: watched while training; `test`: rendered, measured and reported."""
    path: Annotated[str, Field(min_length=1)]
    """The capture's folder, or `builtin:SEED` for a synthetic person that the pipeline makes."""
    pairs: Annotated[str, Field(pattern=r"^([^,\s]+,[^,\s]+( [^,\s]+,[^,\s]+)*)?$")] = ""
    """Source pairs by camera name, `00,01 01,02`; empty: neighbours."""


def parse(kind: type[T], values: Any, source: str = "settings") -> T:
    """Build a settings object from plain values.

    Args:
        kind: one of the dataclasses above.
        values: a mapping as YAML or JSON gives it.
        source: named in the error.

    Raises:
        ConfigError: an unknown key, a missing key or a wrong value; one line that names each.
    """
    try:
        # JSON mode: tuples arrive as lists; strict about everything else.
        return TypeAdapter(kind).validate_json(json.dumps(values if values is not None else {}))
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or '(top)'}: {_explain(e)}" for e in error.errors()]
        raise ConfigError("; ".join(problems), file=source) from None


def _explain(error: Any) -> str:
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return "unknown key"
    return f"{error['msg'][0].lower()}{error['msg'][1:]}, not {error['input']!r}"


def load(path: str | Path) -> Config:
    """Read a configuration file.

    Raises:
        ConfigError: the file cannot be read, or holds an unknown key or a wrong value.
    """
    return parse(Config, _read(Path(path)), str(path))


def load_settings(kind: type[T], text: str | None) -> T:
    """Settings of one stage from the command line: YAML or JSON text, a file with it, or None for the defaults."""
    if text is None:
        return kind()
    if not text.lstrip().startswith("{"):
        return parse(kind, _read(Path(text)), text)
    return parse(kind, yaml.safe_load(text), "--settings")


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", file=path) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {' '.join(str(error).split())}", file=path) from None


def as_dict(settings: Any) -> dict[str, Any]:
    """Settings as plain values, as stored in files and handed to Snakemake's rules."""
    return json.loads(json.dumps(asdict(settings)))


def json_schema(kind: type = Config) -> dict[str, Any]:
    """The JSON schema of the configuration file, or of one row of the captures sheet."""
    return TypeAdapter(kind).json_schema()
